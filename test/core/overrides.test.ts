import { BlockList } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hashText } from '../../src/core/hash.ts';
import type { NameValue, OverrideMatch, RequestKey } from '../../src/core/model.ts';
import { compileOverrides, matchOverride } from '../../src/core/overrides.ts';
import { routablePath } from '../../src/core/path.ts';
import type { RouteSubject } from '../../src/core/routes.ts';
import { serviceSeed } from '../../src/core/slots.ts';

interface Request {
  readonly host: string;
  readonly path: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  readonly cookies: Readonly<Record<string, string>>;
  readonly address: string;
}

const plain: Request = { host: 'shop.example', path: '/', method: 'GET', headers: {}, query: {}, cookies: {}, address: '192.0.2.7' };

const subjectOf = ({ host, path, method, headers, query, cookies }: Request): RouteSubject => ({
  host,
  path,
  method,
  header: (name) => headers[name],
  queryValue: (name) => query[name],
  cookie: (name) => cookies[name],
});

const aMatch = (conditions: Partial<OverrideMatch>): OverrideMatch => ({
  methods: [],
  headers: [],
  query: [],
  cookies: [],
  clients: [],
  percent: undefined,
  ...conditions,
});

/** The pool that is forced by overrides in this order, whose pools are 0, 1, 2 … */
function forced(matches: readonly Partial<OverrideMatch>[], request: Partial<Request> = {}, service = 'web'): number {
  const rules = matches.map((match, pool) => ({ match: aMatch(match), pool }));
  const whole = { ...plain, ...request };
  return matchOverride(compileOverrides(rules, service), subjectOf(whole), whole.address);
}

describe('an override forces its pool where all of its conditions hold', () => {
  test.each<{ match: Partial<OverrideMatch>; takes: readonly Partial<Request>[]; leaves: readonly Partial<Request>[] }>([
    { match: {}, takes: [{}], leaves: [] },
    { match: { host: { kind: 'exact', value: 'shop.example' } }, takes: [{}], leaves: [{ host: 'a.shop.example' }, { host: 'example' }] },
    {
      match: { host: { kind: 'suffix', value: 'example' } },
      takes: [{}, { host: 'a.b.example' }],
      leaves: [{ host: 'example' }, { host: 'anexample' }, { host: 'shop.example.org' }],
    },
    {
      match: { path: { kind: 'exact', value: '/a' } },
      takes: [{ path: '/a' }, { path: '/%61' }, { path: '/x/../a' }],
      leaves: [{ path: '/a/' }, { path: '/' }, { path: '/ab' }, { path: '*' }],
    },
    {
      match: { path: { kind: 'prefix', value: '/a' } },
      takes: [{ path: '/a' }, { path: '/a/' }, { path: '/a/b' }, { path: '/x/%2e%2E/a/b' }],
      leaves: [{ path: '/ab' }, { path: '/' }, { path: '/a/../b' }, { path: '/a%2Fb' }],
    },
    { match: { path: { kind: 'prefix', value: '' } }, takes: [{}, { path: '/a' }, { path: '*' }], leaves: [] },
    { match: { path: { kind: 'exact', value: '/' } }, takes: [{}], leaves: [{ path: '/a' }, { path: '*' }] },
    { match: { methods: ['POST', 'PUT'] }, takes: [{ method: 'PUT' }], leaves: [{}, { method: 'put' }] },
    {
      match: { headers: [{ name: 'x-beta', value: '1' }] },
      takes: [{ headers: { 'x-beta': '1' } }],
      leaves: [{}, { headers: { 'x-beta': '2' } }],
    },
    { match: { query: [{ name: 'beta', value: '' }] }, takes: [{ query: { beta: '' } }], leaves: [{}, { query: { beta: '1' } }] },
    { match: { cookies: [{ name: 'beta', value: 'y' }] }, takes: [{ cookies: { beta: 'y' } }], leaves: [{}, { headers: { beta: 'y' } }] },
    {
      match: { clients: ['10.0.0.0/8', '::1/128'] },
      takes: [{ address: '10.9.9.9' }, { address: '::1' }, { address: '::ffff:10.0.0.1' }],
      leaves: [{}, { address: '::2' }, { address: '' }],
    },
    {
      match: { methods: ['GET'], clients: ['192.0.2.0/24'], headers: [{ name: 'a', value: '1' }] },
      takes: [{ headers: { a: '1' } }],
      leaves: [{}, { headers: { a: '1' }, method: 'PUT' }, { headers: { a: '1' }, address: '192.0.3.1' }],
    },
  ])('$match', ({ match, takes, leaves }) => {
    expect(takes.filter((request) => forced([match], request) !== 0)).toEqual([]);
    expect(leaves.filter((request) => forced([match], request) !== -1)).toEqual([]);
  });

  test('and the first of several decides', () => {
    expect(forced([{ methods: ['PUT'] }, {}, { methods: ['GET'] }])).toBe(1);
    expect(forced([])).toBe(-1);
  });
});

