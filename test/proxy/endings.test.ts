import { describe, expect, test, type TestContext } from 'vitest';
import { startProxy, type TestProxy } from '../support/data-plane.ts';
import type { Peer } from '../support/raw-client.ts';
import { type RawTarget, startRawTarget } from '../support/target.ts';

/** A client, a proxy and a target's end of the connection between them, after the client has sent `request`. */
async function startRequest(t: TestContext, request: string): Promise<{ proxy: TestProxy; client: Peer; peer: Peer; target: RawTarget }> {
  const target = await startRawTarget(t);
  const proxy = await startProxy(t, { pools: { blue: [target] }, retryAttempts: 0 });
  const client = await proxy.connect();
  client.send(request);
  const peer = await target.peer(0);
  await peer.contains('\r\n\r\n');
  return { proxy, client, peer, target };
}

const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const post = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nbegin';

describe.for(['end', 'reset'] as const)('when the client goes away (%s)', (leave) => {
  test('before the head of its answer, its request is cancelled at the target', async (t) => {
    const { client, peer, proxy } = await startRequest(t, get);
    client[leave]();
    await peer.ended;
    expect(await proxy.logged(() => true)).toMatchObject({ status: 499, cause: 'client_closed', bytes: 0, target: 't1' });
    expect(proxy.report().services[0]!.pools[0]!.targets[0]!.codes).toEqual({ 499: 1 });
  });

  test('in the middle of its answer, its request is cancelled at the target', async (t) => {
    const { client, peer, proxy } = await startRequest(t, get);
    peer.send('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nbegin');
    await client.contains('begin');
    client[leave]();
    await peer.ended;
    expect(await proxy.logged(() => true)).toMatchObject({ status: 200, cause: 'client_closed' });
  });

  test('in the middle of its upload, its request is cancelled at the target', async (t) => {
    const { client, peer, proxy } = await startRequest(t, post);
    await peer.contains('begin');
    client[leave]();
    await peer.ended;
    expect(peer.text.endsWith('begin')).toBe(true);
    expect((await proxy.logged(() => true)).cause).toBe('client_closed');
  });

  test('in the middle of its chunked upload, the target does not see a complete one', async (t) => {
    const { client, peer } = await startRequest(t, 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegin\r\n');
    await peer.contains('begin');
    client[leave]();
    await peer.ended;
    expect(peer.text).not.toContain('\r\n0\r\n');
  });

  test('between two requests, nothing happens', async (t) => {
    const { client, peer, proxy, target } = await startRequest(t, get);
    peer.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    await client.answer();
    client[leave]();
    const next = await proxy.connect();
    next.send(get);
    await peer.contains('GET', 2);
    peer.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    await next.answer();
    expect(target.accepted).toBe(1);
    expect(proxy.lines.map(({ cause }) => cause)).toEqual(['', '']);
  });

  test('in the middle of a head, nothing is logged', async (t) => {
    const target = await startRawTarget(t);
    const proxy = await startProxy(t, { pools: { blue: [target] } });
    const client = await proxy.connect();
    client.send('GET / HT');
    client[leave]();
    await client.ended;
    await proxy.checkBooks();
    expect(proxy.lines).toEqual([]);
  });
});

describe('when the target goes away', () => {
  test.for(['end', 'reset'] as const)('before the head (%s), the client is answered 502', async (leave, t) => {
    const { client, peer, proxy } = await startRequest(t, get);
    peer[leave]();
    const answer = await client.answer();
    expect([answer.status, answer.field('proxy-status')]).toEqual([
      502,
      'sluice; error=connection_terminated; details="connection_terminated"',
    ]);
    expect(await proxy.logged(() => true)).toMatchObject({ status: 502, cause: 'connection_terminated' });
  });

  test('in the middle of the head, the client is answered 502', async (t) => {
    const { client, peer } = await startRequest(t, get);
    peer.send('HTTP/1.1 200 OK\r\nContent-');
    peer.end();
    expect((await client.answer()).status).toBe(502);
  });

  test.for([
    ['end', 'by length', 'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nbegin'],
    ['reset', 'by length', 'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nbegin'],
    ['end', 'in chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegin\r\n'],
    ['reset', 'in chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegin\r\n'],
    ['end', 'before its last line end', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegin\r\n0\r\n'],
    ['reset', 'until close', 'HTTP/1.1 200 OK\r\n\r\nbegin'],
  ] as const)('in the middle of a body (%s, %s), the client can tell', async ([leave, , said], t) => {
    const { client, peer, proxy } = await startRequest(t, get);
    peer.send(said);
    await client.contains('begin');
    peer[leave]();
    await client.ended;
    // Neither all of the announced length, nor a last chunk.
    expect(client.text).toMatch(/content-length: 1000|transfer-encoding: chunked/i);
    expect(client.text.endsWith('begin') || client.text.endsWith('begin\r\n')).toBe(true);
    expect(await proxy.logged(() => true)).toMatchObject({ status: 200, cause: 'response_incomplete' });
  });

  test.for([
    ['in chunks', 'end', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegin\r\n'],
    ['until close', 'reset', 'HTTP/1.1 200 OK\r\n\r\nbegin'],
  ] as const)('in the middle of a body %s (%s), an HTTP/1.0 client sees a reset', async ([, leave, said], t) => {
    const { client, peer } = await startRequest(t, 'GET / HTTP/1.0\r\n\r\n');
    peer.send(said);
    await client.contains('begin');
    peer[leave]();
    expect(await client.ended).toBe('reset');
  });

  test('its next connection serves the next request of the same client', async (t) => {
    const { client, peer, target } = await startRequest(t, get);
    peer.reset();
    expect((await client.answer()).status).toBe(502);
    client.send(get);
    (await target.peer(1)).send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    expect((await client.answer()).status).toBe(200);
  });
});

describe('no answer is taken for that to another request', () => {
  const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
  const evil = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil';

  test.for([
    ['behind the end of an answer', `${ok}${evil}`],
    ['behind one without a body', `HTTP/1.1 204 No Content\r\n\r\n${evil}`],
    ['behind chunks', `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${evil}`],
    ['as a body that a 304 cannot have', `HTTP/1.1 304 Not Modified\r\nContent-Length: ${evil.length}\r\n\r\n${evil}`],
    ['as one byte too many', `${ok}x`],
  ] as const)('when the target says more %s', async ([, said], t) => {
    const { client, peer, target } = await startRequest(t, get);
    peer.send(said);
    await client.answer();
    await peer.ended;
    client.send(get);
    (await target.peer(1)).send(ok);
    expect((await client.answer()).body).toBe('ok');
    expect(client.text).not.toContain('evil');
  });

  test('when the target answers HEAD with a body', async (t) => {
    const { client, peer, target } = await startRequest(t, 'HEAD / HTTP/1.1\r\nHost: a\r\n\r\n');
    peer.send(`HTTP/1.1 200 OK\r\nContent-Length: ${evil.length}\r\n\r\n${evil}`);
    await client.answer('HEAD');
    await peer.ended;
    client.send(get);
    (await target.peer(1)).send(ok);
    expect((await client.answer()).body).toBe('ok');
    expect(client.text).not.toContain('evil');
  });

  test('when the target says something on an idle connection', async (t) => {
    const { client, peer, target } = await startRequest(t, get);
    peer.send(ok);
    await client.answer();
    peer.send(evil);
    await peer.ended;
    client.send(get);
    (await target.peer(1)).send(ok);
    expect((await client.answer()).body).toBe('ok');
  });
});

describe('an answer that is not valid is not passed on', () => {
  test.for([
    ['malformed_response', 'SSH-2.0-OpenSSH_9.9\r\n'],
    ['malformed_response', 'HTTP/2.0 200 OK\r\n\r\n'],
    ['malformed_response', 'HTTP/1.1 99 Low\r\nsecret: 1\r\n\r\n'],
    ['malformed_response', 'HTTP/1.1 2000 High\r\nsecret: 1\r\n\r\n'],
    ['malformed_response', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nsecret'],
    ['malformed_response', 'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nsecret'],
    ['malformed_response', 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\nsecret'],
    ['malformed_response', 'HTTP/1.1 200 OK\r\nsecret : 1\r\n\r\n'],
    ['malformed_response', 'HTTP/1.1 200 OK\r\nsecret: a\rb\r\n\r\n'],
    ['malformed_response', 'HTTP/1.1 200 OK\r\nsecret: a\0b\r\n\r\n'],
    ['malformed_response', 'HTTP/1.1 200 OK\r\nsecret: a\r\n folded\r\n\r\n'],
    ['malformed_response', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: secret\r\nConnection: upgrade\r\n\r\n'],
    ['response_coding_unknown', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\nsecret'],
    ['response_head_too_large', `HTTP/1.1 200 OK\r\nsecret: ${'x'.repeat(70_000)}\r\n\r\n`],
    ['response_head_too_large', `HTTP/1.1 200 OK\r\nsecret: ${'x'.repeat(70_000)}`],
    ['response_head_too_large', `HTTP/1.1 200 OK\r\n${'secret: 1\r\n'.repeat(300)}\r\n`],
  ] as const)('%s: %j', async ([cause, said], t) => {
    const { client, peer, proxy } = await startRequest(t, get);
    peer.send(said);
    const answer = await client.answer();
    expect(answer.status).toBe(502);
    expect(answer.body).toContain(`502 ${cause}: `);
    expect(client.text).not.toContain('secret');
    await peer.ended;
    expect(await proxy.logged(() => true)).toMatchObject({ status: 502, cause });
  });

  test('a target that has begun to answer is not asked again, nor is another', async (t) => {
    const broken = await startRawTarget(t, (peer) => peer.socket.on('data', () => peer.send('HTTP/1.1 200 OK\r\nbad field: x\r\n\r\n')));
    const proxy = await startProxy(t, { pools: { blue: [broken, broken] }, retryAttempts: 5 });
    const client = await proxy.connect();
    expect((await client.ask('GET / HTTP/1.1')).status).toBe(502);
    expect(broken.accepted).toBe(1);
  });

  test('chunks that are malformed cut the answer', async (t) => {
    const { client, peer, proxy } = await startRequest(t, get);
    peer.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegin\r\n');
    await client.contains('begin');
    peer.send('5\r\nbegin..0\r\n\r\n');
    await client.ended;
    expect(client.text).not.toContain('\r\n0\r\n');
    expect((await proxy.logged(() => true)).cause).toBe('malformed_response');
  });
});

test('something thrown in the middle of the work is answered with 500, and told to the operator', async (t) => {
  const target = await startRawTarget(t);
  const bug = new Error('a bug of ours');
  const trap = {
    name: 'x',
    get value(): string {
      throw bug;
    },
  };
  const proxy = await startProxy(t, { pools: { blue: [target] }, matches: [{ headers: [trap] }] });
  const client = await proxy.connect();
  const answer = await client.ask('GET / HTTP/1.1');
  expect([answer.status, answer.field('connection')]).toEqual([500, 'close']);
  expect(answer.body).toContain('internal_error');
  expect(await client.ended).toBe('fin');
  expect(proxy.warnings).toEqual([{ err: bug, message: 'unexpected error in the data plane' }]);
  proxy.warnings.length = 0;
});
