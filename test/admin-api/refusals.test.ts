/** Every kind of refusal with its exact words, so that they are reviewed like any other text for users. */
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Dispatcher } from 'undici';
import { describe, expect, test } from 'vitest';
import { errorSummaries } from '../../src/core/errors.ts';
import { startApi } from './support.ts';

interface Refused {
  readonly call: readonly [Dispatcher.HttpMethod, string, unknown?, Readonly<Record<string, string>>?];
  readonly is: string;
  readonly says: string;
}

const w = '/v1/services/demo/weights';
const s = '/v1/services/demo/switch';
const p = '/v1/services/demo/pools/blue';

const refused: readonly Refused[] = [
  { call: ['GET', '/v1/servises'], is: '404 NOT_FOUND', says: 'There is no /v1/servises. Did you mean /v1/services?' },
  { call: ['GET', '/status'], is: '404 NOT_FOUND', says: 'There is no /status. Did you mean /v1/status?' },
  {
    call: ['PUT', '/services/demo/weights', { blue: 1 }],
    is: '404 NOT_FOUND',
    says: 'There is no /services/demo/weights. Did you mean /v1/services/demo/weights?',
  },
  {
    call: ['PUT', '/v1/service/demo/weight', { blue: 1 }],
    is: '404 NOT_FOUND',
    says: 'There is no /v1/service/demo/weight. Did you mean /v1/services/demo/weights?',
  },
  {
    call: ['PUT', '/nowhere/at/all', 'no JSON'],
    is: '404 NOT_FOUND',
    says: 'There is no /nowhere/at/all. GET /openapi.json lists every path.',
  },
  { call: ['POST', w, { blue: 1 }], is: '405 METHOD_NOT_ALLOWED', says: `POST is not possible on ${w}; use GET or PUT or PATCH.` },
  { call: ['POST', '/openapi.json'], is: '405 METHOD_NOT_ALLOWED', says: 'POST is not possible on /openapi.json; use GET.' },
  { call: ['GET', '/v1/undo'], is: '405 METHOD_NOT_ALLOWED', says: 'GET is not possible on /v1/undo; use POST.' },
  {
    call: ['GET', '/v1/services/dmo'],
    is: '404 SERVICE_NOT_FOUND',
    says: 'There is no service "dmo". Did you mean "demo"? There is only demo.',
  },
  { call: ['GET', '/v1/services/__proto__'], is: '404 SERVICE_NOT_FOUND', says: 'There is no service "__proto__". There is only demo.' },
  {
    call: ['GET', '/v1/services/toString/weights'],
    is: '404 SERVICE_NOT_FOUND',
    says: 'There is no service "toString". There is only demo.',
  },
  {
    call: ['PUT', w, { gren: 1 }],
    is: '404 POOL_NOT_FOUND',
    says: 'Service "demo" has no pool "gren". Did you mean "green"? There are blue and green.',
  },
  {
    call: ['PUT', w, '{"__proto__":1}'],
    is: '404 POOL_NOT_FOUND',
    says: 'Service "demo" has no pool "__proto__". There are blue and green.',
  },
  {
    call: ['PUT', w, { blue: '90' }],
    is: '422 INVALID',
    says: 'Not possible as weights: blue: expected a whole number from 0 to 1000000, found "90".',
  },
  { call: ['PUT', w, {}], is: '422 INVALID', says: 'The body names no pool of service "demo"; send for example {"blue":90,"green":10}.' },
  { call: ['PUT', w, [90, 10]], is: '422 INVALID', says: 'The body is an array; send a JSON object such as {"blue":90,"green":10}.' },
  { call: ['PUT', w, 'null'], is: '422 INVALID', says: 'The body is null; send a JSON object such as {"blue":90,"green":10}.' },
  { call: ['PUT', w], is: '400 MALFORMED', says: 'The body is empty; send a JSON object such as {"blue":90,"green":10}.' },
  { call: ['PUT', w, ' \n'], is: '400 MALFORMED', says: 'The body is empty; send a JSON object such as {"blue":90,"green":10}.' },
  { call: ['PUT', w, 'blue=90&green=10'], is: '400 MALFORMED', says: "The body is not JSON: Unexpected token 'b' (line 1 column 1)." },
  {
    call: ['PUT', w, '{"blue":90,\n "green":x}'],
    is: '400 MALFORMED',
    says: "The body is not JSON: Unexpected token 'x' (line 2 column 10).",
  },
  {
    call: ['PUT', w, '{"blue":90,}'],
    is: '400 MALFORMED',
    says: 'The body is not JSON: Expected double-quoted property name (line 1 column 12).',
  },
  {
    call: ['PUT', w, '{"blue":90,\n "green":10, "blue":0}'],
    is: '400 MALFORMED',
    says: 'The key "blue" stands twice in one object (line 2 column 14); remove one.',
  },
  {
    call: ['PUT', '/v1/config', '{"services":{},"serv\\u0069ces":{}}'],
    is: '400 MALFORMED',
    says: 'The key "services" stands twice in one object (line 1 column 16); remove one.',
  },
  { call: ['PUT', w, '{"blue":'], is: '400 MALFORMED', says: 'The body is not JSON: Unexpected end of JSON input.' },
  { call: ['PUT', w, Buffer.from([0x22, 0xff, 0x22])], is: '400 MALFORMED', says: 'The body is not UTF-8 text; JSON must be.' },
  {
    call: ['PUT', '/v1/config', '['.repeat(200_000) + ']'.repeat(200_000)],
    is: '400 MALFORMED',
    says: 'The body is nested more than 100 levels deep.',
  },
  {
    call: ['PUT', '/v1/config', `"${'x'.repeat(4 * 1024 * 1024)}"`],
    is: '413 BODY_TOO_LARGE',
    says: 'The body is larger than 4194304 bytes; send a smaller change.',
  },
  {
    call: ['PUT', w, '{}', { 'content-type': 'text/plain' }],
    is: '415 UNSUPPORTED_MEDIA_TYPE',
    says: 'The body says that it is text/plain; send JSON with content-type: application/json.',
  },
  { call: ['POST', s, {}], is: '422 INVALID', says: 'The switch cannot be made; send for example {"to":"green"}.' },
  {
    call: ['POST', s, { to: 'gren' }],
    is: '404 POOL_NOT_FOUND',
    says: 'Service "demo" has no pool "gren". Did you mean "green"? There are blue and green.',
  },
  {
    call: ['POST', '/v1/undo'],
    is: '409 NOTHING_TO_UNDO',
    says: 'Nothing comes before revision 1; "restore" goes to a revision by its number.',
  },
  { call: ['POST', '/v1/undo', { steps: 2 }], is: '422 INVALID', says: 'This call takes no body; leave it out.' },
  { call: ['POST', '/v1/revisions/7/restore'], is: '404 REVISION_NOT_FOUND', says: 'There is no revision 7: the newest is 1.' },
  {
    call: ['GET', '/v1/revisions/7'],
    is: '404 REVISION_NOT_FOUND',
    says: 'There is no revision 7; GET /v1/revisions lists those that are kept.',
  },
  {
    call: ['GET', '/v1/revisions/last'],
    is: '404 REVISION_NOT_FOUND',
    says: '"last" is no revision; they are numbered 1, 2, 3 and so on.',
  },
  {
    call: ['PUT', w, { green: 1 }, { 'if-match': '"7"' }],
    is: '412 STALE_REVISION',
    says: 'If-Match names revision 7, but revision 1 is in force; read it again and repeat the change.',
  },
  {
    call: ['PUT', w, { green: 1 }, { 'if-match': '7' }],
    is: '400 MALFORMED',
    says: 'If-Match: expected an entity tag such as "42" with its quotes, a list of them, or *, found 7.',
  },
  {
    call: ['PUT', w, { green: 1 }, { 'idempotency-key': 'a' }],
    is: '422 INVALID',
    says: 'Idempotency-Key is not supported yet; leave it out, and use If-Match to repeat a change safely.',
  },
  {
    call: ['PATCH', '/v1/config', { workers: 3 }],
    is: '409 NEEDS_RESTART',
    says: '/workers: fixed while Sluice runs; change the config file and restart.',
  },
  {
    call: ['DELETE', '/v1/services/demo'],
    is: '422 INVALID',
    says: 'The configuration would not be valid after the change; see the list of problems.',
  },
  {
    call: ['PUT', `${w}?dryrun=true`, { green: 1 }],
    is: '400 MALFORMED',
    says: 'Unknown query parameter "dryrun". Did you mean "dryRun"? There are dryRun, reason, timeout and wait.',
  },
  { call: ['PUT', `${w}?lease=10m`, { green: 1 }], is: '400 MALFORMED', says: 'Unknown query parameter "lease". It is not supported yet.' },
  {
    call: ['PUT', `${w}?dryRun=yes`, { green: 1 }],
    is: '400 MALFORMED',
    says: 'Query parameter "dryRun": expected true or false, found "yes".',
  },
  {
    call: ['PUT', `${w}?dryRun=true&dryRun=false`, { green: 1 }],
    is: '400 MALFORMED',
    says: 'The query parameter "dryRun" is given twice; give it once.',
  },
  {
    call: ['PUT', `${w}?wait=all`, { green: 1 }],
    is: '400 MALFORMED',
    says: 'Query parameter "wait": expected workers, none or drained, found "all".',
  },
  {
    call: ['PUT', `${w}?wait=drained`, { green: 1 }],
    is: '400 MALFORMED',
    says: 'Query parameter "wait": nothing drains by this call, because nothing is taken out or removed; it is workers or none, and not "drained".',
  },
  {
    call: ['POST', `${p}/state?wait=drained`, { state: 'ready' }],
    is: '400 MALFORMED',
    says: 'Query parameter "wait": nothing drains by this call, because the state is ready; it is workers or none, and not "drained".',
  },
  {
    call: ['POST', `${p}/state`, { state: 'gone' }],
    is: '422 INVALID',
    says: 'The state cannot be set; send for example {"state":"drain","deadline":"30s"}.',
  },
  {
    call: ['POST', '/v1/services/demo/pools/gren/state', { state: 'drain' }],
    is: '404 POOL_NOT_FOUND',
    says: 'Service "demo" has no pool "gren". Did you mean "green"? There are blue and green.',
  },
  {
    call: ['POST', `${p}/targets/127.0.0.1:3002/state`, { state: 'drain' }],
    is: '404 TARGET_NOT_FOUND',
    says: 'Pool "blue" of service "demo" has no target "127.0.0.1:3002". Did you mean "127.0.0.1:3001"? There is only 127.0.0.1:3001.',
  },
  {
    call: ['GET', '/v1/services/demo/pools/gren'],
    is: '404 POOL_NOT_FOUND',
    says: 'Service "demo" has no pool "gren". Did you mean "green"? There are blue and green.',
  },
  {
    call: ['GET', `${p}/targets/__proto__`],
    is: '404 TARGET_NOT_FOUND',
    says: 'Pool "blue" of service "demo" has no target "__proto__". There is only 127.0.0.1:3001.',
  },
  {
    call: ['DELETE', p],
    is: '409 POOL_IN_USE',
    says: 'Pool "blue" of service "demo" cannot be removed: it has the weight 100; move its weight away first, for example by switching to "green".',
  },
  { call: ['DELETE', p, { force: true }], is: '422 INVALID', says: 'This call takes no body; leave it out.' },
  {
    call: ['PUT', '/v1/services/demo/mirrors'],
    is: '400 MALFORMED',
    says: 'The body is empty; send a JSON array such as [{"pool":"shadow","percent":10}], or [].',
  },
  {
    call: ['PUT', '/v1/services/demo/overrides', { pool: 'green' }],
    is: '422 INVALID',
    says: 'The body is no array; send one such as [{"match":{"headers":{"x-canary":"1"}},"pool":"green"}], or [].',
  },
  {
    call: ['GET', '/v1/services/dmo/mirrors'],
    is: '404 SERVICE_NOT_FOUND',
    says: 'There is no service "dmo". Did you mean "demo"? There is only demo.',
  },
  {
    call: ['POST', '/v1/signing-keys/rotate'],
    is: '404 NOT_FOUND',
    says: 'This Sluice keeps no signing keys, so there are none to rotate.',
  },
  {
    call: ['PUT', `${w}?timeout=5`, { green: 1 }],
    is: '400 MALFORMED',
    says: 'Query parameter "timeout": expected a duration such as 30s, found "5"; write 5s for seconds or 5ms for milliseconds.',
  },
  {
    call: ['PUT', `${w}?timeout=1h`, { green: 1 }],
    is: '400 MALFORMED',
    says: 'Query parameter "timeout": expected a duration of at most 10m, found "1h".',
  },
  {
    call: ['PUT', `${w}?reason=${'x'.repeat(1001)}`, { green: 1 }],
    is: '400 MALFORMED',
    says: 'The reason has 1001 characters; at most 1000 are kept, so shorten it.',
  },
  {
    call: ['GET', '/v1/revisions?limit=0'],
    is: '400 MALFORMED',
    says: 'Query parameter "limit": expected a whole number from 1 to 1000, found "0".',
  },
  { call: ['GET', '/v1/status?verbose'], is: '400 MALFORMED', says: 'Unknown query parameter "verbose". There are none.' },
];

