import * as fc from 'fast-check';
import { Compile } from 'typebox/compile';
import { Value } from 'typebox/value';
import { describe, expect, test } from 'vitest';
import { interpret, type Interpretation } from '../../config/interpret.ts';
import { plainSchema } from '../../config/schema-node.ts';
import { StickyKeySchema } from '../../config/schema-keys.ts';
import { ConfigSchema } from '../../config/schema.ts';
import { configure } from '../../config/effective.ts';
import { Findings } from '../../config/findings.ts';
import { checkShape } from '../../config/shape.ts';
import type { Json, JsonObject } from '../../src/core/json.ts';
import type { HealthCheck, Mirror, Override, OverrideMatch, Pool, RouteMatch, Service, Sticky } from '../../src/core/model.ts';
import { anyJsonObject, documentsOf } from './arbitrary.ts';

const smallest: JsonObject = { services: { web: { pools: { blue: { targets: ['http://10.0.0.1:3000'] } } } } };
const noConditions: OverrideMatch = { methods: [], headers: [], query: [], cookies: [], clients: [], percent: undefined };

test('the smallest document means one service on port 8080 with every default', () => {
  expect(interpret(smallest)).toEqual({
    kind: 'valid',
    model: {
      listeners: [
        {
          name: 'web',
          address: { host: '0.0.0.0', port: 8080 },
          timeouts: { headMs: 10_000, keepAliveMs: 75_000, writeMs: 30_000 },
          limits: { headBytes: 32_768, fields: 128, connections: 10_000, connectionsPerClient: 0, bodyBytes: 0 },
          tls: undefined,
          redirectToHttps: undefined,
          proxyProtocol: [],
          trustedProxies: [],
          requestIds: true,
          traceContext: 'make',
        },
      ],
      services: [
        {
          id: 'web',
          pools: [
            {
              id: 'blue',
              targets: [
                {
                  id: '10.0.0.1:3000',
                  address: { host: '10.0.0.1', port: 3000 },
                  encrypted: false,
                  weight: 1,
                  state: 'ready',
                  drainUntilMs: undefined,
                },
              ],
              state: 'ready',
              drainUntilMs: undefined,
              balance: { kind: 'round-robin' },
              health: undefined,
              ejection: { failures: 5, baseMs: 30_000, maxMs: 300_000, maxShare: 0.5 },
              panicShare: 0,
              slowStartMs: 0,
              limits: { maxConnections: 0, maxInFlight: 0, maxQueued: 128, queueTimeoutMs: 5000 },
              tls: { verify: true, serverName: undefined, caFile: undefined, certificate: undefined },
            },
          ],
          weights: { blue: 100 },
          fallback: undefined,
          sticky: undefined,
          overrides: [],
          mirrors: [],
          retry: { attempts: 1, rescue: false, budgetShare: 0.2, bodyBufferBytes: 65_536, putDelete: false },
          timeouts: { connectMs: 1000, responseMs: 30_000, idleMs: 60_000, upgradedMs: 3_600_000, requestMs: 0, drainMs: 30_000 },
          debugHeaders: false,
        },
      ],
      routes: [{ match: { methods: [], headers: [], query: [], cookies: [] }, serviceId: 'web' }],
    },
    settings: {
      admin: { address: { host: '127.0.0.1', port: 8081 }, tokens: [] },
      dataDir: './sluice-data',
      workers: 'auto',
      log: { level: 'info', access: true },
    },
  });
});

