import { readFile } from 'node:fs/promises';
import type { TokenSettings } from '../config/settings.ts';
import type { AccessToken } from './options.ts';

export type TokensReading =
  | { readonly kind: 'read'; readonly tokens: readonly AccessToken[] }
  /** A sentence for the operator that names the file. */
  | { readonly kind: 'unusable'; readonly message: string };

/** Longer than any secret needs to be, and far from what a field of a request may hold. */
const secretLengthMax = 4096;

/** Reads the secrets of tokens from their files; refuses those that no caller could ever show, or that would not tell callers apart. */
export async function readTokens(settings: readonly TokenSettings[]): Promise<TokensReading> {
  const tokens: AccessToken[] = [];
  for (const { name, role, tokenFile } of settings) {
    let secret: string;
    try {
      secret = (await readFile(tokenFile, 'utf8')).trim();
    } catch (error) {
      const why = error instanceof Error && 'code' in error ? String(error.code) : String(error);
      return unusable(
        `The secret of the admin token "${name}" cannot be read from ${tokenFile} (${why}). Write it there, or correct tokenFile.`,
      );
    }
    const flaw = flawOf(secret);
    if (flaw !== undefined) return unusable(`The secret of the admin token "${name}" in ${tokenFile} ${flaw}`);
    const twin = tokens.findIndex((token) => token.secret === secret);
    if (twin >= 0) {
      const other = settings[twin]!;
      return unusable(
        `The admin tokens "${other.name}" (${other.tokenFile}) and "${name}" (${tokenFile}) have the same secret, so callers cannot be told apart. Give each its own.`,
      );
    }
    tokens.push({ name, role, secret });
  }
  return { kind: 'read', tokens };
}

/** Why no `Authorization: Bearer …` field could carry it, with the way out. The secret itself is never shown. */
function flawOf(secret: string): string | undefined {
  if (secret === '') return 'is empty. Write one there, for example the output of "openssl rand -hex 32".';
  if (/\s/.test(secret)) return 'has white space or several lines in it, which cannot be sent. Write one word there.';
  if (!/^[!-~]*$/.test(secret)) return 'has characters in it that cannot be sent. Use ASCII letters, digits and punctuation.';
  if (secret.length > secretLengthMax)
    return `is longer than ${secretLengthMax} characters, which cannot be sent. Write a shorter one there.`;
  return undefined;
}

function unusable(message: string): TokensReading {
  return { kind: 'unusable', message };
}
