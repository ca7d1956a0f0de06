import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { NameValue, Route, RouteMatch } from '../../src/core/model.ts';
import { routablePath } from '../../src/core/path.ts';
import { compileRoutes, matchRoute, type RouteSubject } from '../../src/core/routes.ts';

interface Request {
  host: string;
  path: string;
  method: string;
  headers?: Record<string, string>;
}

const subjectOf = ({ host, path, method, headers = {} }: Request): RouteSubject => ({
  host,
  path,
  method,
  header: (name) => headers[name],
  queryValue: () => undefined,
  cookie: () => undefined,
});

const route = (match: Partial<RouteMatch>, serviceId = 'any'): Route => ({
  match: { methods: [], headers: [], query: [], cookies: [], ...match },
  serviceId,
});
const exactHost = (value: string) => ({ kind: 'exact', value }) as const;
const suffixHost = (value: string) => ({ kind: 'suffix', value }) as const;
const exactPath = (value: string) => ({ kind: 'exact', value }) as const;
const prefixPath = (value: string) => ({ kind: 'prefix', value }) as const;

const table = compileRoutes([
  route({}, 'everything'),
  route({ path: prefixPath('/api') }, 'api'),
  route({ path: prefixPath('/api/v2') }, 'api v2'),
  route({ path: exactPath('/api') }, 'api itself'),
  route({ path: prefixPath('/api'), methods: ['POST'] }, 'api writes'),
  route({ host: exactHost('shop.example') }, 'shop'),
  route({ host: suffixHost('example') }, 'any example'),
  route({ host: suffixHost('shop.example'), path: prefixPath('/cart') }, 'shop below'),
  route({ host: exactHost('shop.example'), path: prefixPath('/cart'), headers: [{ name: 'x-beta', value: '1' }] }, 'beta cart'),
]);
const services = ['everything', 'api', 'api v2', 'api itself', 'api writes', 'shop', 'any example', 'shop below', 'beta cart'];

describe('a request goes to the most specific route', () => {
  test.each([
    { host: 'a', path: '/', method: 'GET', service: 'everything' },
    { host: 'a', path: '/api', method: 'GET', service: 'api itself' },
    { host: 'a', path: '/api', method: 'POST', service: 'api itself' }, // an exact path before any prefix
    { host: 'a', path: '/api/', method: 'GET', service: 'api' },
    { host: 'a', path: '/api/x', method: 'POST', service: 'api writes' },
    { host: 'a', path: '/apix', method: 'GET', service: 'everything' },
    { host: 'a', path: '/api/v2/x/y', method: 'POST', service: 'api v2' }, // a longer path before more conditions
    { host: 'a', path: '/api/v20', method: 'GET', service: 'api' },
    { host: 'a', path: '/x/../api/v2', method: 'GET', service: 'api v2' },
    { host: 'a', path: '/%61pi/v2', method: 'GET', service: 'api v2' },
    { host: 'a', path: '*', method: 'OPTIONS', service: 'everything' },
    { host: 'shop.example', path: '/api', method: 'GET', service: 'shop' }, // the host before the path
    { host: 'shop.example', path: '/cart/1', method: 'GET', service: 'shop' },
    { host: 'shop.example', path: '/cart/1', method: 'GET', headers: { 'x-beta': '1' }, service: 'beta cart' },
    { host: 'a.shop.example', path: '/cart', method: 'GET', service: 'shop below' },
    { host: 'a.shop.example', path: '/', method: 'GET', service: 'any example' }, // gives way to a less specific host
    { host: 'example', path: '/', method: 'GET', service: 'everything' }, // a wildcard wants at least one label
  ])('$method $host$path → $service', ({ service, ...request }) => {
    expect(services[matchRoute(table, subjectOf(request))]).toBe(service);
  });

  test('and nowhere where nothing matches', () => {
    const only = compileRoutes([route({ host: exactHost('a'), path: exactPath('/x') })]);
    expect(matchRoute(only, subjectOf({ host: 'a', path: '/', method: 'GET' }))).toBe(-1);
    expect(matchRoute(only, subjectOf({ host: 'b', path: '/x', method: 'GET' }))).toBe(-1);
  });
});

test('of equally specific routes the first in the document wins', () => {
  const twins = compileRoutes([route({ methods: ['GET'] }), route({ headers: [{ name: 'x', value: '1' }] }), route({ methods: ['GET'] })]);
  expect(matchRoute(twins, subjectOf({ host: 'a', path: '/', method: 'GET', headers: { x: '1' } }))).toBe(0);
});

