/** Keeps web pages of others from making the calls that their visitor's browser could make. */
import { isIP } from 'node:net';
import type { SocketAddress } from '../src/core/model.ts';
import { Refusal } from './problems.ts';

export interface SiteFields {
  readonly host: string | undefined;
  readonly origin: string | undefined;
  /** The Sec-Fetch-Site field. */
  readonly fetchSite: string | undefined;
}

/** Whether a browser sent the call: only browsers send these fields, and they send them with every call that changes something. */
export function isFromBrowser({ origin, fetchSite }: SiteFields): boolean {
  return origin !== undefined || fetchSite !== undefined;
}

/** Throws where a browser sent the call for a page of another origin. */
export function checkOrigin(fields: SiteFields): void {
  const { host, origin, fetchSite } = fields;
  const sameSite = fetchSite === undefined || fetchSite === 'same-origin';
  if (sameSite && (origin === undefined || hostOfOrigin(origin) === host?.toLowerCase())) return;
  const from = origin ?? `a page that is ${fetchSite} to this address`;
  throw new Refusal('CROSS_ORIGIN', `The call came from ${from}; the admin API takes changes from its own pages and from programs only.`);
}

/**
 * Throws where the Host field names somebody else. Without tokens on loopback, any page could make its visitor's browser call us under
 * the page's own name, by letting that name resolve to 127.0.0.1 (DNS rebinding). Addresses and localhost cannot be rebound.
 */
export function checkHost(host: string | undefined, address: SocketAddress): void {
  if (host === undefined) return; // HTTP/1.0: no browser leaves it out.
  const name = host.toLowerCase().replace(/:\d*$/, '');
  if (name === 'localhost' || name === address.host.toLowerCase() || isIP(name.replace(/^\[(.*)\]$/, '$1')) !== 0) return;
  throw new Refusal(
    'FORBIDDEN',
    `The call was made to the name ${JSON.stringify(name)}. Without tokens the admin API answers to localhost and IP addresses only; call it by one, or configure admin.tokens.`,
  );
}

function hostOfOrigin(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}
