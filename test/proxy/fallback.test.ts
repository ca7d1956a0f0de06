import { describe, expect, test } from 'vitest';
import { startProxy } from '../support/data-plane.ts';
import { aRetryPolicy } from '../support/model.ts';
import { deadPort, startRawTarget, startTarget } from '../support/target.ts';

const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const dead = async () => ({ host: '127.0.0.1', port: await deadPort() });

/** Control's word that targets of the service are ill. */
const ill = (...targets: string[]) => ({
  targets: targets.map((name) => {
    const [pool, target] = name.split('/') as [string, string];
    return { service: 'shop', pool, target, health: 'unhealthy', factor: 1, told: 'ready' } as const;
  }),
});

describe('a pool without an available target', () => {
  test('gives its requests to the fallback, which says so; the split goes on as it was', async (t) => {
    const blue = await startTarget(t, (_incoming, outgoing) => outgoing.end('blue'));
    const green = await startTarget(t, (_incoming, outgoing) => outgoing.end('green'));
    const proxy = await startProxy(t, {
      pools: { blue: [blue], green: [green] },
      weights: { blue: 1, green: 1 },
      service: { fallback: 'blue' },
    });
    const client = await proxy.connect();
    proxy.plane.inform(ill('green/t1'));
    for (let count = 0; count < 10; count++) expect((await client.ask(get)).body).toBe('blue');
    expect(proxy.lines.map(({ decision, pool }) => `${decision} ${pool}`).toSorted()).toEqual([
      ...Array<string>(5).fill('fallback blue'),
      ...Array<string>(5).fill('split blue'),
    ]);
    const pools = proxy.report().services[0]!.pools;
    expect(pools.map(({ picked }) => picked)).toEqual([5, 5]);

    proxy.plane.inform(ill());
    const bodies = [];
    for (let count = 0; count < 10; count++) bodies.push((await client.ask(get)).body);
    expect(bodies.filter((body) => body === 'green')).toHaveLength(5);
  });

  test('has no fallback from the fallback: stable never spills into the canary', async (t) => {
    const green = await startTarget(t, (_incoming, outgoing) => outgoing.end('green'));
    const proxy = await startProxy(t, {
      pools: { blue: [await dead()], green: [green] },
      weights: { blue: 1, green: 0 },
      service: { fallback: 'blue' },
    });
    proxy.plane.inform(ill('blue/t1'));
    const client = await proxy.connect();
    // It is tried all the same: probes may be wrong, and nothing better is left.
    expect((await client.ask(get)).status).toBe(502);
    expect(proxy.lines).toMatchObject([{ pool: 'blue', target: 't1', cause: 'connection_refused' }]);
    expect(green.accepted).toBe(0);
  });

  test('and no fallback that has one tries what was not taken out', async (t) => {
    const blue = await startTarget(t, (_incoming, outgoing) => outgoing.end('ill, but alive'));
    const proxy = await startProxy(t, { pools: { blue: [blue] } });
    proxy.plane.inform(ill('blue/t1'));
    const client = await proxy.connect();
    expect((await client.ask(get)).body).toBe('ill, but alive');
  });

  test.for(['drain', 'maint'] as const)('because all are in %s answers 503 at once', async (state, t) => {
    const blue = await startTarget(t, (_incoming, outgoing) => outgoing.end('no'));
    const proxy = await startProxy(t, { pools: { blue: [blue] }, targets: { 'blue/t1': { state } } });
    const client = await proxy.connect();
    const answer = await client.ask(get);
    expect([answer.status, answer.field('proxy-status'), answer.field('retry-after')]).toEqual([
      503,
      'sluice; error=destination_unavailable; details="no_available_target"',
      '1',
    ]);
    expect(blue.accepted).toBe(0);
  });
});

test('healthy targets get the requests of ill ones; above the panic share, ill ones get theirs again', async (t) => {
  const targets = await Promise.all(['1', '2', '3', '4'].map((name) => startTarget(t, (_incoming, outgoing) => outgoing.end(name))));
  const proxy = await startProxy(t, { pools: { blue: targets } });
  const client = await proxy.connect();
  const seen = async () => {
    const bodies = new Set<string>();
    for (let count = 0; count < 12; count++) bodies.add((await client.ask(get)).body);
    return [...bodies].toSorted().join('');
  };
  proxy.plane.inform(ill('blue/t1', 'blue/t3'));
  expect(await seen()).toBe('24');
  proxy.apply({ policies: { all: { panicShare: 0.5 } } });
  expect(await seen()).toBe('1234');
  proxy.plane.inform(ill('blue/t1'));
  expect(await seen()).toBe('234');
});

