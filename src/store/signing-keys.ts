import { randomBytes } from 'node:crypto';
import { signingKeysMax } from '../control/ports.ts';
import { invariant } from '../core/invariant.ts';
import type { SigningKey } from '../core/snapshot.ts';

/** 4 characters of base64url. */
const idBytes = 3;
/** As long as the hash that cookies are signed with: a longer key would be no stronger (RFC 2104 section 3). */
const secretBytes = 32;

/** A key to begin with. */
export function firstKeys(): readonly SigningKey[] {
  return [newKey([])];
}

/** A new key behind the one that signs, and of the others as many as still verify. */
export function announceKey(keys: readonly SigningKey[]): { readonly keys: readonly SigningKey[]; readonly id: string } {
  const [signing, ...others] = keys;
  const key = newKey(keys);
  return { keys: [signing!, key, ...others].slice(0, signingKeysMax), id: key.id };
}

/** The key with this id, which is there, in front of the others. */
export function promoteKey(keys: readonly SigningKey[], id: string): readonly SigningKey[] {
  const promoted = keys.find((key) => key.id === id);
  invariant(promoted !== undefined, 'a key that is to sign has been announced, and not dropped since');
  return [promoted, ...keys.filter((key) => key !== promoted)];
}

/** Whether a key is written as we make them. */
export function isSigningKey({ id, secret }: SigningKey): boolean {
  return isBase64Url(id, idBytes) && isBase64Url(secret, secretBytes);
}

function newKey(others: readonly SigningKey[]): SigningKey {
  const id = randomBytes(idBytes).toString('base64url');
  // One in 16 million, but then cookies would be checked with the wrong key.
  if (others.some((other) => other.id === id)) return newKey(others);
  return { id, secret: randomBytes(secretBytes).toString('base64url') };
}

function isBase64Url(text: string, length: number): boolean {
  const bytes = Buffer.from(text, 'base64url');
  return bytes.length === length && bytes.toString('base64url') === text;
}
