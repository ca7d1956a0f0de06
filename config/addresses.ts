/** Where to listen and where targets are, as people type it. */
import { isIP, isIPv4, isIPv6 } from 'node:net';
import type { Json } from '../src/core/json.ts';
import type { SocketAddress } from '../src/core/model.ts';
import { read, unreadable, type Reading } from './reading.ts';
import { unsupportedMessage } from './unsupported.ts';

/** For the published schema; the readers below decide. */
export const listenAddressPattern = '^[^/@\\s]*:[0-9]{1,5}$';
export const targetUrlPattern = '^[Hh][Tt][Tt][Pp][Ss]?://[^/?#@\\s]+$';
export const serverNamePattern = '^[0-9A-Za-z_.:-]+$';

/** `0.0.0.0:8080`, `:8080` (all IPv4 addresses), `[::]:8080`, `localhost:8080` (127.0.0.1). Port 0 asks the system for a free one. */
export function readListenAddress(value: Json): Reading<SocketAddress> {
  const expected = 'an address such as "0.0.0.0:8080"';
  if (typeof value === 'number')
    return unreadable(expected, value, isPort(value) ? `write ":${value}" for all addresses or "127.0.0.1:${value}"` : '');
  if (typeof value !== 'string') return unreadable(expected, value);
  if (/^unix:/i.test(value)) return { ok: false, message: unsupportedMessage('an address on a unix socket', 'use host:port') };
  const withoutScheme = value.replace(/^[a-z]+:\/\//i, '').replace(/\/.*$/s, '');
  if (withoutScheme !== value) return unreadable(expected, value, looksLikeAddress(withoutScheme) ? `write "${withoutScheme}"` : '');
  if (/^[0-9]+$/.test(value))
    return unreadable(expected, value, isPort(Number(value)) ? `write ":${value}" for all addresses or "127.0.0.1:${value}"` : '');
  if ((isIP(value) !== 0 && bareIpv6Hint(value) === '') || value === 'localhost')
    return unreadable(expected, value, `the port is missing; write "${bracketed(value)}:8080"`);
  const split = splitPort(value);
  if (split === undefined) return unreadable(expected, value, bareIpv6Hint(value));
  if (!isPort(split.port)) return unreadable('a port from 0 to 65535', value);
  if (split.host === '') return read({ host: '0.0.0.0', port: split.port });
  // The name may resolve to ::1 first, or to both; what a listener opens must not depend on the resolver.
  if (split.host.toLowerCase() === 'localhost') return read({ host: '127.0.0.1', port: split.port });
  if (isIP(split.host) === 0) {
    return unreadable('an IP address of this machine', value, `a name cannot be listened on; write ":${split.port}" for all addresses`);
  }
  return read({ host: split.host.toLowerCase(), port: split.port });
}

/** Where a target is, and how it is spoken to. */
export interface TargetUrl {
  readonly address: SocketAddress;
  readonly encrypted: boolean;
}

/** An origin: `http://10.0.0.7:3000`, `http://app.internal` (port 80), `https://app.internal` (port 443), `http://[::1]:3000`. */
export function readTargetUrl(value: Json): Reading<TargetUrl> {
  const expected = 'a URL such as "http://10.0.0.7:3000"';
  if (typeof value !== 'string') return unreadable(expected, value);
  const userInfo = /^(?:[a-z][a-z0-9+.-]*:\/\/)?[^/?#]*@([^/?#]*)/i.exec(value);
  if (userInfo !== null) {
    // The value is not shown: it may hold a password, and messages end up in logs.
    const bare = userInfo[1]!;
    return {
      ok: false,
      message: `expected ${expected} without user name and password${looksLikeAuthority(bare) ? `; write "${schemeOf(value)}://${bare}"` : ''}`,
    };
  }
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(value)?.[1]?.toLowerCase();
  if (scheme === undefined) return unreadable(expected, value, originHint(value.replace(/^\/+/, '')));
  if (scheme !== 'http' && scheme !== 'https') return unreadable(expected, value, 'only http:// and https:// are spoken to targets');
  const rest = value.slice(`${scheme}://`.length);
  const encrypted = scheme === 'https';
  const authority = /^[^/?#]*/.exec(rest)![0];
  const tail = rest.slice(authority.length);
  if (tail !== '') {
    const part = tail.startsWith('/') ? 'path' : tail.startsWith('?') ? 'query' : 'fragment';
    return unreadable(`a URL without a ${part}`, value, `requests keep their own path and query; ${originHint(authority, scheme)}`);
  }
  if (isIPv6(authority))
    return unreadable(expected, value, `an IPv6 address needs brackets; write "${scheme}://[${authority}]:${encrypted ? 443 : 80}"`);
  const { host, port } = splitPort(authority) ?? { host: canonicalIp(unbracketed(authority)), port: encrypted ? 443 : 80 };
  if (!isHostName(host))
    return unreadable(expected, value, host === '' ? 'the host is missing' : `${JSON.stringify(host)} is no host name or IP address`);
  if (!isPort(port) || port === 0) return unreadable('a URL with a port from 1 to 65535', value);
  return read({ address: { host: host.toLowerCase(), port }, encrypted });
}

/** A name that a certificate is made out to: `app.internal`, or an IP address without brackets. Lower-cased. */
export function readServerName(value: Json): Reading<string> {
  const expected = 'a name such as "app.internal"';
  if (typeof value !== 'string') return unreadable(expected, value);
  const name = value.toLowerCase();
  if (isHostName(name)) return read(canonicalIp(name));
  const bare = unbracketed(name.replace(/^[a-z]+:\/\//, '').replace(/\/.*$/s, ''));
  const { host } = splitPort(bare) ?? { host: bare };
  return unreadable(expected, value, host !== name && isHostName(host) ? `write the name alone: "${host}"` : '');
}

/** `host:port`, with brackets around IPv6. Also the id of a target that was given none. */
export function formatAddress({ host, port }: SocketAddress): string {
  return `${bracketed(host)}:${port}`;
}

/** Whether only this machine can reach what listens there. */
export function isLoopback(host: string): boolean {
  return host === '::1' || host === 'localhost' || (isIPv4(host) && host.startsWith('127.'));
}

/** Whether two listeners would fight over a port: the same address, or one of them listens everywhere. Port 0 never clashes. */
export function clash(a: SocketAddress, b: SocketAddress): boolean {
  if (a.port === 0 || a.port !== b.port) return false;
  return a.host === b.host || includes(a.host, b.host) || includes(b.host, a.host);
}

/** The shortest way to write an IPv6 address (RFC 5952), which is the one that programs write; anything else as it is. */
export function canonicalIp(host: string): string {
  const url = `http://[${host}]`;
  return isIPv6(host) && URL.canParse(url) ? new URL(url).hostname.slice(1, -1) : host;
}

/** A DNS name or an IP address without brackets. Underscores are allowed: Docker Compose makes such names. */
export function isHostName(host: string): boolean {
  if (isIP(host) !== 0) return !host.includes('%');
  const labels = host.split('.');
  return (
    host.length <= 253 &&
    labels.every((label) => /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/i.test(label)) &&
    // "256.1.1.1" or "10.0.0" is a mistyped address, not a name: no top-level domain is a number.
    !/^[0-9]+$/.test(labels.at(-1)!)
  );
}

function splitPort(text: string): SocketAddress | undefined {
  const match = /^(\[[^\]]*\]|[^:[\]]*):([0-9]{1,6})$/.exec(text);
  if (match === null) return undefined;
  const host = unbracketed(match[1]!);
  if (match[1]!.startsWith('[') && !isIPv6(host)) return undefined;
  return { host: canonicalIp(host), port: Number(match[2]) };
}

/** Whether listening on `host` takes the other address too. `::` takes IPv4 on most systems. */
function includes(host: string, other: string): boolean {
  return host === '::' || (host === '0.0.0.0' && !isIPv6(other));
}

function bareIpv6Hint(text: string): string {
  const cut = text.lastIndexOf(':');
  const host = text.slice(0, cut);
  // "::1:8080" is an IPv6 address in its own right, but whoever writes it means port 8080.
  if (isIPv6(host) && /^[0-9]{2,5}$/.test(text.slice(cut + 1)))
    return `an IPv6 address needs brackets; write "[${host}]:${text.slice(cut + 1)}"`;
  return text.includes(':') ? '' : 'the port is missing';
}

function schemeOf(url: string): 'http' | 'https' {
  return /^https:/i.test(url) ? 'https' : 'http';
}

function originHint(authority: string, scheme: 'http' | 'https' = 'http'): string {
  const bare = authority.replace(/[/?#].*$/s, '');
  return looksLikeAuthority(bare) ? `write "${scheme}://${bare}"` : 'write scheme, host and port';
}

function looksLikeAuthority(text: string): boolean {
  const { host, port } = splitPort(text) ?? { host: text, port: 80 };
  return isHostName(host) && isPort(port);
}

function looksLikeAddress(text: string): boolean {
  return splitPort(text) !== undefined && readListenAddress(text).ok;
}

function isPort(port: number): boolean {
  return Number.isInteger(port) && port >= 0 && port <= 65_535;
}

function bracketed(host: string): string {
  return isIPv6(host) ? `[${host}]` : host;
}

function unbracketed(host: string): string {
  return host.startsWith('[') && host.endsWith(']') && isIPv6(host.slice(1, -1)) ? host.slice(1, -1) : host;
}