test('what is written wins over every default', () => {
  const meaning = interpret({
    listeners: [
      { name: 'a', address: '[::1]:9000', timeouts: { head: '1s' }, limits: { bodyBytes: '1MiB', headBytes: '1KiB', fields: 8 } },
    ],
    admin: { address: 'localhost:0', tokens: [{ name: 'ci', role: 'operator', tokenFile: '/t' }] },
    dataDir: '/var/lib/sluice',
    workers: 0,
    log: { level: 'silent', access: false },
    services: {
      web: {
        pools: { blue: { targets: [{ id: 'b1', url: 'http://App_1', weight: 0 }], balance: 'round-robin' } },
        weights: { blue: 7 },
        retry: { attempts: 0 },
        timeouts: { connect: '250ms', response: '2m', idle: '0s', upgraded: '0s', request: '1h' },
        debugHeaders: true,
      },
    },
  });
  expect(meaning).toMatchObject({
    model: {
      listeners: [
        {
          address: { host: '::1', port: 9000 },
          timeouts: { headMs: 1000, keepAliveMs: 75_000 },
          limits: { bodyBytes: 1_048_576, headBytes: 1024, fields: 8, connections: 10_000 },
        },
      ],
      services: [
        {
          pools: [{ targets: [{ id: 'b1', address: { host: 'app_1', port: 80 }, weight: 0 }] }],
          weights: { blue: 7 },
          retry: { attempts: 0 },
          timeouts: { connectMs: 250, responseMs: 120_000, idleMs: 0, upgradedMs: 0, requestMs: 3_600_000 },
          debugHeaders: true,
        },
      ],
    },
    settings: {
      admin: { address: { host: '127.0.0.1', port: 0 }, tokens: [{ name: 'ci', role: 'operator', tokenFile: '/t' }] },
      dataDir: '/var/lib/sluice',
      workers: 0,
      log: { level: 'silent', access: false },
    },
  });
});

describe('weights', () => {
  test.each<{ weights: Json | undefined; pools: string[]; meaning: Record<string, number> | undefined }>([
    { weights: { blue: 90, green: 10 }, pools: ['blue', 'green'], meaning: { blue: 90, green: 10 } },
    { weights: { green: 1 }, pools: ['blue', 'green'], meaning: { blue: 0, green: 1 } }, // not named = nothing
    { weights: {}, pools: ['blue', 'green'], meaning: { blue: 0, green: 0 } }, // said, so meant
    { weights: undefined, pools: ['blue'], meaning: { blue: 100 } },
    { weights: {}, pools: ['constructor'], meaning: { constructor: 0 } }, // not what every object inherits
    { weights: undefined, pools: ['blue', 'green'], meaning: undefined },
  ])('$weights over $pools mean $meaning', ({ weights, pools, meaning }) => {
    expect(weightsOf(weights, pools)).toEqual(meaning);
  });
});

