import { describe, expect, test } from 'vitest';
import { routes } from '../../admin-api/routes.ts';
import { roles, type Role } from '../../config/settings.ts';
import { startApi } from './support.ts';

const tokens = roles.map((role) => ({ name: `the-${role}`, role, secret: `secret of ${role}`.replaceAll(' ', '-') }));
const bearer = (role: Role): Record<string, string> => ({ authorization: `Bearer secret-of-${role}` });
const needsToken = { tokens, address: { host: '0.0.0.0', port: 8081 } };

/** What each call needs at least. A new call does not pass unless it is entered here. */
const leastRoles: Record<string, Role | 'public'> = {
  'GET /v1/status': 'viewer',
  'GET /v1/config': 'viewer',
  'PUT /v1/config': 'admin',
  'PATCH /v1/config': 'admin',
  'GET /v1/services': 'viewer',
  'GET /v1/services/:service': 'viewer',
  'PUT /v1/services/:service': 'admin',
  'PATCH /v1/services/:service': 'admin',
  'DELETE /v1/services/:service': 'admin',
  'GET /v1/services/:service/weights': 'viewer',
  'PUT /v1/services/:service/weights': 'operator',
  'PATCH /v1/services/:service/weights': 'operator',
  'POST /v1/services/:service/switch': 'operator',
  'GET /v1/services/:service/pools/:pool': 'viewer',
  'PUT /v1/services/:service/pools/:pool': 'admin',
  'DELETE /v1/services/:service/pools/:pool': 'admin',
  'GET /v1/services/:service/pools/:pool/targets/:target': 'viewer',
  'PUT /v1/services/:service/pools/:pool/targets/:target': 'admin',
  'DELETE /v1/services/:service/pools/:pool/targets/:target': 'admin',
  'POST /v1/services/:service/pools/:pool/state': 'operator',
  'POST /v1/services/:service/pools/:pool/targets/:target/state': 'operator',
  'GET /v1/services/:service/mirrors': 'viewer',
  'PUT /v1/services/:service/mirrors': 'operator',
  'GET /v1/services/:service/overrides': 'viewer',
  'PUT /v1/services/:service/overrides': 'operator',
  'GET /v1/revisions': 'viewer',
  'GET /v1/revisions/:number': 'viewer',
  'POST /v1/revisions/:number/restore': 'operator',
  'POST /v1/undo': 'operator',
  'GET /v1/journal': 'viewer',
  'GET /v1/events': 'viewer',
  'POST /v1/signing-keys/rotate': 'admin',
  'GET /metrics': 'viewer',
  'GET /livez': 'public',
  'GET /readyz': 'public',
  'GET /openapi.json': 'viewer',
};

test('every call is in the table of roles', () => {
  expect(Object.fromEntries(routes.map((route) => [`${route.method} ${route.path}`, route.role]))).toEqual(leastRoles);
});

test.each(Object.entries(leastRoles))('%s: %s and above may call it, nobody below', async (name, least) => {
  const { call } = await startApi(needsToken);
  const { method, path: pattern } = routes.find((route) => `${route.method} ${route.path}` === name)!;
  const path = pattern.replace(':service', 'demo').replace(':pool', 'blue').replace(':target', '127.0.0.1:3001').replace(':number', '1');
  expect((await call(method, path)).status === 401).toBe(least !== 'public');
  for (const role of roles) {
    const allowed = least === 'public' || roles.indexOf(role) >= roles.indexOf(least);
    const answer = await call(method, path, undefined, bearer(role));
    expect([role, answer.status === 403, answer.status === 401]).toEqual([role, !allowed, false]);
  }
});

