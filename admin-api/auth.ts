/** Who calls, and whether they may. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { roles, type Role } from '../config/settings.ts';
import type { AccessToken } from './options.ts';
import { Refusal } from './problems.ts';

/** Somebody who has shown a token, or anybody where there are no tokens. */
export interface Caller {
  readonly name: string;
  readonly role: Role;
}

const anybody: Caller = { name: 'anonymous', role: 'admin' };

/** Tells callers by the `Authorization: Bearer …` field that they send. */
export class Gatekeeper {
  readonly #tokens: readonly { readonly caller: Caller; readonly digest: Buffer }[];

  /** Throws where a token's secret is empty: such a token would let everybody in. */
  constructor(tokens: readonly AccessToken[]) {
    for (const { name, secret } of tokens) {
      if (secret === '') throw new Error(`the secret of admin token "${name}" is empty; write one into its tokenFile`);
    }
    this.#tokens = tokens.map(({ name, role, secret }) => ({ caller: { name, role }, digest: digestOf(secret) }));
  }

  /** Whether callers need a token at all. */
  get needsToken(): boolean {
    return this.#tokens.length > 0;
  }

  identify(authorization: string | undefined): Caller {
    if (!this.needsToken) return anybody;
    if (authorization === undefined) {
      throw unauthenticated('This call needs a token; send it as "Authorization: Bearer <token>".', 'Bearer realm="sluice"');
    }
    const secret = /^Bearer +([^\s]+) *$/i.exec(authorization)?.[1];
    if (secret === undefined) {
      throw unauthenticated(
        'The Authorization field is not of the form "Bearer <token>".',
        'Bearer realm="sluice", error="invalid_request"',
      );
    }
    const digest = digestOf(secret);
    // Digests have one length and are all compared to the end, so that the time tells nothing about any secret.
    const matching = this.#tokens.filter((token) => timingSafeEqual(token.digest, digest));
    if (matching[0] === undefined)
      throw unauthenticated('The token is not one of admin.tokens.', 'Bearer realm="sluice", error="invalid_token"');
    return matching[0].caller;
  }
}

/** Throws unless the caller's role includes `needed`. */
export function authorize(caller: Caller, needed: Role): void {
  if (roles.indexOf(caller.role) >= roles.indexOf(needed)) return;
  throw new Refusal('FORBIDDEN', `The call needs the role ${needed}; the token "${caller.name}" has the role ${caller.role}.`, {
    headers: { 'www-authenticate': 'Bearer realm="sluice", error="insufficient_scope"' },
  });
}

function unauthenticated(detail: string, challenge: string): Refusal {
  return new Refusal('UNAUTHENTICATED', detail, { headers: { 'www-authenticate': challenge } });
}

function digestOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}