describe('pools', () => {
  test.each<{ pool: Record<string, Json>; meaning: Partial<Pool> }>([
    { pool: { state: 'maint' }, meaning: { state: 'maint', drainUntilMs: undefined } },
    {
      pool: { state: 'drain', drainUntil: '1970-01-01T01:00:01+01:00' },
      meaning: { state: 'drain', drainUntilMs: 1000 },
    },
    { pool: { balance: 'least-requests' }, meaning: { balance: { kind: 'least-requests' } } },
    { pool: { balance: 'hash' }, meaning: { balance: { kind: 'hash', key: { from: 'address' } } } },
    { pool: hashedBy({ path: true }), meaning: { balance: { kind: 'hash', key: { from: 'path' } } } },
    { pool: hashedBy({ header: 'X-User' }), meaning: { balance: { kind: 'hash', key: { from: 'header', name: 'x-user' } } } },
    { pool: hashedBy({ cookie: 'Sid' }), meaning: { balance: { kind: 'hash', key: { from: 'cookie', name: 'Sid' } } } },
    { pool: hashedBy({ query: 'q' }), meaning: { balance: { kind: 'hash', key: { from: 'query', name: 'q' } } } },
    { pool: hashedBy({ jwt: 'sub' }), meaning: { balance: { kind: 'hash', key: { from: 'jwt', claim: 'sub' } } } },
    {
      pool: { ejection: { failures: 0, base: '1s', max: '1s', share: '12.5%' } },
      meaning: { ejection: { failures: 0, baseMs: 1000, maxMs: 1000, maxShare: 0.125 } },
    },
    { pool: { panic: '100%', slowStart: '30s' }, meaning: { panicShare: 1, slowStartMs: 30_000 } },
    {
      pool: { limits: { maxConnections: 1, maxInFlight: 2, maxQueued: 0, queueTimeout: '3s' } },
      meaning: { limits: { maxConnections: 1, maxInFlight: 2, maxQueued: 0, queueTimeoutMs: 3000 } },
    },
    {
      pool: { tls: {} },
      meaning: { tls: { verify: true, serverName: undefined, caFile: undefined, certificate: undefined } },
    },
    {
      pool: { tls: { verify: false, serverName: 'App', ca: 'ca.pem', cert: 'c.pem', key: 'k.pem' } },
      meaning: { tls: { verify: false, serverName: 'app', caFile: 'ca.pem', certificate: { certFile: 'c.pem', keyFile: 'k.pem' } } },
    },
  ])('$pool means $meaning', ({ pool, meaning }) => {
    expect(serviceOf({ pools: { blue: { targets: [], ...pool } } }).pools).toMatchObject([meaning]);
  });

  test('targets may be reached over TLS, in the clear, or some so and some so', () => {
    const targets = ['https://App.internal', { url: 'http://10.0.0.1:443', id: 'plain' }, { url: 'https://[::1]:8443' }];
    expect(serviceOf({ pools: { blue: { targets } } }).pools[0]?.targets).toMatchObject([
      { id: 'app.internal:443', address: { host: 'app.internal', port: 443 }, encrypted: true },
      { id: 'plain', address: { host: '10.0.0.1', port: 443 }, encrypted: false },
      { id: '[::1]:8443', address: { host: '::1', port: 8443 }, encrypted: true },
    ]);
  });

  test('a target may be in another state than its pool', () => {
    const targets = [{ url: 'http://a', state: 'drain', drainUntil: '1970-01-01T00:00:01Z' }, 'http://b'];
    expect(serviceOf({ pools: { blue: { targets, state: 'maint' } } }).pools).toMatchObject([
      { state: 'maint', drainUntilMs: undefined, targets: [{ state: 'drain', drainUntilMs: 1000 }, { state: 'ready' }] },
    ]);
  });

  test.each<{ health: Json; meaning: Partial<HealthCheck> }>([
    {
      health: {},
      meaning: {
        kind: 'http',
        path: '/',
        method: 'GET',
        host: undefined,
        port: undefined,
        verify: true,
        intervalMs: 2000,
        timeoutMs: 1000,
        rise: 2,
        fall: 3,
        status: [{ from: 200, to: 299 }],
        headers: [],
        body: '',
        agent: true,
      },
    },
    {
      health: {
        type: 'https',
        path: '/healthz?deep=1',
        method: 'HEAD',
        host: 'Shop.example:8080',
        port: 9000,
        verify: false,
        interval: '100ms',
        timeout: '1s',
        rise: 1,
        fall: 1,
        expect: { status: '200-299, 304', headers: { 'X-App': 'shop' } },
        agent: false,
      },
      meaning: {
        kind: 'https',
        path: '/healthz?deep=1',
        method: 'HEAD',
        host: 'Shop.example:8080',
        port: 9000,
        verify: false,
        intervalMs: 100,
        timeoutMs: 1000,
        rise: 1,
        fall: 1,
        status: [
          { from: 200, to: 299 },
          { from: 304, to: 304 },
        ],
        headers: [{ name: 'x-app', value: 'shop' }],
        body: '',
        agent: false,
      },
    },
    { health: { type: 'tcp', port: 65_535, agent: false }, meaning: { kind: 'tcp', port: 65_535 } },
    { health: { expect: { body: 'all well' } }, meaning: { body: 'all well' } },
  ])('$health is a probe: $meaning', ({ health, meaning }) => {
    expect(serviceOf({ pools: { blue: { targets: [], health } } }).pools[0]?.health).toMatchObject(meaning);
  });
});