describe('a percentage', () => {
  const byUser: RequestKey = { from: 'header', name: 'x-user' };
  const part = (share: number, of: RequestKey = byUser): Partial<OverrideMatch> => ({ percent: { of, share } });
  const users = Array.from({ length: 4000 }, (_, index) => `user-${index}`);
  const request = (user: string): Partial<Request> => ({ headers: { 'x-user': user, 'x-other': user }, cookies: { 'x-user': user } });
  const takenOf = (matches: readonly Partial<OverrideMatch>[], service = 'web'): string[] =>
    users.filter((user) => forced(matches, request(user), service) === 0);

  test.each([0, 0.001, 0.1, 0.5, 1])('takes a share of %f of the values', (share) => {
    const deviation = Math.sqrt(users.length * share * (1 - share));
    expect(Math.abs(takenOf([part(share)]).length - users.length * share)).toBeLessThanOrEqual(4 * deviation);
  });

  test('raised only adds', () => {
    const taken = [0, 0.01, 0.1, 0.25, 0.9, 1].map((share) => takenOf([part(share)]));
    for (const [index, fewer] of taken.slice(0, -1).entries()) {
      const more = new Set(taken[index + 1]);
      expect(more.size).toBeGreaterThan(fewer.length);
      expect(fewer.filter((user) => !more.has(user))).toEqual([]);
    }
  });

  test('takes nobody without the key, even with 100%', () => {
    expect(forced([part(1)])).toBe(-1);
    expect(forced([part(1)], { headers: { 'x-user': '' } })).toBe(-1);
    expect(forced([part(1)], request('ann'))).toBe(0);
  });

  test('is of the same people wherever the override stands and whatever else it asks for', () => {
    const alone = takenOf([part(0.1)]);
    const others = { methods: ['PUT'] };
    const after = users.filter((user) => forced([others, part(0.1)], request(user)) === 1);
    expect(after).toEqual(alone);
    expect(takenOf([{ ...part(0.1), methods: ['GET'], clients: ['192.0.2.0/24'] }])).toEqual(alone);
  });

  test('after another by the same key goes on where that one ends', () => {
    const both = [part(0.1), part(0.2)];
    const second = users.filter((user) => forced(both, request(user)) === 1);
    const doubled = new Set(takenOf([part(0.2)]));
    const first = new Set(takenOf([part(0.1)]));
    expect(second).toEqual(users.filter((user) => doubled.has(user) && !first.has(user)));
    expect(second.length).toBeGreaterThan(users.length * 0.07);
  });

  test.each<{ what: string; key: RequestKey; service: string }>([
    { what: 'another service', key: byUser, service: 'shop' },
    { what: 'a field with another name', key: { from: 'header', name: 'x-other' }, service: 'web' },
    { what: 'a cookie with the same name', key: { from: 'cookie', name: 'x-user' }, service: 'web' },
  ])('of $what is of other people', ({ key, service }) => {
    const mine = new Set(takenOf([part(0.5)]));
    const both = takenOf([part(0.5, key)], service).filter((user) => mine.has(user)).length;
    // A quarter is in both by chance, 1,000 give or take 27.
    expect(Math.abs(both - users.length / 4)).toBeLessThan(140);
  });

  test('has nothing to do with the pools that clients are stuck to by the same key', () => {
    const seed = serviceSeed('web');
    const early = takenOf([part(0.5)]).filter((user) => hashText(user, seed) < 2 ** 31).length;
    expect(Math.abs(early - users.length / 4)).toBeLessThan(140);
  });
});

