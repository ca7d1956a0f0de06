import { drawId, signClient } from '../proxy/sticky/client-cookie.ts';
import { CookieKeys } from '../proxy/sticky/cookie-keys.ts';
import type { SigningKey } from '../src/core/snapshot.ts';

/** Signs nothing but what a bench sends to itself. */
export const benchKey: SigningKey = { id: 'benc', secret: Buffer.alloc(32, 'bench').toString('base64url') };
export const benchService = 'web';
export const benchCookie = 'sluice_id';

/** `Cookie` values of so many clients, as Sluice would have given them just now. */
export function clientCookies(count: number): string[] {
  const key = CookieKeys.of([benchKey], undefined).first!;
  const issuedAt = Math.floor(Date.now() / 1000);
  return Array.from({ length: count }, () => {
    const client = { id: drawId(Math.random), pool: '', revision: 1, issuedAt };
    return `${benchCookie}=${signClient(client, benchService, key)}`;
  });
}