describe('clients of a service', () => {
  test.each<{ sticky: Record<string, Json>; meaning: Partial<Sticky> }>([
    {
      sticky: {},
      meaning: {
        key: { from: 'own', cookie: 'sluice_id' },
        target: false,
        onShrink: 'move',
        maxAgeMs: 86_400_000,
        cookiePath: '/',
        sameSite: 'lax',
        secure: 'auto',
      },
    },
    {
      sticky: { key: { cookie: 'id' }, onShrink: 'keep', maxAge: '1s', path: '/shop', sameSite: 'none', secure: 'always' },
      meaning: {
        key: { from: 'own', cookie: 'id' },
        onShrink: 'keep',
        maxAgeMs: 1000,
        cookiePath: '/shop',
        sameSite: 'none',
        secure: 'always',
      },
    },
    { sticky: { key: { cookie: '__Host-id' }, secure: 'always' }, meaning: { key: { from: 'own', cookie: '__Host-id' } } },
    { sticky: { key: { appCookie: 'session' } }, meaning: { key: { from: 'cookie', name: 'session' } } },
    { sticky: { key: { appCookie: 'sluice_t' } }, meaning: { target: false } }, // no cookie of ours is in its way
    { sticky: { key: { header: 'X-User' } }, meaning: { key: { from: 'header', name: 'x-user' } } },
    { sticky: { key: { query: 'user' } }, meaning: { key: { from: 'query', name: 'user' } } },
    { sticky: { key: { jwt: 'sub' } }, meaning: { key: { from: 'jwt', claim: 'sub' } } },
    { sticky: { key: { address: true }, target: true, maxAge: '1h' }, meaning: { key: { from: 'address' }, target: true } },
  ])('$sticky means $meaning', ({ sticky, meaning }) => {
    expect(serviceOf({ sticky }).sticky).toMatchObject(meaning);
  });

  test.each<{ override: Record<string, Json>; meaning: Override }>([
    { override: { pool: 'blue' }, meaning: { match: noConditions, poolId: 'blue' } },
    {
      override: { match: { host: 'a', headers: { 'X-Canary': '1' } }, pool: 'green' },
      meaning: {
        match: { ...noConditions, host: { kind: 'exact', value: 'a' }, headers: [{ name: 'x-canary', value: '1' }] },
        poolId: 'green',
      },
    },
    {
      override: { match: { clients: ['10.0.0.0/8', '::1', 'FD00:0::/8', '10.0.0.0/8'] }, pool: 'green' },
      meaning: { match: { ...noConditions, clients: ['10.0.0.0/8', '::1/128', 'fd00::/8'] }, poolId: 'green' },
    },
    {
      override: { match: { percent: { of: { cookie: 'sid' }, share: '0.7%' } }, pool: 'green' },
      meaning: { match: { ...noConditions, percent: { of: { from: 'cookie', name: 'sid' }, share: 0.007 } }, poolId: 'green' },
    },
  ])('the override $override means $meaning', ({ override, meaning }) => {
    expect(serviceOf({ overrides: [override] }).overrides).toEqual([meaning]);
  });

  test('overrides that differ in their network, their share or what is shared out are all kept', () => {
    const matches = [
      { clients: ['10.0.0.0/8'] },
      { clients: ['10.0.0.0/9'] },
      { percent: { of: { address: true }, share: '1%' } },
      { percent: { of: { address: true }, share: '2%' } },
      { percent: { of: { jwt: 'sub' }, share: '2%' } },
      {},
    ];
    expect(serviceOf({ overrides: matches.map((match) => ({ match, pool: 'green' })) }).overrides).toHaveLength(6);
  });

  test.each<{ mirror: Record<string, Json>; meaning: Mirror }>([
    { mirror: { pool: 'green' }, meaning: { poolId: 'green', share: 1, unsafe: false } },
    { mirror: { pool: 'green', percent: 10, unsafe: true }, meaning: { poolId: 'green', share: 0.1, unsafe: true } },
    { mirror: { pool: 'green', percent: 0.7 }, meaning: { poolId: 'green', share: 0.007, unsafe: false } },
    { mirror: { pool: 'green', percent: '0.7%' }, meaning: { poolId: 'green', share: 0.007, unsafe: false } },
    { mirror: { pool: 'green', percent: 0 }, meaning: { poolId: 'green', share: 0, unsafe: false } },
  ])('the mirror $mirror means $meaning', ({ mirror, meaning }) => {
    expect(serviceOf({ mirrors: [mirror] }).mirrors).toEqual([meaning]);
  });

  test('what may be sent again is what it says', () => {
    expect(serviceOf({ retry: { attempts: 2, budget: '12.5%', bodyBuffer: '0B', putDelete: true } }).retry).toEqual({
      attempts: 2,
      rescue: false,
      budgetShare: 0.125,
      bodyBufferBytes: 0,
      putDelete: true,
    });
  });

  test('a fallback, a rescue and a drain are what they are', () => {
    expect(serviceOf({ fallback: 'blue', retry: { rescue: true }, timeouts: { drain: '0s' } })).toMatchObject({
      fallback: 'blue',
      retry: { attempts: 1, rescue: true },
      timeouts: { drainMs: 0, connectMs: 1000 },
    });
  });
});

