/** Networks of clients, in CIDR notation (RFC 4632 section 3.1; RFC 4291 section 2.3). */
import { isIP, isIPv4 } from 'node:net';
import type { Json } from '../src/core/json.ts';
import { canonicalIp } from './addresses.ts';
import { read, unreadable, type Reading } from './reading.ts';

/** For the published schema; {@link readNetwork} decides. */
export const networkPattern = '^[0-9A-Fa-f.:]{2,45}(/[0-9]{1,3})?$';

/** `10.0.0.0/8`, `fd00::/8`, `10.0.0.7` (which is `10.0.0.7/32`) → the one way to write it. */
export function readNetwork(value: Json): Reading<string> {
  const expected = 'a network such as "10.0.0.0/8" or an address';
  if (typeof value !== 'string') return unreadable(expected, value);
  const [address, length, ...rest] = value.split('/') as [string, ...string[]];
  if (address.includes('%')) return unreadable(expected, value, 'write the address without its zone');
  if (isIP(address) === 0 || rest.length > 0) return unreadable(expected, value, wholeHint(value));
  const bits = isIPv4(address) ? 32 : 128;
  if (length !== undefined && !(/^[0-9]{1,3}$/.test(length) && Number(length) <= bits)) {
    const hint = length.includes('.') ? 'a mask is written as the number of its bits, such as /24' : '';
    return unreadable(`a network with a length from 0 to ${bits}`, value, hint);
  }
  const prefix = length === undefined ? bits : Number(length);
  const number = numberOf(address);
  const hostBits = BigInt(bits - prefix);
  const base = (number >> hostBits) << hostBits;
  if (bits === 128 && base >> 32n === 0xffffn) {
    return unreadable(expected, value, `clients with IPv4 are seen as such; write "${textOf(base & 0xffff_ffffn, 32)}/${prefix - 96}"`);
  }
  const canonical = `${textOf(base, bits)}/${prefix}`;
  if (base === number) return read(canonical);
  const wayOut = `write "${canonical}", or "${textOf(number, bits)}" for the one address`;
  return unreadable(expected, value, `bits behind the first ${prefix} are set; ${wayOut}`);
}

/** Whoever writes `10.0.*` or `10.0.0` means a network whose bytes are whole. */
function wholeHint(text: string): string {
  const bytes = text.replace(/(?:(?:\.\*)+|(?:\.0?)+)$/, '').split('.');
  if (bytes.length > 3 || !bytes.every((byte) => /^[0-9]{1,3}$/.test(byte) && Number(byte) < 256)) return '';
  return `write "${[...bytes, '0', '0', '0'].slice(0, 4).join('.')}/${bytes.length * 8}"`;
}

function numberOf(address: string): bigint {
  if (isIPv4(address)) return bytesToNumber(address.split('.').map(Number));
  const dotted = /[0-9.]+$/.exec(address)?.[0] ?? '';
  // The last 32 bits may be written like an IPv4 address.
  const hex = isIPv4(dotted) ? address.slice(0, -dotted.length) + groupsOf(bytesToNumber(dotted.split('.').map(Number)), 2) : address;
  const [front = '', back] = hex.split('::');
  const [head, tail] = [front, back ?? ''].map((text) => (text === '' ? [] : text.split(':')));
  const gap = Array.from({ length: 8 - head!.length - tail!.length }, () => '0');
  return [...head!, ...gap, ...tail!].reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n);
}

function bytesToNumber(bytes: readonly number[]): bigint {
  return bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

function textOf(number: bigint, bits: 32 | 128): string {
  return bits === 32 ? [24n, 16n, 8n, 0n].map((shift) => (number >> shift) & 255n).join('.') : canonicalIp(groupsOf(number, 8));
}

function groupsOf(number: bigint, count: number): string {
  return Array.from({ length: count }, (_, index) => ((number >> BigInt(16 * (count - 1 - index))) & 0xffffn).toString(16)).join(':');
}
