/** Names and patterns that routes and ids are made of. */
import { domainToASCII } from 'node:url';
import { isIPv6 } from 'node:net';
import type { Json } from '../src/core/json.ts';
import type { RouteMatch } from '../src/core/model.ts';
import { routablePath } from '../src/core/path.ts';
import { canonicalIp, isHostName } from './addresses.ts';
import { quote, read, unreadable, type Reading } from './reading.ts';

/** Patterns for the published schema; the readers below decide. */
export const idPattern = '^[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?$';
/** Roomier than other ids, because the default is `host:port`, which may be a long name or a bracketed IPv6 address. */
export const targetIdPattern = '^[a-z0-9_\\[]([a-z0-9._:\\[\\]-]{0,258}[a-z0-9_\\]])?$';
/** RFC 9110 section 5.6.2: what field names, methods and cookie names are made of. */
export const tokenPattern = "^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$";
export const methodPattern = "^[!#$%&'*+.^_`|~0-9A-Z-]{1,64}$";
/** What a field or a cookie can carry; white space around it never arrives. */
export const fieldValuePattern = '^([!-~\\u0080-\\u00ff]([ !-~\\t\\u0080-\\u00ff]*[!-~\\u0080-\\u00ff])?)?$';
export const hostPattern = '^(\\*\\.)?[^*/@\\s]+$';
export const pathPattern = '^/([!-"$-)+->@-~]*/\\*|[!-"$-)+->@-~]*|\\*)$';
/** RFC 6265 section 4.1.1, path-value. */
export const cookiePathPattern = '^/[!-:<-~]*$';

type HostMatch = NonNullable<RouteMatch['host']>;
type PathMatch = NonNullable<RouteMatch['path']>;

const id = new RegExp(idPattern);
const targetId = new RegExp(targetIdPattern);
const token = new RegExp(tokenPattern);
const method = new RegExp(methodPattern);
const cookiePath = new RegExp(cookiePathPattern);
const fieldValue = new RegExp(fieldValuePattern);

export function readId(value: Json): Reading<string> {
  if (typeof value === 'string' && id.test(value)) return read(value);
  return unreadable('an id (1 to 64 of a-z, 0-9, ".", "_" and "-"; letter or digit at both ends)', value, idHint(value, id));
}

export function readTargetId(value: Json): Reading<string> {
  if (typeof value === 'string' && targetId.test(value)) return read(value);
  return unreadable('a target id (a-z, 0-9, ".", "_", ":", "-" and brackets)', value, idHint(value, targetId));
}

/** A field, cookie or parameter name where HTTP allows only tokens. */
export function readToken(value: Json): Reading<string> {
  if (typeof value === 'string' && token.test(value)) return read(value);
  return unreadable('a name without spaces, colons or other separators', value);
}

export function readMethod(value: Json): Reading<string> {
  if (typeof value === 'string' && method.test(value)) return read(value);
  const upper = typeof value === 'string' ? value.toUpperCase() : '';
  return unreadable('a method in capitals such as "GET"', value, method.test(upper) ? `methods are case-sensitive; write "${upper}"` : '');
}

/** The path of a cookie: a prefix of whole segments, as browsers compare it. */
export function readCookiePath(value: Json): Reading<string> {
  if (typeof value === 'string' && cookiePath.test(value)) return read(value);
  const slashed = typeof value === 'string' && cookiePath.test(`/${value}`) ? `it begins with a slash; write ${quote(`/${value}`)}` : '';
  return unreadable('a path such as "/" or "/shop"', value, slashed);
}

/** The exact value of a field or cookie. */
export function readFieldValue(value: Json): Reading<string> {
  if (typeof value === 'string') {
    if (fieldValue.test(value)) return read(value);
    const trimmed = value.trim();
    return unreadable(
      'a value that HTTP can carry',
      value,
      fieldValue.test(trimmed)
        ? `white space around it never arrives; write ${quote(trimmed)}`
        : 'control characters and letters beyond Latin-1 never arrive',
    );
  }
  const scalar = typeof value === 'number' || typeof value === 'boolean';
  return unreadable('text', value, scalar ? `put it in quotes: "${value}"` : '');
}