describe('cookies of two services, a and b', () => {
  const named = (cookie: string): Json => ({ key: { cookie } });
  const bound = { key: { address: true }, target: true };

  test.each<{ name: string; a?: Json; b?: Json; matches: readonly [Json, Json]; clash: boolean }>([
    { name: 'one host', matches: [{ host: 'x.y' }, { host: 'X.Y', path: '/b/*' }], clash: true },
    { name: 'two hosts', matches: [{ host: 'x.y' }, { host: 'z.y' }], clash: false },
    { name: 'any host', matches: [{}, { path: '/b/*' }], clash: true },
    { name: 'a host of which a part goes elsewhere', matches: [{}, { host: 'x.y', path: '/b/*' }], clash: true },
    { name: 'a host of which some requests go elsewhere', matches: [{}, { host: 'x.y', methods: ['GET'] }], clash: true },
    { name: 'a host that is all taken', matches: [{}, { host: 'x.y' }], clash: false },
    { name: 'a host whose every path is taken', matches: [{}, { host: 'x.y', path: '/*' }], clash: false },
    { name: 'a host below a pattern', matches: [{ host: '*.y' }, { host: 'w.x.y', path: '/b/*' }], clash: true },
    { name: 'a pattern below a pattern', matches: [{ host: '*.y' }, { host: '*.x.y', path: '/b/*' }], clash: true },
    { name: 'a host beside a pattern', matches: [{ host: '*.y' }, { host: 'y', path: '/b/*' }], clash: false },
    { name: 'an address', matches: [{}, { host: '[::1]', path: '/b/*' }], clash: true },
    { name: 'names of their own', b: named('b_id'), matches: [{}, { path: '/b/*' }], clash: false },
    { name: 'paths of their own', b: { path: '/b' }, matches: [{}, { path: '/b/*' }], clash: false },
    { name: 'no cookie of the second', b: { key: { address: true } }, matches: [{}, { path: '/b/*' }], clash: false },
    { name: 'both cookies', a: { target: true }, b: { target: true }, matches: [{}, { path: '/b/*' }], clash: true },
    { name: 'cookies for targets alone', a: bound, b: bound, matches: [{}, { path: '/b/*' }], clash: true },
    {
      name: 'the name of the other’s second cookie',
      a: { target: true },
      b: named('sluice_id_t'),
      matches: [{}, { path: '/b/*' }],
      clash: true,
    },
  ])('$name: they clash: $clash', ({ a = {}, b = {}, matches, clash }) => {
    const services = Object.fromEntries(Object.entries({ a, b }).map(([id, sticky]) => [id, { pools: { blue: { targets: [] } }, sticky }]));
    const routes = matches.map((match, index) => ({ match, service: 'ab'.charAt(index) }));
    const pointers = (document: JsonObject): string[] => {
      const meaning = interpret(document);
      return meaning.kind === 'valid' ? [] : meaning.problems.map(({ pointer }) => pointer);
    };
    expect(pointers({ services, routes })).toEqual(clash ? ['/services/b/sticky'] : []);
    expect(pointers({ services, routes: routes.toReversed() })).toEqual(clash ? ['/services/b/sticky'] : []);
  });

  test('a pattern that takes a whole domain keeps less specific routes away from every host in it', () => {
    const service = { pools: { blue: { targets: [] } }, sticky: {} };
    const ofB = { match: { host: 'w.x.y', path: '/b/*' }, service: 'b' };
    const rest = [ofB, { service: 'a' }];
    const services = { a: service, b: service };
    expect(interpret({ services, routes: rest }).kind).toBe('invalid');
    expect(interpret({ services, routes: [{ match: { host: '*.y' }, service: 'b' }, ...rest] }).kind).toBe('valid');
  });

  test('a service with two routes to one host is at peace with itself', () => {
    const services = { a: { pools: { blue: { targets: [] } }, sticky: {} } };
    const routes = [{ match: { host: 'x.y' }, service: 'a' }, { match: { path: '/a' }, service: 'a' }, { service: 'a' }]; // prettier-ignore
    expect(interpret({ services, routes }).kind).toBe('valid');
  });
});

