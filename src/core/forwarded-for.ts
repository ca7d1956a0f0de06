import { canonicalAddress } from './address-text.ts';
import { containsAddress, type Networks } from './networks.ts';

/** So many entries are looked at: nobody has more proxies in a row, and a list is as long as the head of a request may be. */
export const hopsMax = 64;

/**
 * Whom a request comes from, if it came by proxies that are trusted: the right-most address of X-Forwarded-For that is none of theirs. Each
 * of them appends whom it was called by, so what stands to the left of that address is only what a stranger says of itself. nginx's
 * `real_ip_recursive` searches in the same way. An entry that is no address ends the search, as does the end of the list: then it is the
 * last address that was read.
 * @param forwardedFor the lines of the field, joined by commas in their order
 * @param peerAddress who called us; it is trusted
 */
export function searchClient(forwardedFor: string, peerAddress: string, trusted: Networks): string {
  let client = peerAddress;
  let end = forwardedFor.length;
  for (let hops = 0; hops < hopsMax && end >= 0; hops++) {
    const comma = end === 0 ? -1 : forwardedFor.lastIndexOf(',', end - 1);
    const address = entryAddress(forwardedFor.slice(comma + 1, end));
    if (address === undefined) break;
    client = address;
    if (!containsAddress(trusted, address)) break;
    end = comma;
  }
  return client;
}

/** The longest that an address with brackets, zone and port can be; longer entries are not taken apart. Characters. */
const entryLengthMax = 80;

/** `[2001:db8::1]:443`, `[2001:db8::1]`, `192.0.2.1:80`: some proxies append the port. */
const withPort = /^(?:\[([^\]]*)\]|([0-9.]+))(?::[0-9]{1,5})?$/;

function entryAddress(entry: string): string | undefined {
  const text = entry.trim();
  if (text.length > entryLengthMax) return undefined;
  const match = withPort.exec(text);
  if (match === null) return canonicalAddress(text);
  const [, bracketed, plain] = match;
  // Brackets are for IPv6 alone.
  return bracketed === undefined ? canonicalAddress(plain!) : bracketed.includes(':') ? canonicalAddress(bracketed) : undefined;
}