test.each([
  {
    authorization: undefined,
    challenge: 'Bearer realm="sluice"',
    says: 'This call needs a token; send it as "Authorization: Bearer <token>".',
  },
  {
    authorization: 'Bearer wrong',
    challenge: 'Bearer realm="sluice", error="invalid_token"',
    says: 'The token is not one of admin.tokens.',
  },
  {
    authorization: 'Bearer ',
    challenge: 'Bearer realm="sluice", error="invalid_request"',
    says: 'The Authorization field is not of the form "Bearer <token>".',
  },
  {
    authorization: 'Basic eDp5',
    challenge: 'Bearer realm="sluice", error="invalid_request"',
    says: 'The Authorization field is not of the form "Bearer <token>".',
  },
  {
    authorization: 'Bearer secret-of-admin2',
    challenge: 'Bearer realm="sluice", error="invalid_token"',
    says: 'The token is not one of admin.tokens.',
  },
])('with "$authorization": $says', async ({ authorization, challenge, says }) => {
  const { call } = await startApi(needsToken);
  const answer = await call('GET', '/v1/status', undefined, authorization === undefined ? {} : { authorization });
  expect([answer.status, answer.headers['www-authenticate'], answer.body.detail]).toEqual([401, challenge, says]);
});

test('who may not call at all does not learn which paths there are', async () => {
  const { call } = await startApi(needsToken);
  expect((await call('GET', '/v1/nowhere')).status).toBe(401);
  expect((await call('DELETE', '/v1/undo')).status).toBe(401);
  expect((await call('GET', '/v1/nowhere', undefined, bearer('viewer'))).status).toBe(404);
  expect((await call('GET', '/openapi.json')).status).toBe(401);
  expect((await call('GET', '/openapi.json', undefined, bearer('viewer'))).status).toBe(200);
});

test('a refusal names the role that is needed and the token’s own', async () => {
  const { call } = await startApi(needsToken);
  const answer = await call('POST', '/v1/undo', undefined, bearer('viewer'));
  expect(answer.body.detail).toBe('The call needs the role operator; the token "the-viewer" has the role viewer.');
});

test('the token’s name is the actor in the journal', async () => {
  const { call } = await startApi(needsToken);
  await call('PUT', '/v1/services/demo/weights', { green: 1 }, bearer('operator'));
  expect((await call('GET', '/v1/journal?limit=1', undefined, bearer('viewer'))).body.entries[0].actor).toBe('the-operator');
});

test('off loopback without tokens the API is not even built', async () => {
  await expect(startApi({ address: { host: '0.0.0.0', port: 8081 } })).rejects.toThrow(
    'the admin API listens on 0.0.0.0, where others can reach it, so it needs admin.tokens; add one or use 127.0.0.1',
  );
});

test('an empty secret is refused: it would let everybody in', async () => {
  await expect(startApi({ tokens: [{ name: 'ci', role: 'admin', secret: '' }] })).rejects.toThrow(
    'the secret of admin token "ci" is empty; write one into its tokenFile',
  );
});

describe('without tokens, on loopback', () => {
  test.each(['localhost', 'localhost:8081', 'LOCALHOST:8081', '127.0.0.1', '127.0.0.1:8081', '[::1]:8081', '10.0.0.7:8081'])(
    'a call to %s is answered',
    async (host) => {
      const { call } = await startApi();
      expect((await call('GET', '/v1/status', undefined, { host })).status).toBe(200);
    },
  );

  test.each(['evil.example', 'evil.example:8081', 'localhost.evil.example', '127.0.0.1.evil.example', '[::1].evil.example'])(
    'a call to %s is refused, for it may be a web page that rebinds its name',
    async (host) => {
      const { call } = await startApi();
      for (const path of ['/v1/status', '/nowhere', '/livez']) {
        const answer = await call('GET', path, undefined, { host });
        expect([answer.status, answer.body.code]).toEqual([403, 'FORBIDDEN']);
      }
    },
  );

  test('the refusal says why and what to do', async () => {
    const { call } = await startApi();
    expect((await call('GET', '/v1/status', undefined, { host: 'evil.example' })).body.detail).toBe(
      'The call was made to the name "evil.example". Without tokens the admin API answers to localhost and IP addresses only; call it by one, or configure admin.tokens.',
    );
  });
});