test('networks of proxies in front are written in one way, and each stands once', () => {
  const listener = {
    name: 'web',
    address: ':80',
    proxyProtocol: { from: ['10.0.0.0/8', '::1'] },
    trustedProxies: ['127.0.0.1', '127.0.0.1/32', 'FD00:0::/8'],
    requestIds: false,
    traceContext: 'pass',
  };
  expect(interpret({ ...smallest, listeners: [listener] })).toMatchObject({
    model: {
      listeners: [
        { proxyProtocol: ['10.0.0.0/8', '::1/128'], trustedProxies: ['127.0.0.1/32', 'fd00::/8'], requestIds: false, traceContext: 'pass' },
      ],
    },
  });
});

describe('routes', () => {
  const none = { methods: [], headers: [], query: [], cookies: [] };

  test.each<{ match: Record<string, Json>; meaning: RouteMatch }>([
    { match: {}, meaning: none },
    { match: { host: 'Shop.Example' }, meaning: { ...none, host: { kind: 'exact', value: 'shop.example' } } },
    { match: { host: '*.Shop.Example' }, meaning: { ...none, host: { kind: 'suffix', value: 'shop.example' } } },
    { match: { host: '[::1]' }, meaning: { ...none, host: { kind: 'exact', value: '[::1]' } } },
    { match: { path: '/login' }, meaning: { ...none, path: { kind: 'exact', value: '/login' } } },
    { match: { path: '/' }, meaning: { ...none, path: { kind: 'exact', value: '/' } } },
    { match: { path: '/api/*' }, meaning: { ...none, path: { kind: 'prefix', value: '/api' } } },
    { match: { path: '/*' }, meaning: { ...none, path: { kind: 'prefix', value: '' } } },
    { match: { methods: ['GET', 'PURGE', 'GET'] }, meaning: { ...none, methods: ['GET', 'PURGE'] } },
    { match: { headers: { 'X-Canary': '1' } }, meaning: { ...none, headers: [{ name: 'x-canary', value: '1' }] } },
    { match: { query: { Ä: 'x y', '': '' } }, meaning: { ...none, query: [{ name: 'Ä', value: 'x y' }, { name: '', value: '' }] } }, // prettier-ignore
    { match: { cookies: { Beta: '1' } }, meaning: { ...none, cookies: [{ name: 'Beta', value: '1' }] } },
  ])('$match means $meaning', ({ match, meaning }) => {
    expect(interpret({ ...smallest, routes: [{ match, service: 'web' }] })).toMatchObject({
      kind: 'valid',
      model: { routes: [{ match: meaning, serviceId: 'web' }] },
    });
  });

  test('routes that differ in one value are both kept', () => {
    const routes = [{ match: { cookies: { beta: '1' } }, service: 'web' }, { match: { cookies: { beta: '2' } }, service: 'web' }, { service: 'web' }]; // prettier-ignore
    expect(interpret({ ...smallest, routes })).toMatchObject({ kind: 'valid' });
  });
});

describe('listeners', () => {
  test.each([
    { a: ':8080', b: '0.0.0.0:8080', clash: true },
    { a: '127.0.0.1:8080', b: '127.0.0.2:8080', clash: false },
    { a: '127.0.0.1:8080', b: ':8080', clash: true },
    { a: '[::]:8080', b: '127.0.0.1:8080', clash: true }, // :: takes IPv4 as well
    { a: '[::1]:8080', b: '0.0.0.0:8080', clash: false },
    { a: '[::1]:8080', b: '[0:0::1]:8080', clash: true }, // one address, written in two ways
    { a: ':0', b: ':0', clash: false }, // the system finds a free port for each
  ])('$a and $b clash: $clash', ({ a, b, clash }) => {
    const listeners = [{ name: 'a', address: a }, { name: 'b', address: b }]; // prettier-ignore
    expect(interpret({ ...smallest, listeners }).kind).toBe(clash ? 'invalid' : 'valid');
  });

  test.each([
    { address: '127.0.0.1:9', allowed: true },
    { address: '127.9.9.9:9', allowed: true },
    { address: '[::1]:9', allowed: true },
    { address: 'localhost:9', allowed: true },
    { address: '0.0.0.0:9', allowed: false },
    { address: '[::]:9', allowed: false },
    { address: '10.0.0.1:9', allowed: false },
  ])('admin on $address without tokens is allowed: $allowed', ({ address, allowed }) => {
    expect(configure({ ...smallest, admin: { address } }).kind).toBe(allowed ? 'valid' : 'invalid');
    const tokens = [{ name: 'ci', role: 'admin', tokenFile: '/t' }];
    expect(configure({ ...smallest, admin: { address, tokens } }).kind).toBe('valid');
  });

  test('a thousand addresses on one port are no clash, and "everywhere" clashes with the first', () => {
    const many = Array.from({ length: 1000 }, (_, index) => ({ name: `l${index}`, address: `127.0.${index >> 8}.${index & 255}:80` }));
    expect(interpret({ ...smallest, listeners: many }).kind).toBe('valid');
    expect(interpret({ ...smallest, listeners: [...many, { name: 'all', address: ':80' }] })).toMatchObject({
      problems: [{ pointer: '/listeners/1000/address', message: 'listener "l0" (127.0.0.0:80) has this port already; choose another' }],
    });
  });
});

