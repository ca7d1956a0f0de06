import { invariant } from '../src/core/invariant.ts';
import type { RequestKey } from '../src/core/model.ts';
import type { RequestKeyDocument } from './schema-keys.ts';

/** From a key as it is typed, `{ header: x-user }`, to a key as the core wants it. Exactly one member is there: `shape.ts` saw to that. */
export function readRequestKey({ header, cookie, query, jwt, address, path }: RequestKeyDocument): RequestKey {
  // Fields are found by their name in lower case; the names of cookies and parameters tell case apart.
  if (header !== undefined) return { from: 'header', name: header.toLowerCase() };
  if (cookie !== undefined) return { from: 'cookie', name: cookie };
  if (query !== undefined) return { from: 'query', name: query };
  if (jwt !== undefined) return { from: 'jwt', claim: jwt };
  if (path === true) return { from: 'path' };
  invariant(address === true, 'a key has exactly one member');
  return { from: 'address' };
}
