import { describe, expect, test, type TestContext, vi } from 'vitest';
import type { MirrorReport } from '../../src/core/reports.ts';
import { startProxy, type TestProxy } from '../support/data-plane.ts';
import { aRetryPolicy } from '../support/model.ts';
import type { Peer } from '../support/raw-client.ts';
import { deadPort, deafPort, startRawTarget, startTarget } from '../support/target.ts';

const upload = 'POST /orders HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 5\r\n\r\nhello';
const all = { poolId: 'shadow', share: 1, unsafe: true };

const ill: readonly (readonly [string, (t: TestContext) => Promise<number>])[] = [
  ['refuses connections', () => deadPort()],
  ['does not accept them', deafPort],
  ['hangs', async (t) => (await startRawTarget(t)).port],
  ['never reads', async (t) => (await startRawTarget(t, (peer) => peer.pause())).port],
  ['resets', async (t) => (await startRawTarget(t, (peer) => peer.socket.on('data', () => peer.reset()))).port],
  ['resets at once', async (t) => (await startRawTarget(t, (peer) => peer.reset())).port],
  ['says nonsense', async (t) => (await startRawTarget(t, (peer) => peer.send('nonsense\r\n\r\n'))).port],
];

describe('clients do not notice a shadow that', () => {
  test.for(ill)('%s', async ([, portOf], t) => {
    const target = await startTarget(t, (incoming, outgoing) => incoming.pipe(outgoing));
    const proxy = await startProxy(t, {
      pools: { blue: [target], shadow: [{ host: '127.0.0.1', port: await portOf(t) }] },
      weights: { blue: 1, shadow: 0 },
      service: { mirrors: [all] },
    });
    const client = await proxy.connect();
    for (let count = 0; count < 20; count++) {
      expect((await client.ask('GET / HTTP/1.1')).status).toBe(200);
      const answer = await client.ask(upload);
      expect([answer.status, answer.body]).toEqual([200, 'hello']);
    }
    const { picked, targets } = proxy.report().services[0]!.pools.find(({ id }) => id === 'shadow')!;
    expect(picked).toBe(0);
    expect(targets).toMatchObject([{ inFlight: 0, codes: {}, ejections: 0, available: true }]);
    expect(proxy.lines.map(({ pool, cause }) => [pool, cause])).toEqual(Array.from({ length: 40 }, () => ['blue', '']));
  });
});

test('a shadow gets what the target gets, and the mark', async (t) => {
  const seen: Record<string, string[]> = { blue: [], shadow: [] };
  const listening = (name: string) =>
    startTarget(t, (incoming, outgoing) => {
      let body = '';
      incoming.setEncoding('latin1').on('data', (text: string) => (body += text));
      incoming.on('end', () => {
        const { 'content-length': _length, 'transfer-encoding': _coding, connection: _connection, ...fields } = incoming.headers;
        seen[name]!.push(JSON.stringify([incoming.method, incoming.url, Object.entries(fields).toSorted(byName), body]));
        outgoing.end(name);
      });
    });
  const proxy = await startProxy(t, {
    pools: { blue: [await listening('blue')], shadow: [await listening('shadow')] },
    service: { mirrors: [all] },
  });
  const client = await proxy.connect();
  const requests = [
    'GET /a?b=c HTTP/1.1\r\nHost: shop.example\r\nCookie: a=1\r\nCookie: b=2\r\n\r\n',
    upload,
    `PUT /large HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 60000\r\n\r\n${'abcdefghij'.repeat(6000)}`,
    'POST /chunks HTTP/1.1\r\nHost: shop.example\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n',
    'POST /waits HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 5\r\nX-A: 1\r\n\r\nhello',
  ];
  for (const request of requests) expect((await client.ask(request)).body).toBe('blue');
  await mirrorsSay(proxy, { sent: requests.length, inFlight: 0, dropped: {} });
  const unmarked = seen['shadow']!.map((text) => text.replace(/,\["x-sluice-mirror","1"\]/, ''));
  expect(unmarked.toSorted()).toEqual(seen['blue']!.toSorted());
  expect(seen['shadow']!.every((text) => text.includes('["x-sluice-mirror","1"]'))).toBe(true);
});

test('a request whose client leaves in the middle of its body is not copied', async (t) => {
  const target = await startTarget(t, (incoming) => incoming.resume());
  const shadow = await startTarget(t, (incoming, outgoing) => incoming.resume().on('end', () => outgoing.end()));
  const proxy = await startProxy(t, {
    pools: { blue: [target], shadow: [shadow] },
    service: { mirrors: [all] },
  });
  const client = await proxy.connect();
  client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello');
  await mirrorsSay(proxy, { sent: 0, inFlight: 1, dropped: {} });
  client.reset();
  await mirrorsSay(proxy, { sent: 0, inFlight: 0, dropped: { incomplete: 1 } });
  expect(shadow.accepted).toBe(0);
});

test('a request that no target answers is copied once all the same, however often it is tried', async (t) => {
  const shadow = await startRawTarget(t, answering);
  const dead = async () => ({ host: '127.0.0.1', port: await deadPort() });
  const proxy = await startProxy(t, {
    pools: { blue: [await dead(), await dead(), await dead()], shadow: [shadow] },
    retryAttempts: 2,
    service: { mirrors: [all] },
  });
  const client = await proxy.connect();
  expect((await client.ask(upload)).status).toBe(502);
  await mirrorsSay(proxy, { inFlight: 0 });
  const { sent, dropped } = mirrorOf(proxy);
  expect(sent + (dropped['incomplete'] ?? 0)).toBe(1);
});