/** `shop.example`, or `*.shop.example` for everything below it. Lower-cased; without port. */
export function readHostPattern(value: Json): Reading<HostMatch> {
  const expected = 'a host such as "shop.example" or "*.shop.example"';
  if (typeof value !== 'string') return unreadable(expected, value);
  if (value === '*' || value === '*.') return unreadable(expected, value, 'leave host out to match every host');
  if (value.includes('://')) return unreadable(expected, value, 'write the host alone, without scheme and path');
  if (value.includes('/')) return unreadable(expected, value, 'write the path under "path"');
  const wildcard = value.startsWith('*.');
  const name = (wildcard ? value.slice(2) : value).toLowerCase();
  if (/^\[.*\]$/.test(name) && isIPv6(name.slice(1, -1))) {
    if (wildcard) return unreadable(expected, value);
    // Clients send the shortest form, and hosts are compared as text.
    const shortest = `[${canonicalIp(name.slice(1, -1))}]`;
    return name === shortest ? read({ kind: 'exact', value: name }) : unreadable(expected, value, `write "${shortest}"`);
  }
  if (isIPv6(name)) return unreadable(expected, value, `an IPv6 address needs brackets; write "[${canonicalIp(name)}]"`);
  const beforePort = /^(.*):[0-9]*$/s.exec(value)?.[1];
  if (beforePort !== undefined) return unreadable(expected, value, `a route matches every port; write ${quote(beforePort)}`);
  if (name.includes('*')) return unreadable(expected, value, 'the wildcard stands for whole labels, at the very front: "*.shop.example"');
  if (name.endsWith('.') && isHostName(name.slice(0, -1)))
    return unreadable(expected, value, `write it without the final dot: ${quote(value.slice(0, -1))}`);
  if (isHostName(name)) return read({ kind: wildcard ? 'suffix' : 'exact', value: name });
  const ascii = domainToASCII(name);
  const hint = ascii !== name && isHostName(ascii) ? `hosts arrive in ASCII; write "${wildcard ? '*.' : ''}${ascii}"` : '';
  return unreadable(expected, value, hint);
}

/** `/exact`, or `/prefix/*` for `/prefix` and all below it. */
export function readPathPattern(value: Json): Reading<PathMatch> {
  const expected = 'a path such as "/api/*" or "/login"';
  if (typeof value !== 'string') return unreadable(expected, value);
  if (value === '') return unreadable(expected, value, 'leave path out to match every path');
  if (value === '*') return unreadable(expected, value, 'write "/*", or leave path out');
  if (value.includes('?')) return unreadable(expected, value, 'conditions on the query go under "query"');
  if (value.includes('#')) return unreadable(expected, value, 'the part after # never reaches a server');
  if (!value.startsWith('/'))
    return unreadable(
      expected,
      value,
      value.includes('://') ? 'write the path alone' : `it begins with a slash; write ${quote(`/${value}`)}`,
    );
  const prefix = value.endsWith('/*');
  const path = prefix ? value.slice(0, -2) : value;
  if (path.includes('*')) return unreadable(expected, value, '"*" may stand only at the very end, after a slash');
  if (!/^[!-~]*$/.test(path)) {
    return unreadable(
      expected,
      value,
      isWellFormed(path) ? `paths arrive percent-encoded; write ${quote(routable(encodeURI(path), prefix))}` : '',
    );
  }
  if (routablePath(path) !== path) {
    return unreadable(expected, value, `a path is compared when its escapes and dots are resolved; write ${quote(routable(path, prefix))}`);
  }
  // "/api//*" would be kept as "/api/", which no path has as a whole segment.
  if (prefix && path.endsWith('/')) return unreadable(expected, value, `write ${quote(`${path.replace(/\/+$/, '')}/*`)}`);
  return read({ kind: prefix ? 'prefix' : 'exact', value: path });
}

/** The pattern that matches what this one was meant to match. */
function routable(path: string, prefix: boolean): string {
  const resolved = routablePath(path);
  return prefix ? `${resolved.replace(/\/+$/, '')}/*` : resolved;
}

function isWellFormed(text: string): boolean {
  // A lone surrogate cannot be encoded, and a control character was never meant.
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  return text.isWellFormed() && !/[\u0000-\u001f\u007f]/.test(text);
}

function idHint(value: Json, pattern: RegExp): string {
  if (typeof value !== 'string' || value.length > 64) return '';
  const tame = value
    .toLowerCase()
    .replace(/[^a-z0-9._:[\]-]+/g, '-')
    .replace(/^[^a-z0-9]+|[^a-z0-9]+$/g, '');
  return pattern.test(tame) ? `write ${quote(tame)}` : '';
}