test.each(refused)('$call.0 $call.1 is refused with $is: $says', async ({ call: [method, path, body, headers], is, says }) => {
  const { call, controller } = await startApi();
  const answer = await call(method, path, body, headers);
  const { code, status, title, detail, type } = answer.body;
  expect([`${status} ${code}`, detail]).toEqual([is, says]);
  expect(answer.status).toBe(status);
  expect(errorSummaries).toHaveProperty(code, title);
  expect(type).toBe(`urn:sluice:problem:${code.toLowerCase().replaceAll('_', '-')}`);
  expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8');
  expect(controller.current().number).toBe(1);
});

test.each([
  { body: {}, problems: [{ pointer: '/to', message: 'expected the name of a pool, found nothing' }] },
  { body: { to: 3 }, problems: [{ pointer: '/to', message: 'expected the name of a pool, found 3' }] },
  {
    body: { to: 'green', mode: 'exclusive' },
    problems: [{ pointer: '/mode', message: '"exclusive" is not supported yet; leave it out for "atomic"' }],
  },
  { body: { to: 'green', mode: 'soft' }, problems: [{ pointer: '/mode', message: 'expected "atomic", found "soft"' }] },
  { body: { to: 'green', 'a/b': 1 }, problems: [{ pointer: '/a~1b', message: 'unknown key "a/b"; expected to or mode' }] },
])('a switch with $body is refused with its problems', async ({ body, problems }) => {
  const { call } = await startApi();
  expect((await call('POST', s, body)).body.problems).toEqual(problems);
});

