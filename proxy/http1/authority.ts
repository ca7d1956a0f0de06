import type { SocketAddress } from '../../src/core/model.ts';

/** `uri-host [ ":" port ]` (RFC 9110 section 7.2), not empty, without user info. */
const authoritySyntax = /^(?:\[[0-9a-f:.]+\]|(?:[a-z0-9._~!$&'()*+,;=-]|%[0-9a-f]{2})+)(?::\d{0,5})?$/i;

export function isAuthority(value: string): boolean {
  return value.length <= 261 && authoritySyntax.test(value);
}

/** Without the port, in lower case, without the root's dot. */
export function hostOf(authority: string): string {
  const colon = authority.endsWith(']') ? -1 : authority.lastIndexOf(':');
  const host = (colon < 0 ? authority : authority.slice(0, colon)).toLowerCase();
  return host.endsWith('.') ? host.slice(0, -1) : host;
}

/** What Host says for a client that named none. */
export function authorityOf({ host, port }: SocketAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
