import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';
import { invariant } from '../../src/core/invariant.ts';
import type { SigningKey } from '../../src/core/snapshot.ts';
import type { KnownClient } from './client-cookie.ts';
import { Recent } from './recent.ts';

/** Characters of a MAC: 128 bits in base64url, without padding. */
export const macLength = 22;

/** What ids of keys are made of, so that they can stand in a cookie between two points. */
export const keyIdSyntax = '[A-Za-z0-9_-]{1,32}';
const keyId = new RegExp(`^${keyIdSyntax}$`);

/** Clients whose cookies are remembered, of all services together: about 300 bytes each. */
const clientsMax = 16_384;

/** A key of ours, ready to sign. */
export class CookieKey {
  readonly id: string;
  /** Signs new cookies. What is signed by another one is still valid, and signed anew. */
  readonly isFirst: boolean;
  readonly #secret: KeyObject;

  constructor({ id, secret }: SigningKey, isFirst: boolean) {
    invariant(keyId.test(id), 'the id of a signing key can stand in a cookie');
    this.id = id;
    this.isFirst = isFirst;
    this.#secret = createSecretKey(secret, 'base64url');
  }

  /**
   * HMAC-SHA256 (RFC 2104), cut to 128 bits, in base64url. The parts are texts without line ends, the first of which says what the MAC is
   * for: one for a purpose is of no use for another.
   */
  mac(...parts: readonly string[]): string {
    return createHmac('sha256', this.#secret).update(parts.join('\n')).digest().toString('base64url', 0, 16);
  }

  /** Takes as long for a guess that is nearly right as for any other. */
  verify(mac: string, ...parts: readonly string[]): boolean {
    // As text and not as bytes: several texts stand for the same bytes, because the last character has bits to spare.
    const expected = Buffer.from(this.mac(...parts), 'latin1');
    const given = Buffer.from(mac, 'latin1');
    return given.length === expected.length && timingSafeEqual(given, expected);
  }
}

/** The keys of a snapshot, and what is remembered of cookies that they have signed. One per worker as long as the keys stay. */
export class CookieKeys {
  readonly first: CookieKey | undefined;
  /** The first one first. */
  readonly all: readonly CookieKey[];
  /** By the MAC of the cookie. */
  readonly clients = new Recent<KnownClient>(clientsMax);
  readonly #source: readonly SigningKey[];

  /** The keys of a snapshot; the same object for all of its services, and for the next snapshot where they have not changed. */
  static of(source: readonly SigningKey[], previous: CookieKeys | undefined): CookieKeys {
    let keys = known.get(source);
    if (keys === undefined) {
      keys = previous?.isOf(source) === true ? previous : new CookieKeys(source);
      known.set(source, keys);
    }
    return keys;
  }

  private constructor(source: readonly SigningKey[]) {
    this.#source = source;
    this.all = source.map((key, index) => new CookieKey(key, index === 0));
    this.first = this.all[0];
  }

  isOf(source: readonly SigningKey[]): boolean {
    const mine = this.#source;
    return (
      mine.length === source.length && mine.every(({ id, secret }, index) => source[index]!.id === id && source[index]!.secret === secret)
    );
  }

  find(id: string): CookieKey | undefined {
    return this.all.find((key) => key.id === id);
  }
}

/** By the list that a snapshot brought: its services are bound one by one, and have only that in common. */
const known = new WeakMap<readonly SigningKey[], CookieKeys>();