test.each([
  ['/a/./b', '/a/b'],
  ['/a/..', '/'],
  ['/../a', '/a'],
  ['/a/%2e%2E/b', '/b'],
  ['/%7euser', '/~user'],
  ['/a%2Fb', '/a%2Fb'], // an encoded slash is not a slash
  ['/a%2fb', '/a%2Fb'], // but case does not make it another one
  ['/%c3%Bc/%2e%2e/%3b', '/%3B'],
  ['/a//b', '/a//b'],
  ['/%zz', '/%zz'],
])('routes see %s as %s', (path, seen) => {
  expect(routablePath(path)).toBe(seen);
});

test('what routes see of a path they see of itself', () => {
  const pieces = fc.array(fc.constantFrom('/', '.', '..', '%2e', '%2E', '%2f', '%2F', '%c3', 'a', '%61', '%zz'), { maxLength: 12 });
  fc.assert(
    fc.property(pieces, (parts) => {
      const seen = routablePath(`/${parts.join('')}`);
      expect(routablePath(seen)).toBe(seen);
    }),
    { numRuns: 2000 },
  );
});

/** The naive version: every route that matches, sorted by how specific it is. */
function naiveMatch(routes: readonly Route[], { host, path, method, headers = {} }: Request): number {
  const matches = (match: RouteMatch) =>
    (match.host === undefined || (match.host.kind === 'exact' ? host === match.host.value : host.endsWith(`.${match.host.value}`))) &&
    (match.path === undefined ||
      path === match.path.value ||
      (match.path.kind === 'prefix' && path.startsWith(`${match.path.value}/`)) ||
      (match.path.kind === 'prefix' && match.path.value === '')) &&
    (match.methods.length === 0 || match.methods.includes(method)) &&
    match.headers.every(({ name, value }: NameValue) => headers[name] === value);
  const specificity = ({ host: h, path: p, methods, headers: hs }: RouteMatch) => [
    h === undefined ? 0 : h.kind === 'exact' ? 1e6 : h.value.split('.').length,
    p === undefined ? 0 : p.kind === 'exact' ? 1e6 : p.value.split('/').length - 1,
    (methods.length > 0 ? 1 : 0) + hs.length,
  ];
  return (
    routes
      .map(({ match }, index) => ({ match, index, rank: specificity(match) }))
      .filter(({ match }) => matches(match))
      .toSorted((a, b) => b.rank[0]! - a.rank[0]! || b.rank[1]! - a.rank[1]! || b.rank[2]! - a.rank[2]! || a.index - b.index)[0]?.index ??
    -1
  );
}

const label = fc.constantFrom('a', 'b', 'c');
const hostName = fc.array(label, { minLength: 1, maxLength: 3 }).map((labels) => labels.join('.'));
const pathName = fc.array(fc.constantFrom('x', 'y', ''), { maxLength: 3 }).map((segments) => `/${segments.join('/')}`);
const anyRoute = fc
  .record({
    host: fc.option(fc.record({ kind: fc.constantFrom('exact' as const, 'suffix' as const), value: hostName }), { nil: undefined }),
    path: fc.option(
      fc.oneof(
        pathName.map((value) => exactPath(value)),
        pathName.map((value) => prefixPath(value.replace(/\/+$/, ''))),
      ),
      { nil: undefined },
    ),
    methods: fc.constantFrom<string[]>([], ['GET'], ['POST', 'PUT']),
    headers: fc.constantFrom<NameValue[]>([], [{ name: 'x', value: '1' }]),
  })
  .map(({ host, path, ...match }) => route({ ...(host && { host }), ...(path && { path }), ...match }));
const anyRequest = fc.record({
  host: hostName,
  path: pathName,
  method: fc.constantFrom('GET', 'POST'),
  headers: fc.constantFrom<Record<string, string>>({}, { x: '1' }),
});

test('the compiled table finds what trying every route would find', () => {
  fc.assert(
    fc.property(fc.array(anyRoute, { maxLength: 20 }), fc.array(anyRequest, { minLength: 1, maxLength: 20 }), (routes, requests) => {
      const compiled = compileRoutes(routes);
      for (const request of requests) expect(matchRoute(compiled, subjectOf(request))).toBe(naiveMatch(routes, request));
    }),
    { numRuns: 500 },
  );
});