test.each([
  { body: {}, problems: [{ pointer: '/state', message: 'expected ready, drain or maint, found nothing' }] },
  {
    body: { state: 'down', deadline: '5', 'a/b': 1 },
    problems: [
      { pointer: '/a~1b', message: 'unknown key "a/b"; expected state or deadline' },
      { pointer: '/state', message: 'expected ready, drain or maint, found "down"' },
      { pointer: '/deadline', message: 'expected a duration such as 30s, found "5"; write 5s for seconds or 5ms for milliseconds' },
    ],
  },
  {
    body: { state: 'ready', deadline: '5s' },
    problems: [{ pointer: '/deadline', message: 'nothing ends when the state is ready; leave it out' }],
  },
])('a state of $body is refused with its problems', async ({ body, problems }) => {
  const { call } = await startApi();
  expect((await call('POST', `${p}/state`, body)).body.problems).toEqual(problems);
});

describe('the place of a problem leads into the body that was sent', () => {
  const blue = 'blue: expected a whole number from 0 to 1000000, found -1';
  const tooSmall = 'expected a whole number from 0 to 1000000, found the number -1';
  test.each<{ call: Refused['call']; problems: readonly object[] }>([
    { call: ['PUT', w, { blue: -1 }], problems: [{ pointer: '/blue', message: blue }] },
    { call: ['PATCH', '/v1/services/demo', { weights: { blue: -1 } }], problems: [{ pointer: '/weights/blue', message: tooSmall }] },
    {
      call: ['PATCH', '/v1/config', { services: { demo: { weights: { blue: -1 } } } }],
      problems: [{ pointer: '/services/demo/weights/blue', message: tooSmall }],
    },
    {
      call: ['PUT', '/v1/services/a%7Eb', {}],
      problems: [{ pointer: '', message: expect.stringMatching(/^expected an id/) }],
    },
    {
      call: ['PUT', '/v1/services/demo', {}],
      problems: [{ pointer: '/pools', message: expect.stringMatching(/^the key "pools" is missing/) }],
    },
    {
      call: ['PATCH', '/v1/config', { workers: 3 }],
      problems: [{ pointer: '/workers', message: expect.stringMatching(/^workers is fixed/) }],
    },
    {
      call: ['PUT', p, { targets: [], weight: 1 }],
      problems: [{ pointer: '/weight', message: expect.stringMatching(/^unknown key "weight"/) }],
    },
    {
      call: ['PUT', `${p}/targets/127.0.0.1:3001`, { url: 'http://a', weight: -1 }],
      problems: [{ pointer: '/weight', message: expect.stringMatching(/found the number -1$/) }],
    },
    {
      call: ['PUT', `${p}/targets/b2`, { weight: 1 }],
      problems: [{ pointer: '/url', message: expect.stringMatching(/^the key "url" is missing/) }],
    },
    {
      call: ['PUT', `${p}/targets/b2`, { id: 'b3', url: 'http://a' }],
      problems: [{ pointer: '/id', message: 'expected "b2", the id in the path, found "b3"; leave it out' }],
    },
    {
      call: ['PUT', `${p}/targets/a:80`, '"ftp://a"'],
      problems: [{ pointer: '', message: expect.stringMatching(/^expected a URL/) }],
    },
    {
      call: ['PUT', '/v1/services/demo/mirrors', [{ pool: 'shadow', percent: 10 }]],
      problems: [{ pointer: '/0/pool', message: expect.stringMatching(/no pool "shadow"/) }],
    },
    {
      call: ['PUT', '/v1/services/demo/overrides', [{ match: {}, pool: 'shadow' }]],
      problems: [{ pointer: '/0/pool', message: expect.stringMatching(/no pool "shadow"/) }],
    },
    { call: ['PUT', w, [90]], problems: [{ pointer: '', message: 'expected an object, found an array' }] },
    // Elsewhere in the configuration: what the body says is right, and what it leads to is not.
    {
      call: ['PATCH', '/v1/services/demo', { pools: { blue: null } }],
      problems: [{ documentPointer: '/services/demo/weights/blue', message: expect.stringMatching(/^the service has no pool "blue"/) }],
    },
    {
      call: ['DELETE', '/v1/services/demo'],
      problems: [
        { documentPointer: '/services', message: 'expected at least one entry, found an empty object' },
        { documentPointer: '/routes/0/service', message: expect.stringMatching(/^there is no service "demo"/) },
      ],
    },
  ])('$call', async ({ call: [method, path, body], problems }) => {
    const { call } = await startApi();
    expect((await call(method, path, body)).body.problems).toEqual(problems);
  });
});

