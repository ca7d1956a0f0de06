import { unreachable } from './invariant.ts';
import type { RequestKey } from './model.ts';
import { routablePath } from './path.ts';
import type { RouteSubject } from './routes.ts';

/** The value that a request is told apart by, or undefined where it has none; an empty one is none. */
export function readKey(key: RequestKey, subject: RouteSubject, clientAddress: string): string | undefined {
  return valueOf(key, subject, clientAddress) || undefined;
}

function valueOf(key: RequestKey, subject: RouteSubject, clientAddress: string): string | undefined {
  switch (key.from) {
    case 'header':
      return subject.header(key.name);
    case 'query':
      return subject.queryValue(key.name);
    case 'cookie':
      return subject.cookie(key.name);
    case 'jwt':
      return readClaim(subject.header('authorization'), key.claim);
    case 'address':
      return clientAddress;
    case 'path':
      // As routes see it: spellings of one path are one key.
      return routablePath(subject.path);
    default:
      return unreachable(key);
  }
}

/** Longer tokens are no key: a longer field is not worth decoding for every request. Characters. */
const tokenLengthMax = 8192;

/** `Bearer` (RFC 6750 section 2.1, its case does not count), then header, payload and perhaps a signature (RFC 7515 section 7.1). */
const bearerToken = /^bearer +[\w-]+\.([\w-]+)\.[\w-]*$/i;

/** A claim at the top of a token's payload, where it is a string or a number (RFC 7519 section 3). Whatever is wrong with it: none. */
function readClaim(authorization: string | undefined, claim: string): string | undefined {
  if (authorization === undefined || authorization.length > tokenLengthMax) return undefined;
  const payload = bearerToken.exec(authorization)?.[1];
  const claims = payload === undefined ? undefined : parsePayload(payload);
  if (typeof claims !== 'object' || claims === null || Array.isArray(claims)) return undefined;
  const value: unknown = (claims as Readonly<Record<string, unknown>>)[claim];
  return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;
}

function parsePayload(payload: string): unknown {
  try {
    const bytes = Uint8Array.from(atob(payload.replaceAll('-', '+').replaceAll('_', '/')), (character) => character.charCodeAt(0));
    return JSON.parse(utf8.decode(bytes));
  } catch {
    // Not base64url, not UTF-8 or not JSON: the request has no key.
    return undefined;
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true });
