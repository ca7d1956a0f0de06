/**
 * Class: slow clients: heads drop by drop (slowloris), bodies drop by drop (R.U.D.Y.), answers that nobody reads, connections that do nothing.
 *
 * The attacker wants to hold what is scarce, such as connections, memory and places at the target, for next to nothing.
 *
 * Sluice gives a head its time as a whole: a drop does not extend it. A request that is not complete has no place at any target before its
 * head is. A body or a reader that stops is given up; what is held for either is one read and what the system's socket buffers take. A body
 * that keeps dripping is only ended by `requestTimeout`, which is off by default.
 */
import { expect, test } from 'vitest';
import { startProxy } from '../support/data-plane.ts';
import { startRawTarget, startTarget } from '../support/target.ts';
import { startSite } from './support.ts';

test('a head that comes byte by byte is answered 408 although there is always one more, and no target hears of it', async (t) => {
  const { proxy, target } = await startSite(t, { listenerTimeouts: { headMs: 300 } });
  const attackers = await Promise.all(Array.from({ length: 20 }, () => proxy.connect()));
  const answered = attackers.map((attacker) => attacker.answer());
  const state = { over: false };
  const all = Promise.all(answered).finally(() => (state.over = true));
  const head = `GET / HTTP/1.1\r\nHost: a\r\nX: ${'y'.repeat(100_000)}`;
  for (let at = 0; !state.over; at++) {
    for (const attacker of attackers) if (attacker.socket.writable) attacker.send(head[at]!);
    // A victim's round trip is the attackers' clock: whoever asks is served meanwhile.
    if (at % 8 === 0)
      expect((await (await proxy.connect()).ask(`GET /${at} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)).status).toBe(200);
    else await new Promise((resolve) => setImmediate(resolve));
  }
  expect((await all).map(({ status }) => status)).toEqual(attackers.map(() => 408));
  expect(target.bytes.join('')).not.toContain('yy');
});

test('one that stops in its body holds its place at the target only until the time is over', async (t) => {
  const target = await startRawTarget(t);
  const proxy = await startProxy(t, { pools: { blue: [target] }, timeouts: { idleMs: 200 } });
  const attacker = await proxy.connect();
  attacker.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nx');
  await (await target.peer(0)).contains('\r\n\r\nx');
  expect(proxy.report().inFlight).toBe(1);
  expect((await attacker.answer()).status).toBe(408);
  expect(proxy.report().inFlight).toBe(0);
  expect(await (await target.peer(0)).ended).toBeTypeOf('string');
});

test('one that drips its body is ended where the service bounds requests', async (t) => {
  const target = await startRawTarget(t);
  const proxy = await startProxy(t, { pools: { blue: [target] }, timeouts: { requestMs: 300 } });
  const attacker = await proxy.connect();
  attacker.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n');
  const state = { over: false };
  const answer = attacker.answer().finally(() => (state.over = true));
  while (!state.over) {
    if (attacker.socket.writable) attacker.send('1\r\nx\r\n');
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect((await answer).status).toBe(504);
});

test('an answer that nobody reads stays at the target but for a bounded part, and is given up', async (t) => {
  const size = 64 * 1024 * 1024;
  const target = await startTarget(t, (incoming, outgoing) => {
    if (incoming.url === '/victim') {
      outgoing.end('ok');
      return;
    }
    outgoing.writeHead(200, { 'content-length': size });
    outgoing.write(Buffer.alloc(size));
  });
  const proxy = await startProxy(t, { pools: { blue: [target] }, listenerTimeouts: { writeMs: 300 } });
  const attacker = await proxy.connect();
  attacker.pause();
  attacker.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  const line = proxy.logged(({ cause }) => cause === 'client_stalled');
  const victim = await proxy.connect();
  expect((await victim.ask('GET /victim HTTP/1.1')).body).toBe('ok');
  // The systems' buffers of two connections, and what one read brings.
  expect((await line).bytes).toBeLessThan(size / 2);
  await target.closedDownTo(1);
});

test('an upload that the target does not read is not taken from the client', async (t) => {
  const target = await startRawTarget(t, (peer) => peer.pause());
  const proxy = await startProxy(t, { pools: { blue: [target] }, timeouts: { idleMs: 300 } });
  const size = 64 * 1024 * 1024;
  const client = await proxy.connect();
  client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${size}\r\n\r\n`);
  client.send(Buffer.alloc(size));
  await proxy.logged(({ cause }) => cause === 'target_stalled');
  expect(client.socket.writableLength).toBeGreaterThan(size / 2);
  client.reset();
  (await target.peer(0)).resume();
});