test('a switch may say that it is atomic', async () => {
  const { call } = await startApi();
  expect((await call('POST', s, { to: 'green', mode: 'atomic' })).body.revision).toBe(2);
});

test('every problem of a document is listed with its place', async () => {
  const { call } = await startApi();
  const answer = await call('PATCH', '/v1/services/demo', { pools: { blue: { targets: ['nonsense'] } }, wieghts: {} });
  expect(answer.status).toBe(422);
  const pointers = answer.body.problems.map((problem: { pointer: string }) => problem.pointer);
  expect(pointers.toSorted()).toEqual(['/pools/blue/targets/0', '/wieghts']);
});

test('405 names the methods in Allow', async () => {
  const { call } = await startApi();
  expect((await call('DELETE', w)).headers['allow']).toBe('GET, HEAD, PUT, PATCH');
  expect((await call('OPTIONS', '/v1/undo')).headers['allow']).toBe('POST');
});

test('HEAD is answered like GET, without a body', async () => {
  const { call } = await startApi();
  for (const path of ['/v1/status', '/v1/config', w, '/metrics', '/livez', '/readyz', '/v1/services/demo']) {
    const get = await call('GET', path);
    const head = await call('HEAD', path);
    expect([path, head.status, head.text, head.headers['content-type'], head.headers['etag']]).toEqual([
      path,
      200,
      '',
      get.headers['content-type'],
      get.headers['etag'],
    ]);
  }
});