test('with tokens any name will do', async () => {
  const { call } = await startApi(needsToken);
  expect((await call('GET', '/v1/status', undefined, { host: 'sluice.internal', ...bearer('viewer') })).status).toBe(200);
});

describe('a body is JSON whatever curl calls it', () => {
  const form = 'application/x-www-form-urlencoded';
  const json = 'application/json';
  const own = { host: 'localhost:8081', origin: 'http://localhost:8081' };
  test.each<{ name: string; headers: Record<string, string>; status: number }>([
    { name: 'curl -d', headers: { 'content-type': form }, status: 200 },
    { name: 'curl -H json', headers: { 'content-type': json }, status: 200 },
    { name: 'a program that says nothing', headers: {}, status: 200 },
    { name: 'a program that says the charset', headers: { 'content-type': 'application/json; charset=UTF-8' }, status: 200 },
    { name: 'a program that says merge patch', headers: { 'content-type': 'application/merge-patch+json' }, status: 200 },
    { name: 'a program that says text', headers: { 'content-type': 'text/plain' }, status: 415 },
    { name: 'a program that says YAML', headers: { 'content-type': 'application/yaml' }, status: 415 },
    { name: 'a program that says nonsense', headers: { 'content-type': 'nonsense' }, status: 415 },
    { name: 'a program with another charset', headers: { 'content-type': 'application/json; charset=latin1' }, status: 415 },
    { name: 'a program that compresses', headers: { 'content-type': json, 'content-encoding': 'gzip' }, status: 415 },
    { name: 'our own page', headers: { ...own, 'sec-fetch-site': 'same-origin', 'content-type': json }, status: 200 },
    { name: 'our own page in an old browser', headers: { ...own, 'content-type': json }, status: 200 },
    { name: 'our own page with a form', headers: { ...own, 'sec-fetch-site': 'same-origin', 'content-type': form }, status: 415 },
    { name: 'our own page saying nothing', headers: { ...own, 'sec-fetch-site': 'same-origin' }, status: 415 },
    { name: 'another page', headers: { ...own, origin: 'http://evil.example', 'content-type': json }, status: 403 },
    { name: 'another page with a form', headers: { ...own, origin: 'http://evil.example', 'content-type': form }, status: 403 },
    { name: 'another port of this machine', headers: { ...own, origin: 'http://localhost:9999', 'content-type': json }, status: 403 },
    { name: 'a sandboxed frame', headers: { ...own, origin: 'null', 'content-type': json }, status: 403 },
    { name: 'a page of the same site', headers: { host: own.host, 'sec-fetch-site': 'same-site', 'content-type': form }, status: 403 },
    { name: 'a cross-site form', headers: { host: own.host, 'sec-fetch-site': 'cross-site', 'content-type': form }, status: 403 },
  ])('$name is answered with $status', async ({ headers, status }) => {
    const { call, controller } = await startApi();
    expect((await call('PATCH', '/v1/services/demo/weights', '{"green":1}', headers)).status).toBe(status);
    expect(controller.current().number).toBe(status === 200 ? 2 : 1);
  });

  test('a web page cannot undo either, though that needs no body', async () => {
    const { call } = await startApi();
    const answer = await call('POST', '/v1/undo', undefined, { origin: 'http://evil.example' });
    expect([answer.status, answer.body.code, answer.body.detail]).toEqual([
      403,
      'CROSS_ORIGIN',
      'The call came from http://evil.example; the admin API takes changes from its own pages and from programs only.',
    ]);
  });

  test('a page may read what its browser lets it read', async () => {
    const { call } = await startApi();
    const answer = await call('GET', '/v1/status', undefined, { origin: 'http://evil.example' });
    expect([answer.status, answer.headers['access-control-allow-origin']]).toEqual([200, undefined]);
  });
});
