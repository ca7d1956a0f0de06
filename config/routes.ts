/** From routes as they are typed to routes as the core wants them. The document has been checked before. */
import { invariant } from '../src/core/invariant.ts';
import type { NameValue, Route, RouteMatch } from '../src/core/model.ts';
import { readHostPattern, readPathPattern } from './names.ts';
import type { Reader } from './reading.ts';
import type { ConfigDocument, RouteMatchDocument } from './schema.ts';

export function readRoutes(document: ConfigDocument): Route[] {
  if (document.routes === undefined) {
    const [only, ...others] = Object.keys(document.services);
    invariant(only !== undefined && others.length === 0, 'without routes there is exactly one service');
    return [{ match: readRouteMatch({}), serviceId: only }];
  }
  return document.routes.map(({ match, service }) => ({ match: readRouteMatch(match ?? {}), serviceId: service }));
}

export function readRouteMatch(match: RouteMatchDocument): RouteMatch {
  return {
    ...(match.host === undefined ? {} : { host: must(readHostPattern, match.host) }),
    ...(match.path === undefined ? {} : { path: must(readPathPattern, match.path) }),
    // A method that is listed twice is listed: nothing follows from it.
    methods: [...new Set(match.methods)],
    headers: readHeaders(match.headers),
    query: pairs(match.query),
    cookies: pairs(match.cookies),
  };
}

/** Fields by name; in lower case, because case does not count. */
export function readHeaders(headers: Readonly<Record<string, string>> | undefined): NameValue[] {
  return pairs(headers).map(({ name, value }) => ({ name: name.toLowerCase(), value }));
}

/** The value of a text that has been checked before. */
export function must<T>(reader: Reader<T>, value: string | number): T {
  const reading = reader(value);
  invariant(reading.ok, `checked before: ${String(value)}`);
  return reading.value;
}

function pairs(record: Readonly<Record<string, string>> | undefined): NameValue[] {
  return Object.entries(record ?? {}).map(([name, value]) => ({ name, value }));
}
