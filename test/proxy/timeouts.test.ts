import { describe, expect, test } from 'vitest';
import { startProxy } from '../support/data-plane.ts';
import { deafPort, startRawTarget, startTarget } from '../support/target.ts';

const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
/** Long enough for a busy machine to do its part first, short enough to wait for. */
const shortMs = 150;

describe.concurrent('a client that', () => {
  test('does not finish its head is answered 408 and closed', async (t) => {
    const proxy = await startProxy(t, { listenerTimeouts: { headMs: shortMs } });
    const client = await proxy.connect();
    client.send('GET / HTTP/1.1\r\nHost: a\r\n');
    const answer = await client.answer();
    expect([answer.status, answer.field('connection')]).toEqual([408, 'close']);
    expect(await client.ended).toBe('fin');
    expect(await proxy.logged(() => true)).toMatchObject({ status: 408, cause: 'head_timeout', target: '', decision: 'none', revision: 1 });
  });

  test('sends its head drop by drop is late all the same', async (t) => {
    const proxy = await startProxy(t, { listenerTimeouts: { headMs: shortMs } });
    const client = await proxy.connect();
    const drops = setInterval(() => client.send('x'), 20);
    t.onTestFinished(() => clearInterval(drops));
    client.send('GET /');
    expect((await client.answer()).status).toBe(408);
  });

  test('sends nothing between two requests is closed without a word', async (t) => {
    const target = await startTarget(t, (_incoming, outgoing) => outgoing.end('ok'));
    const proxy = await startProxy(t, { pools: { blue: [target] }, listenerTimeouts: { keepAliveMs: shortMs } });
    const client = await proxy.connect();
    const { length } = await client.ask('GET / HTTP/1.1');
    expect(await client.ended).toBe('fin');
    expect(client.text).toHaveLength(length);
    expect(proxy.lines).toHaveLength(1);
  });

  test('never sends anything is closed without a word', async (t) => {
    const proxy = await startProxy(t, { listenerTimeouts: { keepAliveMs: shortMs } });
    const client = await proxy.connect();
    expect(await client.ended).toBe('fin');
    expect(client.text).toBe('');
    expect(proxy.lines).toEqual([]);
  });

  test('stops in the middle of its upload is answered 408 and closed', async (t) => {
    const target = await startRawTarget(t);
    const proxy = await startProxy(t, { pools: { blue: [target] }, timeouts: { idleMs: shortMs } });
    const client = await proxy.connect();
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nbegin');
    const answer = await client.answer();
    expect([answer.status, answer.field('connection')]).toEqual([408, 'close']);
    expect(await client.ended).toBe('fin');
    await (
      await target.peer(0)
    ).ended;
    expect(await proxy.logged(() => true)).toMatchObject({ status: 408, cause: 'body_timeout', target: 't1' });
  });

  test('does not read its answer is left', async (t) => {
    const target = await startRawTarget(t, (peer) => {
      peer.socket.once('data', () => peer.send('HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n'));
      peer.socket.once('data', () => peer.send(Buffer.alloc(100_000_000)));
    });
    const proxy = await startProxy(t, { pools: { blue: [target] }, listenerTimeouts: { writeMs: shortMs } });
    const client = await proxy.connect();
    client.pause();
    client.send(get);
    expect(await proxy.logged(() => true)).toMatchObject({ status: 200, cause: 'client_stalled', target: 't1' });
    await (
      await target.peer(0)
    ).ended;
    client.resume();
    await client.ended;
    expect(client.text.length).toBeLessThan(100_000_000);
  });

  test('speaks HTTP/1.0 and does not read its answer sees a reset, not an end', async (t) => {
    const target = await startRawTarget(t, (peer) => {
      peer.socket.once('data', () => peer.send('HTTP/1.1 200 OK\r\n\r\n'));
      peer.socket.once('data', () => peer.send(Buffer.alloc(100_000_000)));
    });
    const proxy = await startProxy(t, { pools: { blue: [target] }, listenerTimeouts: { writeMs: shortMs } });
    const client = await proxy.connect();
    client.pause();
    client.send('GET / HTTP/1.0\r\n\r\n');
    await proxy.logged(({ cause }) => cause === 'client_stalled');
    client.resume();
    expect(await client.ended).toBe('reset');
  });
});