describe('rescue', () => {
  const canary = {
    weights: { blue: 0, green: 1 },
    service: { fallback: 'blue', retry: aRetryPolicy({ attempts: 0, rescue: true }) },
  } as const;

  test('a safe request that its pool has failed is answered by the fallback, and stays charged to its pool', async (t) => {
    const blue = await startTarget(t, (_incoming, outgoing) => outgoing.end('blue'));
    const proxy = await startProxy(t, { pools: { blue: [blue], green: [await dead()] }, ...canary });
    const client = await proxy.connect();
    const answer = await client.ask(get);
    expect([answer.status, answer.body]).toEqual([200, 'blue']);
    expect(proxy.lines).toMatchObject([
      { status: 200, pool: 'green', target: 't1', decision: 'split', cause: '', rescued: 'connection_refused', rescuedBy: 'blue/t1' },
    ]);
    const service = proxy.report().services[0]!;
    expect(service.rescued).toBe(1);
    expect(service.pools.map(({ picked, targets }) => ({ picked, codes: targets[0]!.codes }))).toEqual([
      { picked: 0, codes: {} },
      { picked: 1, codes: { 502: 1 } },
    ]);
  });

  test('one that hangs, too, after its time-out', async (t) => {
    const blue = await startTarget(t, (_incoming, outgoing) => outgoing.end('blue'));
    const hung = await startRawTarget(t);
    const proxy = await startProxy(t, { pools: { blue: [blue], green: [hung] }, ...canary, timeouts: { responseMs: 200 } });
    const client = await proxy.connect();
    expect((await client.ask(get)).body).toBe('blue');
    expect(proxy.lines).toMatchObject([{ rescued: 'response_timeout' }]);
  });

  test.for([
    ['POST', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n'],
    ['a PUT', 'PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx'],
    ['a DELETE without a body', 'DELETE / HTTP/1.1\r\nHost: a\r\n\r\n'],
  ] as const)('not %s', async ([, request], t) => {
    const blue = await startTarget(t, (_incoming, outgoing) => outgoing.end('blue'));
    const proxy = await startProxy(t, { pools: { blue: [blue], green: [await dead()] }, ...canary });
    const client = await proxy.connect();
    expect((await client.ask(request)).status).toBe(502);
    expect(blue.accepted).toBe(0);
  });

  test('not what the application answers: a bad release must be seen', async (t) => {
    const blue = await startTarget(t, (_incoming, outgoing) => outgoing.end('blue'));
    const green = await startTarget(t, (_incoming, outgoing) => outgoing.writeHead(503).end('broken'));
    const proxy = await startProxy(t, { pools: { blue: [blue], green: [green] }, ...canary });
    const client = await proxy.connect();
    expect((await client.ask(get)).status).toBe(503);
    expect(blue.accepted).toBe(0);
  });

  test('waits for a fallback that is only full', async (t) => {
    const blue = await startRawTarget(t);
    const limits = { maxConnections: 0, maxInFlight: 1, maxQueued: 10, queueTimeoutMs: 20_000 };
    const proxy = await startProxy(t, { pools: { blue: [blue], green: [await dead()] }, ...canary, policies: { blue: { limits } } });
    const clients = await Promise.all([1, 2, 3].map(() => proxy.connect()));
    for (const client of clients) client.send(get);
    const peer = await blue.peer(0);
    for (let answered = 1; answered <= 3; answered++) {
      await peer.contains('GET', answered);
      peer.send('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nblue');
    }
    for (const client of clients) expect((await client.answer()).body).toBe('blue');
    expect(proxy.report().services[0]!.rescued).toBe(3);
  });

  test('goes to a fallback as it is now, not as it was when the request came', async (t) => {
    const canaryTarget = await startRawTarget(t);
    const [old, fresh] = await Promise.all(['old', 'new'].map((name) => startTarget(t, (_incoming, outgoing) => outgoing.end(name))));
    const proxy = await startProxy(t, { pools: { blue: [old!], green: [canaryTarget] }, ...canary });
    const client = await proxy.connect();
    client.send(get);
    await (await canaryTarget.peer(0)).contains('GET');
    proxy.apply({ pools: { blue: [old!, fresh!], green: [canaryTarget] }, targets: { 'blue/t1': { state: 'maint' } } });
    (await canaryTarget.peer(0)).end();
    expect((await client.answer()).body).toBe('new');
  });

  test('that nobody waits for stays charged to its pool, too', async (t) => {
    const blue = await startRawTarget(t);
    const proxy = await startProxy(t, { pools: { blue: [blue], green: [await dead()] }, ...canary });
    const client = await proxy.connect();
    client.send(get);
    await (await blue.peer(0)).contains('GET');
    client.end();
    await proxy.logged(({ cause }) => cause === 'client_closed');
    const { rescued, pools } = proxy.report().services[0]!;
    expect([rescued, pools.map(({ targets }) => targets[0]!.codes)]).toEqual([0, [{}, { 502: 1 }]]);
  });

  test('where the fallback fails as well, the client is told', async (t) => {
    const proxy = await startProxy(t, { pools: { blue: [await dead()], green: [await dead()] }, ...canary });
    const client = await proxy.connect();
    expect((await client.ask(get)).status).toBe(502);
    expect(proxy.lines).toHaveLength(1);
  });
});