describe('where the command line has the last word', () => {
  const clashing = { ...smallest, listeners: [{ name: 'web', address: '127.0.0.1:8081' }] };

  test('--admin-listen resolves a clash of ports that the document alone would have', () => {
    expect(configure(clashing).kind).toBe('invalid');
    expect(configure(clashing, { adminListen: '127.0.0.1:18099' })).toMatchObject({
      kind: 'valid',
      document: clashing,
      settings: { admin: { address: { host: '127.0.0.1', port: 18_099 } } },
    });
    // What is saved is the document; it must be resumed without the flag being known there.
    expect(interpret(clashing).kind).toBe('valid');
  });

  test('--admin-listen may be what clashes, or what others could reach', () => {
    expect(configure(smallest, { adminListen: ':8080' }).kind).toBe('invalid');
    expect(configure({ ...smallest, admin: { address: '0.0.0.0:8081' } }, { adminListen: '127.0.0.1:8081' }).kind).toBe('valid');
    expect(configure(smallest, { adminListen: '0.0.0.0:9000' }).kind).toBe('invalid');
  });

  test('workers and data directory are replaced, and the document stays as it was written', () => {
    expect(configure(smallest, { workers: 0, dataDir: '/d' })).toMatchObject({
      document: smallest,
      settings: { workers: 0, dataDir: '/d' },
    });
  });
});

describe('a document with more wrong than anybody reads', () => {
  const names = (prefix: string, count: number) => Array.from({ length: count }, (_, index) => `${prefix}${index}`);
  const wrongWeights = (count: number) =>
    interpret({
      services: {
        web: {
          pools: Object.fromEntries(names('pool-', count).map((id) => [id, { targets: [] }])),
          weights: Object.fromEntries(names('pol-', count).map((id) => [id, 1])),
        },
      },
    });

  test('only the first twenty wrong names are compared with all the right ones', () => {
    const meaning = wrongWeights(300);
    const messages = meaning.kind === 'invalid' ? meaning.problems.map(({ message }) => message) : [];
    expect(messages).toHaveLength(300);
    expect(messages.filter((message) => message.includes('did you mean'))).toHaveLength(20);
    expect(messages.at(-1)).toBe('the service has no pool "pol-299"');
  });

  test('a thousand problems are listed, and how many more there are', () => {
    const meaning = wrongWeights(1234);
    const problems = meaning.kind === 'invalid' ? meaning.problems : [];
    expect(problems).toHaveLength(1001);
    expect(problems.at(-1)).toEqual({ pointer: '', message: 'and 234 more problems' });
  });
});