/** The naive version: each condition for itself, in words. */
function naive(matches: readonly OverrideMatch[], request: Request): number {
  const path = routablePath(request.path);
  const agree = (wanted: readonly NameValue[], found: Readonly<Record<string, string>>) =>
    wanted.every(({ name, value }) => Object.hasOwn(found, name) && found[name] === value);
  return matches.findIndex((match) => {
    const list = new BlockList();
    for (const network of match.clients) list.addSubnet(network.split('/')[0]!, Number(network.split('/')[1]));
    const { host, path: place, percent } = match;
    return (
      (host === undefined || (host.kind === 'exact' ? request.host === host.value : request.host.endsWith(`.${host.value}`))) &&
      (place === undefined || (place.kind === 'exact' ? path === place.value : `${path}/`.startsWith(`${place.value}/`))) &&
      (match.methods.length === 0 || match.methods.includes(request.method)) &&
      agree(match.headers, request.headers) &&
      agree(match.query, request.query) &&
      agree(match.cookies, request.cookies) &&
      (match.clients.length === 0 || list.check(request.address)) &&
      (percent === undefined || (percent.share === 1 && request.headers['u'] !== undefined))
    );
  });
}

const hosts = fc.constantFrom('a.b', 'b', 'x.a.b');
const paths = fc.constantFrom('/x', '/x/y', '/xy', '/', '/%78/y', '/z/../x');
const pairs = fc.constantFrom<NameValue[]>(
  [],
  [],
  [{ name: 'n', value: '1' }],
  [
    { name: 'n', value: '1' },
    { name: 'm', value: '2' },
  ],
);
const found = fc.constantFrom<Record<string, string>>({}, { n: '1' }, { n: '1', m: '2' }, { n: '2' });
const anyMatch = fc
  .record({
    host: fc.option(fc.record({ kind: fc.constantFrom('exact' as const, 'suffix' as const), value: hosts }), { nil: undefined }),
    path: fc.option(fc.record({ kind: fc.constantFrom('exact' as const, 'prefix' as const), value: fc.constantFrom('/x', '/x/y') }), {
      nil: undefined,
    }),
    methods: fc.constantFrom<string[]>([], [], ['GET'], ['PUT', 'POST']),
    headers: pairs,
    query: pairs,
    cookies: pairs,
    clients: fc.constantFrom<string[]>([], [], ['10.0.0.0/8'], ['10.1.0.0/16', '192.0.2.0/25']),
    percent: fc.constantFrom<OverrideMatch['percent']>(undefined, undefined, ...[0, 1].map((share) => ({ of: { from: 'header' as const, name: 'u' }, share }))), // prettier-ignore
  })
  .map(({ host, path, ...rest }): OverrideMatch => ({ ...rest, ...(host && { host }), ...(path && { path }) }));
const anyRequest = fc.record({
  host: hosts,
  path: paths,
  method: fc.constantFrom('GET', 'POST'),
  headers: fc.tuple(found, fc.constantFrom({}, { u: 'ann' })).map(([some, user]) => ({ ...some, ...user })),
  query: found,
  cookies: found,
  address: fc.constantFrom('10.1.2.3', '10.2.2.3', '192.0.2.7', '192.0.2.200'),
});

test('any overrides force what trying each condition one by one finds', () => {
  const seen = new Set<number>();
  fc.assert(
    fc.property(fc.array(anyMatch, { maxLength: 6 }), fc.array(anyRequest, { minLength: 1, maxLength: 10 }), (matches, requests) => {
      for (const request of requests) {
        const expected = naive(matches, request);
        seen.add(expected);
        expect(forced(matches, request)).toBe(expected);
      }
    }),
    { numRuns: 500 },
  );
  expect(seen.size).toBeGreaterThan(4);
});
