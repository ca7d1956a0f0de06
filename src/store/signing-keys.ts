import { randomBytes } from 'node:crypto';
import { signingKeysMax } from '../control/ports.ts';
import type { SigningKey } from '../core/snapshot.ts';

/** 4 characters of base64url. */
const idBytes = 3;
/** As long as the hash that cookies are signed with: a longer key would be no stronger (RFC 2104 section 3). */
const secretBytes = 32;

/** A new key in front, which signs from then on, and of the others as many as still verify. */
export function withNewKey(keys: readonly SigningKey[]): readonly SigningKey[] {
  return [newKey(keys), ...keys].slice(0, signingKeysMax);
}

/** Whether a key is written as {@link withNewKey} makes them. */
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
