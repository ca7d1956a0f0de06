import { describe, expect, test, type TestContext, vi } from 'vitest';
import { type ProxyOptions, startProxy } from '../support/data-plane.ts';
import { aRetryPolicy } from '../support/model.ts';
import { deadPort, startRawTarget, startTarget } from '../support/target.ts';

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
const ok = (body: string) => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
const limits = { maxConnections: 0, maxInFlight: 1, maxQueued: 2, queueTimeoutMs: 20_000 };

/** How many requests wait. */
const queued = (proxy: Awaited<ReturnType<typeof startProxy>>) => proxy.report().services[0]!.pools[0]!.queued;

describe('where every target of the pool has as many requests as it may', () => {
  test('requests wait, and are served in the order of their arrival', async (t) => {
    const target = await startRawTarget(t);
    const proxy = await startProxy(t, { pools: { blue: [target] }, policies: { all: { limits } } });
    const clients = [];
    for (const [index, path] of ['/1', '/2', '/3'].entries()) {
      const client = await proxy.connect();
      client.send(get(path));
      clients.push(client);
      await vi.waitFor(() => expect([proxy.report().inFlight, queued(proxy)]).toEqual([1, index]));
    }
    const peer = await target.peer(0);
    for (const [index, client] of clients.entries()) {
      await peer.contains(`GET /${index + 1} `);
      expect(peer.text).not.toContain(`GET /${index + 2} `);
      peer.send(ok(`${index + 1}`));
      expect((await client.answer()).body).toBe(`${index + 1}`);
    }
  });

  test('and as many wait as may, the next is refused with the advice to come again', async (t) => {
    const target = await startRawTarget(t);
    const proxy = await startProxy(t, { pools: { blue: [target] }, policies: { all: { limits: { ...limits, maxQueued: 1 } } } });
    const [first, second, third] = [await proxy.connect(), await proxy.connect(), await proxy.connect()];
    first.send(get('/1'));
    await (await target.peer(0)).contains('/1');
    second.send(get('/2'));
    await vi.waitFor(() => expect(queued(proxy)).toBe(1));
    const refused = await third.ask(get('/3'));
    expect([refused.status, refused.field('retry-after'), refused.field('proxy-status')]).toEqual([
      503,
      '1',
      'sluice; error=connection_limit_reached; details="queue_full"',
    ]);
    (await target.peer(0)).send(ok('1'));
    await (await target.peer(0)).contains('/2');
    (await target.peer(0)).send(ok('2'));
    expect((await second.answer()).body).toBe('2');
  });

  test('one that has waited too long is told so', async (t) => {
    const target = await startRawTarget(t);
    const proxy = await startProxy(t, { pools: { blue: [target] }, policies: { all: { limits: { ...limits, queueTimeoutMs: 100 } } } });
    const [first, second] = [await proxy.connect(), await proxy.connect()];
    first.send(get('/1'));
    await (await target.peer(0)).contains('/1');
    const late = await second.ask(get('/2'));
    expect([late.status, late.field('proxy-status')]).toEqual([503, 'sluice; error=connection_limit_reached; details="queue_timeout"']);
    (await target.peer(0)).send(ok('1'));
    await first.answer();
    // Its place in the line is free again, and its connection is of use.
    second.send(get('/3'));
    await (await target.peer(0)).contains('/3');
    (await target.peer(0)).send(ok('3'));
    expect((await second.answer()).body).toBe('3');
  });

  test('one whose client leaves makes room for those behind it', async (t) => {
    const target = await startRawTarget(t);
    const proxy = await startProxy(t, { pools: { blue: [target] }, policies: { all: { limits } } });
    const [first, second, third] = [await proxy.connect(), await proxy.connect(), await proxy.connect()];
    first.send(get('/1'));
    await (await target.peer(0)).contains('/1');
    second.send(get('/2'));
    await vi.waitFor(() => expect(queued(proxy)).toBe(1));
    third.send(get('/3'));
    await vi.waitFor(() => expect(queued(proxy)).toBe(2));
    second.end();
    await vi.waitFor(() => expect(queued(proxy)).toBe(1));
    const peer = await target.peer(0);
    peer.send(ok('1'));
    await peer.contains('/3');
    peer.send(ok('3'));
    expect((await third.answer()).body).toBe('3');
    expect(peer.text).not.toContain('/2');
  });

  test('a body that arrives meanwhile arrives whole', async (t) => {
    const target = await startTarget(t, (incoming, outgoing) => {
      if (incoming.url === '/hold') held.resolve(() => outgoing.end());
      else incoming.pipe(outgoing);
    });
    const held = Promise.withResolvers<() => void>();
    const proxy = await startProxy(t, { pools: { blue: [target] }, policies: { all: { limits } } });
    const [first, second] = [await proxy.connect(), await proxy.connect()];
    first.send(get('/hold'));
    const letGo = await held.promise;
    const body = 'x'.repeat(300_000);
    second.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n`);
    second.send(body);
    await vi.waitFor(() => expect(queued(proxy)).toBe(1));
    letGo();
    expect((await second.answer()).body).toBe(body);
    await first.answer();
  });

  test('those who wait go by a new revision as soon as there is one', async (t) => {
    const blue = await startRawTarget(t);
    const green = await startTarget(t, (incoming, outgoing) => outgoing.end(`green ${incoming.url}`));
    const proxy = await startProxy(t, { pools: { blue: [blue], green: [green] }, policies: { all: { limits } } });
    const [first, second] = [await proxy.connect(), await proxy.connect()];
    first.send(get('/1'));
    await (await blue.peer(0)).contains('/1');
    second.send(get('/2'));
    await vi.waitFor(() => expect(queued(proxy)).toBe(1));
    const revision = proxy.apply({ weights: { blue: 0, green: 1 } });
    expect((await second.answer()).body).toBe('green /2');
    expect(await proxy.logged(({ path }) => path === '/2')).toMatchObject({ revision, pool: 'green' });
    expect(proxy.report().services[0]!.pools.map(({ picked }) => picked)).toEqual([1, 1]);
    (await blue.peer(0)).send(ok('1'));
    expect((await first.answer()).body).toBe('1');
  });

  test('those who wait go to a target that becomes available', async (t) => {
    const [one, two] = [await startRawTarget(t), await startTarget(t, (_incoming, outgoing) => outgoing.end('two'))];
    const proxy = await startProxy(t, { pools: { blue: [one, two] }, policies: { all: { limits } } });
    const target = { service: 'shop', pool: 'blue', target: 't2', health: 'unhealthy', factor: 1, told: 'ready' } as const;
    proxy.plane.inform({ targets: [target] });
    const [first, second] = [await proxy.connect(), await proxy.connect()];
    first.send(get('/1'));
    await (await one.peer(0)).contains('/1');
    second.send(get('/2'));
    await vi.waitFor(() => expect(queued(proxy)).toBe(1));
    proxy.plane.inform({ targets: [] });
    expect((await second.answer()).body).toBe('two');
    (await one.peer(0)).send(ok('1'));
    await first.answer();
  });

  test('the fallback takes what the line cannot', async (t) => {
    const green = await startRawTarget(t);
    const blue = await startTarget(t, (_incoming, outgoing) => outgoing.end('blue'));
    const proxy = await startProxy(t, {
      pools: { blue: [blue], green: [green] },
      weights: { blue: 0, green: 1 },
      policies: { green: { limits: { ...limits, maxQueued: 0 } } },
      service: { fallback: 'blue' },
    });
    const [first, second] = [await proxy.connect(), await proxy.connect()];
    first.send(get('/1'));
    await (await green.peer(0)).contains('/1');
    expect((await second.ask(get('/2'))).body).toBe('blue');
    (await green.peer(0)).send(ok('1'));
    await first.answer();
  });
});

describe('what comes while requests wait', () => {
  const open = async (t: TestContext, options: ProxyOptions = {}) => {
    const blue = await startRawTarget(t);
    const green = await startTarget(t, (incoming, outgoing) => outgoing.end(`green ${incoming.url}`));
    const proxy = await startProxy(t, { pools: { blue: [blue], green: [green] }, policies: { all: { limits } }, ...options });
    const [first, second] = [await proxy.connect(), await proxy.connect()];
    first.send(get('/1'));
    const peer = await blue.peer(0);
    await peer.contains('/1');
    second.send(get('/2'));
    await vi.waitFor(() => expect(queued(proxy)).toBe(1));
    const finish = async () => {
      peer.send(ok('1'));
      expect((await first.answer()).body).toBe('1');
    };
    return { proxy, second, peer, finish };
  };

  test.for([
    ['has no weight any more', { weights: { blue: 0, green: 0 } }, 'no_weight'],
    ['has no route any more', { matches: [] }, 'no_route'],
  ] as const)('a revision in which their service %s answers them, and harms nobody', async ([, change, cause], t) => {
    const { proxy, second, finish } = await open(t);
    proxy.apply(change);
    expect((await second.answer()).field('proxy-status')).toContain(`details="${cause}"`);
    await finish();
  });

  test('the same weights once more change no share, and no count runs backwards', async (t) => {
    const { proxy, second, peer, finish } = await open(t, { weights: { blue: 1_000_000, green: 1 } });
    const picked = () => proxy.report().services[0]!.pools.map((pool) => pool.picked);
    for (let round = 0; round < 20; round++) {
      const before = picked();
      proxy.apply({});
      expect(picked()).toEqual(before);
    }
    expect(queued(proxy)).toBe(1);
    await finish();
    await peer.contains('/2');
    peer.send(ok('2'));
    expect((await second.answer()).body).toBe('2');
    expect(picked()).toEqual([2, 0]);
  });

  test('their time goes on, however many revisions come', async (t) => {
    const { proxy, second, finish } = await open(t, { policies: { all: { limits: { ...limits, queueTimeoutMs: 600 } } } });
    const revising = setInterval(() => proxy.apply({}), 100);
    const answer = await second.answer();
    clearInterval(revising);
    expect(answer.field('proxy-status')).toContain('queue_timeout');
    await finish();
  });

  test('a revision that takes their target out and gives it room lets nobody in there', async (t) => {
    const { proxy, second, peer, finish } = await open(t);
    proxy.apply({
      weights: { blue: 0, green: 1 },
      policies: { all: { limits: { ...limits, maxInFlight: 5 } } },
      targets: { 'blue/t1': { state: 'maint', weight: 7 } },
    });
    expect((await second.answer()).body).toBe('green /2');
    expect(peer.text).not.toContain('/2');
    await finish();
  });

  test('where the target takes itself out, the fallback takes who waits, at once', async (t) => {
    const { proxy, second, finish } = await open(t, { service: { fallback: 'green' } });
    proxy.plane.inform({ targets: [{ service: 'shop', pool: 'blue', target: 't1', health: 'healthy', factor: 1, told: 'maint' }] });
    expect((await second.answer()).body).toBe('green /2');
    expect(await proxy.logged(({ path }) => path === '/2')).toMatchObject({ decision: 'fallback', pool: 'green' });
    await finish();
  });

  test('who has waited too long goes to the fallback before it is refused', async (t) => {
    const { second, finish } = await open(t, {
      service: { fallback: 'green' },
      policies: { all: { limits: { ...limits, queueTimeoutMs: 150 } } },
    });
    expect((await second.answer()).body).toBe('green /2');
    await finish();
  });
});

test('a retry waits for the target that is well and only full', async (t) => {
  const target = await startRawTarget(t);
  const dead = { host: '127.0.0.1', port: await deadPort() };
  const proxy = await startProxy(t, { pools: { blue: [target, dead] }, policies: { all: { limits: { ...limits, maxQueued: 100 } } } });
  const clients = await Promise.all([1, 2, 3, 4].map(() => proxy.connect()));
  for (const [index, client] of clients.entries()) client.send(get(`/${index}`));
  const peer = await target.peer(0);
  for (let answered = 1; answered <= 4; answered++) {
    await peer.contains('GET', answered);
    peer.send(ok('ok'));
  }
  const answers = await Promise.all(clients.map((client) => client.answer()));
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
});

test('a request that is rescued leaves its room to who waits for it', async (t) => {
  const green = await startRawTarget(t);
  const blue = await startTarget(t, (_incoming, outgoing) => outgoing.end('blue'));
  const proxy = await startProxy(t, {
    pools: { green: [green], blue: [blue] },
    policies: { green: { limits } },
    service: { fallback: 'blue', retry: aRetryPolicy({ attempts: 0, rescue: true }) },
  });
  const [first, second] = [await proxy.connect(), await proxy.connect()];
  first.send(get('/1'));
  await (await green.peer(0)).contains('/1');
  second.send(get('/2'));
  await vi.waitFor(() => expect(queued(proxy)).toBe(1));
  (await green.peer(0)).end();
  expect((await first.answer()).body).toBe('blue');
  const peer = await green.peer(1);
  await peer.contains('/2');
  peer.send(ok('green'));
  expect((await second.answer()).body).toBe('green');
});

test('where the fallback is full for a moment, its line is waited in', async (t) => {
  const blue = await startRawTarget(t);
  const proxy = await startProxy(t, {
    pools: { green: [], blue: [blue] },
    policies: { all: { limits } },
    service: { fallback: 'blue' },
  });
  const [first, second] = [await proxy.connect(), await proxy.connect()];
  first.send(get('/1'));
  const peer = await blue.peer(0);
  await peer.contains('/1');
  second.send(get('/2'));
  await vi.waitFor(() => expect(proxy.report().services[0]!.pools[1]!.queued).toBe(1));
  peer.send(ok('1'));
  await peer.contains('/2');
  peer.send(ok('2'));
  expect((await second.answer()).body).toBe('2');
  await first.answer();
  expect(proxy.lines.map(({ decision }) => decision)).toEqual(['fallback', 'fallback']);
});

test('no more connections to a target are open than it may have: an idle one goes for a new one', async (t) => {
  const target = await startTarget(t, (_incoming, outgoing) => outgoing.end('ok'));
  const proxy = await startProxy(t, {
    pools: { blue: [target] },
    policies: { all: { limits: { ...limits, maxInFlight: 0, maxConnections: 2 } } },
  });
  const clients = [await proxy.connect(), await proxy.connect(), await proxy.connect(), await proxy.connect()];
  for (let round = 0; round < 5; round++) {
    const answers = await Promise.all(clients.map((client) => client.ask(get('/'))));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect(target.open).toBeLessThanOrEqual(2);
  }
});