describe.concurrent('a target that', () => {
  test('cannot be connected to is given up with 504', async (t) => {
    const proxy = await startProxy(t, {
      pools: { blue: [{ host: '127.0.0.1', port: await deafPort(t) }] },
      timeouts: { connectMs: shortMs },
    });
    const client = await proxy.connect();
    expect((await client.ask('GET / HTTP/1.1')).status).toBe(504);
    expect(await proxy.logged(() => true)).toMatchObject({ status: 504, cause: 'connection_timeout' });
  });

  test('cannot be connected to is passed over for another of its pool', async (t) => {
    const target = await startTarget(t, (incoming, outgoing) => incoming.pipe(outgoing));
    const proxy = await startProxy(t, {
      pools: { blue: [{ host: '127.0.0.1', port: await deafPort(t) }, target] },
      timeouts: { connectMs: shortMs },
    });
    const client = await proxy.connect();
    for (let count = 0; count < 2; count++) {
      const answer = await client.ask('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello');
      expect([answer.status, answer.body]).toEqual([200, 'hello']);
    }
    expect(proxy.report().services[0]!.retries).toBeGreaterThan(0);
  });

  test('does not answer is given up with 504, and its request cancelled', async (t) => {
    const target = await startRawTarget(t);
    const proxy = await startProxy(t, { pools: { blue: [target, target] }, timeouts: { responseMs: shortMs }, retryAttempts: 1 });
    const client = await proxy.connect();
    // It may have done what the request asks for: nobody else is asked.
    expect((await client.ask('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n')).status).toBe(504);
    await (
      await target.peer(0)
    ).ended;
    expect(await proxy.logged(() => true)).toMatchObject({ status: 504, cause: 'response_timeout' });
    expect(target.accepted).toBe(1);
    expect(proxy.report().services[0]!.retries).toBe(0);
  });

  test('does not answer a request that changes nothing: another is asked, once', async (t) => {
    const hung = await startRawTarget(t);
    const target = await startTarget(t, (_incoming, outgoing) => outgoing.end('ok'));
    const proxy = await startProxy(t, { pools: { blue: [hung, target] }, timeouts: { responseMs: shortMs }, retryAttempts: 3 });
    const client = await proxy.connect();
    for (let count = 0; count < 4; count++) expect((await client.ask('GET / HTTP/1.1')).body).toBe('ok');
    expect(proxy.report().services[0]!.retries).toBe(2);
    proxy.apply({ pools: { blue: [hung, hung, hung, hung] } });
    expect((await client.ask('GET / HTTP/1.1')).status).toBe(504);
    expect(proxy.report().services[0]!.retries).toBe(3);
    await hung.closedDownTo(0);
  });

  test('begins its head and does not finish it is given up with 504', async (t) => {
    const target = await startRawTarget(t, (peer) => peer.send('HTTP/1.1 200 OK\r\n'));
    const proxy = await startProxy(t, { pools: { blue: [target] }, timeouts: { responseMs: shortMs } });
    const client = await proxy.connect();
    expect((await client.ask('GET / HTTP/1.1')).status).toBe(504);
    expect((await proxy.logged(() => true)).cause).toBe('response_timeout');
  });

  test('falls silent in the middle of its answer is cut off', async (t) => {
    const target = await startRawTarget(t, (peer) => peer.send('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nbegin'));
    const proxy = await startProxy(t, { pools: { blue: [target] }, timeouts: { idleMs: shortMs } });
    const client = await proxy.connect();
    client.send(get);
    await client.ended;
    expect(client.text.endsWith('begin')).toBe(true);
    await (
      await target.peer(0)
    ).ended;
    expect(await proxy.logged(() => true)).toMatchObject({ status: 200, cause: 'target_stalled' });
  });

  test('does not read an upload is given up with 504', async (t) => {
    const target = await startRawTarget(t, (peer) => peer.pause());
    const proxy = await startProxy(t, { pools: { blue: [target] }, timeouts: { idleMs: 500 } });
    const body = Buffer.alloc(30_000_000);
    const client = await proxy.connect();
    client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n`);
    client.send(body);
    expect((await client.answer()).status).toBe(504);
    expect(await proxy.logged(() => true)).toMatchObject({ status: 504, cause: 'target_stalled' });
    const peer = await target.peer(0);
    peer.resume();
    await peer.ended;
  });

  test.for([false, true])('does not read an upload is to blame for it, on a connection that was kept or not: %s', async (isKept, t) => {
    const start = () =>
      startRawTarget(t, (peer) =>
        peer.socket.on('data', (chunk: Buffer) => {
          if (chunk.toString('latin1', 0, 3) === 'GET') peer.send(ok);
          else peer.pause();
        }),
      );
    const targets = [await start(), await start()];
    const ejection = { failures: 1, baseMs: 600_000, maxMs: 600_000, maxShare: 1 };
    const proxy = await startProxy(t, { pools: { blue: targets }, timeouts: { idleMs: 500 }, policies: { all: { ejection } } });
    const client = await proxy.connect();
    // Each target has its turn.
    if (isKept) for (const _ of targets) expect((await client.ask(get)).status).toBe(200);
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 30000000\r\n\r\n');
    client.send(Buffer.alloc(30_000_000));
    expect((await client.answer()).status).toBe(504);
    const { ejections } = proxy.report().services[0]!.pools[0]!.targets.reduce((a, b) => ({ ...a, ejections: a.ejections + b.ejections }));
    expect(ejections).toBe(1);
    expect(targets.reduce((sum, { accepted }) => sum + accepted, 0)).toBe(isKept ? 2 : 1);
    client.reset();
    for (const target of targets) {
      for (let index = 0; index < target.accepted; index++) (await target.peer(index)).socket.destroy();
    }
  });
});

describe.concurrent('a request as a whole', () => {
  test('is given up with 504 when it takes too long before its answer begins', async (t) => {
    const target = await startRawTarget(t);
    const proxy = await startProxy(t, { pools: { blue: [target] }, timeouts: { requestMs: shortMs } });
    const client = await proxy.connect();
    expect((await client.ask('GET / HTTP/1.1')).status).toBe(504);
    expect(await proxy.logged(() => true)).toMatchObject({ status: 504, cause: 'request_timeout' });
  });

  test('is cut off when its answer takes too long, although it keeps coming', async (t) => {
    const target = await startRawTarget(t, (peer) => {
      peer.send('HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n');
      const drops = setInterval(() => peer.send('x'), 10);
      peer.socket.on('close', () => clearInterval(drops));
    });
    const proxy = await startProxy(t, { pools: { blue: [target] }, timeouts: { requestMs: shortMs } });
    const client = await proxy.connect();
    client.send(get);
    await client.ended;
    expect(await proxy.logged(() => true)).toMatchObject({ status: 200, cause: 'request_timeout' });
  });

  test('is not late because the one before it on the connection was long ago', async (t) => {
    const target = await startRawTarget(t, (peer) => peer.socket.on('data', () => peer.send(ok)));
    const proxy = await startProxy(t, { pools: { blue: [target] }, timeouts: { requestMs: shortMs, responseMs: shortMs } });
    const client = await proxy.connect();
    await client.ask('GET / HTTP/1.1');
    // Twice the time-out has passed when somebody who waits that long is told so.
    const other = await startProxy(t, { pools: { blue: [await startRawTarget(t)] }, timeouts: { responseMs: 2 * shortMs } });
    expect((await (await other.connect()).ask('GET / HTTP/1.1')).status).toBe(504);
    expect((await client.ask('GET / HTTP/1.1')).status).toBe(200);
  });
});

test('when the process was busy for longer than a time-out, an answer that arrived meanwhile counts', async (t) => {
  const target = await startRawTarget(t);
  const proxy = await startProxy(t, { pools: { blue: [target] }, timeouts: { responseMs: 400 } });
  const client = await proxy.connect();
  client.send(get);
  const peer = await target.peer(0);
  await peer.contains('\r\n\r\n');
  peer.send(ok);
  // Target and proxy share this thread: the answer is in the system's hands, and nobody can read it.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 700);
  expect((await client.answer()).status).toBe(200);
});