describe('whatever a document holds', () => {
  const schema = plainSchema(ConfigSchema);
  const validator = Compile(ConfigSchema);

  test('interpret never throws, and an invalid document has at least one problem', () => {
    fc.assert(
      fc.property(fc.oneof(anyJsonObject(), documentsOf(schema, fc.jsonValue())), (document) => {
        expect(interpret(document)).not.toMatchObject({ kind: 'invalid', problems: { length: 0 } });
      }),
      { numRuns: 300 },
    );
  });

  test('a document of the right shape is interpreted, or refused for what it means', () => {
    fc.assert(
      fc.property(documentsOf(schema, undefined), (document) => {
        expect(['valid', 'invalid']).toContain(interpret(document).kind);
      }),
      { numRuns: 200 },
    );
  });

  test('what passes our check of shapes passes TypeBox too, so that whatever TypeBox refuses has been explained', () => {
    fc.assert(
      fc.property(documentsOf(schema, fc.jsonValue()), (document) => {
        const findings = new Findings();
        checkShape(schema, document, findings);
        expect(!findings.isEmpty || validator.Check(document)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test('of the places where a key may be found, exactly one is given; TypeBox agrees', () => {
    const choice = plainSchema(StickyKeySchema);
    const check = (document: JsonObject) => {
      const findings = new Findings();
      const salvaged = checkShape(choice, document, findings);
      return { fine: findings.isEmpty, salvaged: salvaged !== undefined, typebox: Value.Check(StickyKeySchema, document) };
    };
    fc.assert(
      fc.property(documentsOf(choice, undefined), (document) => {
        expect(check(document)).toEqual({ fine: true, salvaged: true, typebox: true });
      }),
    );
    for (const document of [{}, { address: true, header: 'a' }, { cookie: 'a', appCookie: 'a', jwt: 'a' }, { cokie: 'a' }]) {
      expect(check(document)).toEqual({ fine: false, salvaged: false, typebox: false });
    }
  });

  test('every pointer of a problem leads to what is there, or to what is missing in something that is there', () => {
    fc.assert(
      fc.property(documentsOf(schema, fc.jsonValue()), (document) => {
        const meaning = interpret(document);
        for (const { pointer } of meaning.kind === 'invalid' ? meaning.problems : []) {
          expect({ pointer, found: pointer === '' || isContainer(valueAt(document, pointer.slice(0, pointer.lastIndexOf('/')))) }).toEqual({
            pointer,
            found: true,
          });
        }
      }),
      { numRuns: 200 },
    );
  });

  test('a nesting of a hundred thousand levels is a problem like any other', () => {
    let deep: Json = 1;
    for (let level = 0; level < 100_000; level++) deep = [deep];
    expect(interpret({ services: deep })).toMatchObject({ kind: 'invalid', problems: [{ pointer: '/services' }] });
  });

  test('a thousand routes and services are read in a moment', () => {
    const ids = Array.from({ length: 1000 }, (_, index) => `s${index}`);
    const services = Object.fromEntries(ids.map((id) => [id, { pools: { blue: { targets: ['http://10.0.0.1:3000'] } } }]));
    const routes = ids.map((id) => ({ match: { host: `${id}.example` }, service: id }));
    expect(interpret({ services, routes })).toMatchObject({ kind: 'valid', model: { routes: { length: 1000 } } });
  });
});

function hashedBy(hashKey: Json): Record<string, Json> {
  return { balance: 'hash', hashKey };
}

/** What a service means that has the pools blue and green, unless it says otherwise. */
function serviceOf(document: Record<string, Json>): Service {
  const pools = { blue: { targets: [] }, green: { targets: [] } };
  const meaning = interpret({ services: { web: { pools, weights: { blue: 1 }, ...document } } });
  expect(meaning).toMatchObject({ kind: 'valid' });
  return (meaning as Extract<Interpretation, { kind: 'valid' }>).model.services[0]!;
}

test.for([
  [true, 443],
  [8443, 8443],
  [false, undefined],
] as const)('redirectToHttps: %s redirects to port %s', ([redirectToHttps, port]) => {
  const meaning = interpret({
    listeners: [{ name: 'a', address: ':80', redirectToHttps }],
    services: { web: { pools: { blue: { targets: [] } } } },
  });
  expect(meaning.kind === 'valid' && meaning.model.listeners[0]!.redirectToHttps).toBe(port);
});

/** What weights mean for these pools; undefined where the document is refused. */
function weightsOf(weights: Json | undefined, poolIds: readonly string[]): Readonly<Record<string, number>> | undefined {
  const pools = Object.fromEntries(poolIds.map((id) => [id, { targets: [] }]));
  const meaning = interpret({ services: { web: { pools, ...(weights === undefined ? {} : { weights }) } } });
  return meaning.kind === 'valid' ? meaning.model.services[0]?.weights : undefined;
}

function valueAt(document: unknown, pointer: string): unknown {
  const keys = pointer
    .split('/')
    .slice(1)
    .map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'));
  return keys.reduce<unknown>((value, key) => (isContainer(value) ? Reflect.get(value, key) : undefined), document);
}

function isContainer(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
