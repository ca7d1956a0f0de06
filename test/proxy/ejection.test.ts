import { expect, test, vi } from 'vitest';
import { startProxy, type TestProxy } from '../support/data-plane.ts';
import { deadPort, startRawTarget, startTarget } from '../support/target.ts';

const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const dead = async () => ({ host: '127.0.0.1', port: await deadPort() });
const ejection = { failures: 2, baseMs: 600_000, maxMs: 600_000, maxShare: 0.5 };

const targetsOf = (proxy: TestProxy) =>
  proxy.report().services[0]!.pools[0]!.targets.map(({ ejected, ejections }) => ({ ejected, ejections }));

test('a target that fails so many connections in a row is left out, and nobody waits for it any more', async (t) => {
  const target = await startTarget(t, (_incoming, outgoing) => outgoing.end('ok'));
  const proxy = await startProxy(t, { pools: { blue: [await dead(), target] }, policies: { all: { ejection } } });
  const client = await proxy.connect();
  for (let count = 0; count < 20; count++) expect((await client.ask(get)).body).toBe('ok');
  expect(targetsOf(proxy)).toEqual([
    { ejected: true, ejections: 1 },
    { ejected: false, ejections: 0 },
  ]);
  expect(proxy.report().services[0]!.retries).toBe(2);
});

test('never the last one', async (t) => {
  const proxy = await startProxy(t, {
    pools: { blue: [await dead(), await dead()] },
    policies: { all: { ejection: { ...ejection, maxShare: 1 } } },
  });
  const client = await proxy.connect();
  for (let count = 0; count < 10; count++) expect((await client.ask(get)).status).toBe(502);
  expect(targetsOf(proxy).filter(({ ejected }) => ejected)).toHaveLength(1);
});

test('what the application answers is no failure of the connection', async (t) => {
  const bad = await startTarget(t, (_incoming, outgoing) => outgoing.writeHead(500).end('bad'));
  const good = await startTarget(t, (_incoming, outgoing) => outgoing.end('good'));
  const proxy = await startProxy(t, { pools: { blue: [bad, good] }, policies: { all: { ejection } } });
  const client = await proxy.connect();
  const bodies = [];
  for (let count = 0; count < 20; count++) bodies.push((await client.ask(get)).body);
  expect(bodies.filter((body) => body === 'bad')).toHaveLength(10);
});

test('neither is a kept connection that the target closed at the moment when it was used', async (t) => {
  const target = await startRawTarget(t, (peer) => {
    peer.socket.once('data', () => {
      peer.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      // The second request on it is the last that it hears.
      peer.socket.once('data', () => peer.end());
    });
  });
  const other = await startTarget(t, (_incoming, outgoing) => outgoing.end('ok'));
  const proxy = await startProxy(t, { pools: { blue: [target, other] }, policies: { all: { ejection: { ...ejection, failures: 1 } } } });
  const client = await proxy.connect();
  for (let count = 0; count < 12; count++) expect((await client.ask(get)).body).toBe('ok');
  const untouched = { ejected: false, ejections: 0 };
  expect(targetsOf(proxy)).toEqual([untouched, untouched]);
});

test('after its time out the target is tried again', async (t) => {
  const place = await dead();
  const target = await startTarget(t, (_incoming, outgoing) => outgoing.end('ok'));
  const proxy = await startProxy(t, { pools: { blue: [place, target] }, policies: { all: { ejection: { ...ejection, baseMs: 100 } } } });
  const client = await proxy.connect();
  for (let count = 0; count < 6; count++) await client.ask(get);
  expect(targetsOf(proxy)[0]).toEqual({ ejected: true, ejections: 1 });
  await vi.waitFor(() => expect(targetsOf(proxy)[0]).toEqual({ ejected: false, ejections: 1 }), { timeout: 5000 });
});
