import { connect } from 'node:net';
import { describe, expect, test } from 'vitest';
import { startProxy } from '../support/data-plane.ts';
import { startRawTarget, startTarget } from '../support/target.ts';

const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

describe.concurrent('a drain', () => {
  test('accepts no new connection', async (t) => {
    const proxy = await startProxy(t, {});
    await proxy.plane.drain(1000);
    const outcome = await new Promise((resolve) => {
      connect(proxy.port, '127.0.0.1')
        .on('connect', () => resolve('connected'))
        .on('error', (error) => resolve((error as NodeJS.ErrnoException).code));
    });
    expect(outcome).toBe('ECONNREFUSED');
  });

  test('lets running requests finish, tells their clients to go, and ends when they have', async (t) => {
    const target = await startRawTarget(t);
    const proxy = await startProxy(t, { pools: { blue: [target] } });
    const client = await proxy.connect();
    client.send(get);
    const peer = await target.peer(0);
    await peer.contains('GET');
    const drained = proxy.plane.drain(20_000);
    peer.send(ok);
    const answer = await client.answer();
    expect([answer.status, answer.body, answer.field('connection')]).toEqual([200, 'ok', 'close']);
    expect(await client.ended).toBe('fin');
    await drained;
    expect(proxy.report()).toMatchObject({ connections: 0, inFlight: 0 });
    await peer.ended;
  });

  test('answers a request that comes on a kept connection, as its last', async (t) => {
    const target = await startTarget(t, (_incoming, outgoing) => outgoing.end('ok'));
    const proxy = await startProxy(t, { pools: { blue: [target] } });
    const client = await proxy.connect();
    await client.ask('GET / HTTP/1.1');
    const drained = proxy.plane.drain(20_000);
    const answer = await client.ask('GET / HTTP/1.1');
    expect([answer.status, answer.field('connection')]).toEqual([200, 'close']);
    await drained;
  });

  test('answers with the last requests that were pipelined before it began, but for those behind the one that says close', async (t) => {
    const target = await startRawTarget(t);
    const proxy = await startProxy(t, { pools: { blue: [target] } });
    const client = await proxy.connect();
    client.send(get + get);
    const peer = await target.peer(0);
    await peer.contains('GET');
    const drained = proxy.plane.drain(20_000);
    peer.send(ok);
    expect((await client.answer()).field('connection')).toBe('close');
    expect(await client.ended).toBe('fin');
    await drained;
    expect(proxy.lines).toHaveLength(1);
  });

  test('closes idle connections without a word', async (t) => {
    const target = await startTarget(t, (_incoming, outgoing) => outgoing.end('ok'));
    const proxy = await startProxy(t, { pools: { blue: [target] } });
    const [used, unused] = [await proxy.connect(), await proxy.connect()];
    const { length } = await used.ask('GET / HTTP/1.1');
    await proxy.plane.drain(20_000);
    expect([await used.ended, await unused.ended]).toEqual(['fin', 'fin']);
    expect([used.text.length, unused.text]).toEqual([length, '']);
    expect(target.accepted).toBe(1);
    await target.closedDownTo(0);
  });

  test('answers what is still waiting at the deadline with 503, and cuts what is being answered', async (t) => {
    const target = await startRawTarget(t);
    const proxy = await startProxy(t, { pools: { blue: [target] } });
    const [waiting, answering, old] = [await proxy.connect(), await proxy.connect(), await proxy.connect()];
    waiting.send(get);
    await (await target.peer(0)).contains('GET');
    answering.send(get);
    (await target.peer(1)).send('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nbegin');
    await answering.contains('begin');
    old.send('GET / HTTP/1.0\r\n\r\n');
    (await target.peer(2)).send('HTTP/1.1 200 OK\r\n\r\nbegin');
    await old.contains('begin');

    await proxy.plane.drain(200);
    const answer = await waiting.answer();
    expect([answer.status, answer.field('connection')]).toEqual([503, 'close']);
    expect(answer.body).toContain('shutdown');
    await answering.ended;
    expect(answering.text.endsWith('begin')).toBe(true);
    expect(await old.ended).toBe('reset');
    expect(proxy.lines.map(({ status, cause }) => [status, cause])).toEqual([
      [503, 'shutdown'],
      [200, 'shutdown'],
      [200, 'shutdown'],
    ]);
    for (const index of [0, 1, 2]) await (await target.peer(index)).ended;
  });

  test('called again ends sooner, never later', async (t) => {
    const target = await startRawTarget(t);
    const proxy = await startProxy(t, { pools: { blue: [target] } });
    const client = await proxy.connect();
    client.send(get);
    await (await target.peer(0)).contains('GET');
    const drained = proxy.plane.drain(3_600_000);
    await proxy.plane.drain(0);
    await drained;
    expect((await client.answer()).status).toBe(503);
    await proxy.plane.drain(3_600_000);
  });

  test('does not break off an answer whose end waits for its reader', async (t) => {
    const body = 'x'.repeat(300_000);
    const target = await startRawTarget(t, (peer) => {
      peer.socket.on('data', () => peer.send(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`));
    });
    const proxy = await startProxy(t, { pools: { blue: [target] } });
    const client = await proxy.connect();
    client.send(get);
    await client.contains('HTTP/1.1 200');
    const drained = proxy.plane.drain(20_000);
    expect((await client.answer()).body).toHaveLength(body.length);
    await drained;
  });
});