test.each([
  { name: 'bytes that are no HTTP', bytes: 'nonsense\r\n\r\n', status: 400, says: 'The bytes that were sent are no HTTP request.' },
  {
    name: 'fields without end',
    bytes: `GET / HTTP/1.1\r\nx: ${'x'.repeat(70_000)}\r\n\r\n`,
    status: 431,
    says: 'The fields of the request are too large; leave some out.',
  },
])('$name are answered with $status, and the connection is closed', async ({ bytes, status, says }) => {
  const { url } = await startApi();
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  socket.write(bytes);
  const answer = await text(socket);
  expect(answer.startsWith(`HTTP/1.1 ${status} `)).toBe(true);
  expect(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')))).toMatchObject({ status, code: 'MALFORMED', detail: says });
});

test('a path with a broken escape is refused and not a bug', async () => {
  const { call, parts } = await startApi();
  const answer = await call('GET', '/v1/services/%zz');
  expect([answer.status, answer.body.code]).toEqual([400, 'MALFORMED']);
  expect(parts.log.lines.filter((line) => line.level === 'error')).toEqual([]);
});

test('a bug is 500, says nothing of its inside, and is in the log', async () => {
  const { call, parts } = await startApi({
    metrics: {
      render: () => {
        throw new TypeError('inner secrets');
      },
    },
  });
  const answer = await call('GET', '/metrics');
  expect(answer.status).toBe(500);
  expect(answer.body.detail).toBe('This is a bug in Sluice; please report it with the line in the log.');
  expect(parts.log.lines.find((line) => line.level === 'error')?.fields['err']).toBeInstanceOf(TypeError);
});
