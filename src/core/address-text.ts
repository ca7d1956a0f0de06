import { parseAddress } from './networks.ts';

/**
 * The one way to write an address (RFC 5952 section 4 for IPv6), so that one client is one key however somebody in front of us spells it;
 * undefined for what is no address. Zones are left out, and IPv4 addresses that IPv6 carries are written as such.
 */
export function canonicalAddress(text: string): string | undefined {
  const address = parseAddress(text);
  if (address === undefined) return undefined;
  if (typeof address === 'string') return ipv6Text(address);
  // Leading zeros are refused, so an IPv4 address that can be read is written as it should be.
  return text.includes(':') ? ipv4Text(address) : text;
}

function ipv4Text(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.');
}

/** @param digits 32 hexadecimal ones in lower case */
function ipv6Text(digits: string): string {
  const groups = Array.from({ length: 8 }, (_, index) => Number.parseInt(digits.slice(4 * index, 4 * index + 4), 16));
  const { start, length } = longestZeros(groups);
  const text = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(':');
  // One group alone is not worth the colons (section 4.2.2).
  return length < 2 ? text(groups) : `${text(groups.slice(0, start))}::${text(groups.slice(start + length))}`;
}

/** The first of the longest runs of zeros (section 4.2.3). */
function longestZeros(groups: readonly number[]): { readonly start: number; readonly length: number } {
  let longest = { start: 0, length: 0 };
  let start = 0;
  for (const [index, group] of groups.entries()) {
    if (group !== 0) start = index + 1;
    else if (index + 1 - start > longest.length) longest = { start, length: index + 1 - start };
  }
  return longest;
}