test('a request whose body came while it waited in line is copied whole', async (t) => {
  const bodies: string[] = [];
  const shadow = await startTarget(t, (incoming, outgoing) => {
    let body = '';
    incoming.setEncoding('latin1').on('data', (text: string) => (body += text));
    incoming.on('end', () => {
      bodies.push(body);
      outgoing.end();
    });
  });
  const target = await startRawTarget(t);
  const limits = { maxConnections: 0, maxInFlight: 1, maxQueued: 10, queueTimeoutMs: 20_000 };
  const proxy = await startProxy(t, {
    pools: { blue: [target], shadow: [shadow] },
    weights: { blue: 1 },
    policies: { blue: { limits } },
    service: { mirrors: [all] },
  });
  const long = 'abcdefghij'.repeat(3000);
  const [first, second, third] = [await proxy.connect(), await proxy.connect(), await proxy.connect()];
  first.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  const peer = await target.peer(0);
  await peer.contains('\r\n\r\n');
  second.send(upload);
  await queue(1);
  // Of this one a part comes later.
  third.send(`POST /long HTTP/1.1\r\nHost: a\r\nContent-Length: ${long.length}\r\n\r\n${long.slice(0, 5)}`);
  await queue(2);
  for (const expected of ['hello', long.slice(0, 5)]) {
    peer.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    await peer.contains(`\r\n\r\n${expected}`);
  }
  third.send(long.slice(5));
  await peer.contains(long);
  peer.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
  for (const client of [first, second, third]) expect((await client.answer()).body).toBe('ok');
  await mirrorsSay(proxy, { sent: 3, inFlight: 0, dropped: {} });
  expect(bodies.toSorted()).toEqual(['', long, 'hello'].toSorted());

  function queue(length: number): Promise<void> {
    return vi.waitFor(() => expect(proxy.report().services[0]!.pools.find(({ id }) => id === 'blue')!.queued).toBe(length), {
      interval: 5,
    });
  }
});

test('a request that waits until the fallback can rescue it is copied once', async (t) => {
  const shadow = await startTarget(t, (_incoming, outgoing) => outgoing.end());
  const green = await startRawTarget(t);
  const blue = await startRawTarget(t);
  const limits = { maxConnections: 0, maxInFlight: 1, maxQueued: 10, queueTimeoutMs: 20_000 };
  const proxy = await startProxy(t, {
    pools: { green: [green], blue: [blue], shadow: [shadow] },
    weights: { green: 1 },
    policies: { blue: { limits } },
    service: { fallback: 'blue', retry: aRetryPolicy({ attempts: 0, rescue: true }), mirrors: [all] },
  });
  const [first, second] = [await proxy.connect(), await proxy.connect()];
  const fail = async (client: Peer, index: number): Promise<void> => {
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    const peer = await green.peer(index);
    await peer.contains('\r\n\r\n');
    peer.end();
  };
  await fail(first, 0);
  await (await blue.peer(0)).contains('\r\n\r\n');
  await fail(second, 1);
  await vi.waitFor(() => expect(proxy.report().services[0]!.pools.find(({ id }) => id === 'blue')!.queued).toBe(1), { interval: 5 });
  for (const [index, client] of [first, second].entries()) {
    const peer = await blue.peer(index);
    await peer.contains('\r\n\r\n');
    peer.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    expect((await client.answer()).body).toBe('ok');
  }
  await mirrorsSay(proxy, { sent: 2, inFlight: 0, dropped: {} });
});

test('a copy is not copied again: two proxies that mirror to each other come to rest', async (t) => {
  const targets = [
    await startTarget(t, (_incoming, outgoing) => outgoing.end('ok')),
    await startTarget(t, (_incoming, outgoing) => outgoing.end('ok')),
  ];
  const proxies = await Promise.all(
    targets.map((target) => startProxy(t, { pools: { blue: [target], shadow: [] }, service: { mirrors: [all] } })),
  );
  for (const [index, proxy] of proxies.entries()) {
    proxy.apply({
      pools: {
        blue: [targets[index]!],
        shadow: [{ host: '127.0.0.1', port: proxies[1 - index]!.port }],
      },
    });
  }
  const client = await proxies[0]!.connect();
  for (let count = 1; count <= 3; count++) {
    expect((await client.ask('GET / HTTP/1.1')).body).toBe('ok');
    await mirrorsSay(proxies[0]!, { sent: count, inFlight: 0 });
  }
  expect(mirrorOf(proxies[1]!)).toMatchObject({ sent: 0, inFlight: 0, dropped: {} });
  expect(proxies.map(({ lines }) => lines.length)).toEqual([3, 3]);
  // The connection for copies from one to the other would be idle for a while.
  client.end();
  await proxies[0]!.plane.drain(1000);
});

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}

function mirrorOf(proxy: TestProxy): MirrorReport {
  return proxy.report().services[0]!.mirrors[0]!;
}

function mirrorsSay(proxy: TestProxy, expected: Partial<MirrorReport>): Promise<void> {
  return vi.waitFor(
    () => {
      expect(mirrorOf(proxy)).toMatchObject(expected);
      if (expected.dropped !== undefined) expect(mirrorOf(proxy).dropped).toEqual(expected.dropped);
    },
    { timeout: 4000, interval: 5 },
  );
}

function answering(peer: Peer): void {
  peer.socket.on('data', () => peer.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'));
}
