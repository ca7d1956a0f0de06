/**
 * Networks in CIDR notation (RFC 4632 section 3.1, RFC 4291 section 2.3), made ready for asking whether an address lies in one of them.
 *
 * They are kept as ranges that neither touch nor overlap, in order, so that an address is found by halving, however many there are. IPv4 and
 * IPv6 stand apart: `::/0` has no IPv4 address in it. IPv6 addresses that carry an IPv4 one (`::ffff:10.0.0.1`, RFC 4291 section 2.5.5.2)
 * are that one, in networks and as clients.
 */
import { invariant } from './invariant.ts';

export interface Networks {
  readonly ipv4: Ranges<number>;
  readonly ipv6: Ranges<string>;
}

/** First and last address of each range. IPv4: 0 … 2³² − 1. IPv6: 32 hexadecimal digits, whose order as text is that of the addresses. */
interface Ranges<T extends number | string> {
  readonly starts: readonly T[];
  readonly ends: readonly T[];
}

/** @param networks address and length of the prefix, or an address alone; bits behind the prefix do not count */
export function compileNetworks(networks: readonly string[]): Networks {
  const ipv4: Range<number>[] = [];
  const ipv6: Range<string>[] = [];
  for (const network of networks) {
    const range = rangeOf(network);
    if (isIpv4Range(range)) ipv4.push(range);
    else ipv6.push(range);
  }
  return { ipv4: mergeRanges(ipv4), ipv6: mergeRanges(ipv6) };
}

/** Whether the address is in one of the networks. What is no address is in none. */
export function containsAddress({ ipv4, ipv6 }: Networks, address: string): boolean {
  if (ipv6.starts.length === 0 && ipv4.starts.length === 0) return false;
  const point = parseAddress(address);
  return typeof point === 'number' ? isWithin(ipv4, point) : point !== undefined && isWithin(ipv6, point);
}

function isWithin<T extends number | string>({ starts, ends }: Ranges<T>, point: T): boolean {
  let low = 0;
  let high = starts.length;
  // The last range that starts at the point or before it is the only one that can have it.
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (starts[middle]! <= point) low = middle + 1;
    else high = middle;
  }
  return low > 0 && point <= ends[low - 1]!;
}

interface Range<T extends number | string> {
  readonly start: T;
  readonly end: T;
}

function isIpv4Range(range: Range<number> | Range<string>): range is Range<number> {
  return typeof range.start === 'number';
}

function mergeRanges<T extends number | string>(ranges: readonly Range<T>[]): Ranges<T> {
  const starts: T[] = [];
  const ends: T[] = [];
  for (const { start, end } of ranges.toSorted((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0))) {
    const last = ends.length - 1;
    if (last < 0 || start > ends[last]!) {
      starts.push(start);
      ends.push(end);
    } else if (end > ends[last]!) ends[last] = end;
  }
  return { starts, ends };
}

function rangeOf(network: string): Range<number> | Range<string> {
  const slash = network.indexOf('/');
  const text = slash < 0 ? network : network.slice(0, slash);
  const address = parseAddress(text);
  invariant(address !== undefined, `${network}: a network begins with an address`);
  const isMapped = typeof address === 'number' && text.includes(':');
  const bits = typeof address === 'string' || isMapped ? 128 : 32;
  const prefix = slash < 0 ? bits : Number(network.slice(slash + 1));
  invariant(Number.isInteger(prefix) && prefix >= 0 && prefix <= bits, `${network}: the prefix has 0 to ${bits} bits`);
  if (typeof address === 'string') return ipv6Range(address, prefix);
  // With a shorter prefix it would be more than the IPv4 addresses that it is written with.
  invariant(!isMapped || prefix >= 96, `${network}: a network of IPv4 addresses that IPv6 carries has at least 96 bits`);
  return ipv4Range(address, isMapped ? prefix - 96 : prefix);
}

function ipv4Range(address: number, prefix: number): Range<number> {
  const size = 2 ** (32 - prefix);
  const start = address - (address % size);
  return { start, end: start + size - 1 };
}

function ipv6Range(address: string, prefix: number): Range<string> {
  const whole = prefix >>> 2;
  if (whole === 32) return { start: address, end: address };
  // The digit that the prefix ends in, and all zeros or all ones behind it.
  const free = 0xf >>> (prefix & 3);
  const digit = Number.parseInt(address.charAt(whole), 16);
  const head = address.slice(0, whole);
  return { start: (head + (digit & ~free).toString(16)).padEnd(32, '0'), end: (head + (digit | free).toString(16)).padEnd(32, 'f') };
}

/** A number for IPv4, 32 digits for IPv6 without its zone, undefined for what is neither. */
export function parseAddress(text: string): number | string | undefined {
  if (!text.includes(':')) return parseIpv4(text);
  const digits = parseIpv6(text);
  return digits?.startsWith(mappedPrefix) === true ? Number.parseInt(digits.slice(24), 16) : digits;
}

/** ::ffff:0:0/96 */
const mappedPrefix = 'ffff'.padStart(24, '0');

/** Four numbers from 0 to 255 without leading zeros, which some take for octal. */
function parseIpv4(text: string): number | undefined {
  let address = 0;
  let part = -1;
  let parts = 1;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === 0x2e) {
      if (part < 0) return undefined;
      address = address * 256 + part;
      part = -1;
      parts += 1;
    } else {
      if (code < 0x30 || code > 0x39 || part === 0) return undefined;
      part = Math.max(part, 0) * 10 + code - 0x30;
      if (part > 255) return undefined;
    }
  }
  return parts === 4 && part >= 0 ? address * 256 + part : undefined;
}

/** RFC 4291 section 2.2, with RFC 4007's zone, which is only of use on the machine itself. */
function parseIpv6(text: string): string | undefined {
  const zone = text.indexOf('%');
  const halves = (zone < 0 ? text : text.slice(0, zone)).split('::');
  if (halves.length > 2) return undefined;
  const front = digitsOf(halves[0]!, halves.length === 1);
  const back = digitsOf(halves[1] ?? '', true);
  if (front === undefined || back === undefined) return undefined;
  const missing = 32 - front.length - back.length;
  // `::` stands for at least one group.
  if (halves.length === 1 ? missing !== 0 : missing < 4) return undefined;
  return front + '0'.repeat(missing) + back;
}

const group = /^[0-9a-f]{1,4}$/i;

/** Groups of digits, four for each. @param isEnd the last may be an IPv4 address */
function digitsOf(text: string, isEnd: boolean): string | undefined {
  if (text === '') return '';
  let digits = '';
  const groups = text.split(':');
  for (const [index, part] of groups.entries()) {
    if (group.test(part)) digits += part.padStart(4, '0').toLowerCase();
    else {
      const ipv4 = isEnd && index === groups.length - 1 ? parseIpv4(part) : undefined;
      if (ipv4 === undefined) return undefined;
      digits += ipv4.toString(16).padStart(8, '0');
    }
  }
  return digits;
}
