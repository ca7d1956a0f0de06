import { describe, expect, test, type TestContext } from 'vitest';
import { startProxy } from '../support/data-plane.ts';
import { settle } from '../support/raw-client.ts';
import { startRawTarget, startTarget } from '../support/target.ts';

const startNamed = (t: TestContext, name: string) => startTarget(t, (_incoming, outgoing) => outgoing.end(name));

describe('a request', () => {
  test('is handled by the revision that was current when its head had been read', async (t) => {
    const [blue, green] = [await startRawTarget(t), await startNamed(t, 'green')];
    const proxy = await startProxy(t, { pools: { blue: [blue], green: [green] }, weights: { blue: 1, green: 0 }, debugHeaders: true });
    const [slow, next] = [await proxy.connect(), await proxy.connect()];
    slow.send('GET /slow HTTP/1.1\r\nHost: a\r\n\r\n');
    const peer = await blue.peer(0);
    await peer.contains('/slow');

    proxy.apply({ weights: { blue: 0, green: 1 } });
    const later = await next.ask('GET /next HTTP/1.1');
    expect([later.body, later.field('x-sluice-revision'), later.field('x-sluice-pool')]).toEqual(['green', '2', 'green']);

    peer.send('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nblue');
    const answer = await slow.answer();
    expect([answer.body, answer.field('x-sluice-revision'), answer.field('x-sluice-pool')]).toEqual(['blue', '1', 'blue']);
    expect(proxy.lines.map(({ path, revision, pool }) => [path, revision, pool])).toEqual([
      ['/next', 2, 'green'],
      ['/slow', 1, 'blue'],
    ]);
  });

  test('whose head is half read is handled by the revision that comes in between', async (t) => {
    const [blue, green] = [await startNamed(t, 'blue'), await startNamed(t, 'green')];
    const proxy = await startProxy(t, { pools: { blue: [blue], green: [green] }, weights: { blue: 1, green: 0 } });
    const client = await proxy.connect();
    client.send('GET / HTTP/1.1\r\nHo');
    await settle();
    proxy.apply({ weights: { blue: 0, green: 1 } });
    client.send('st: a\r\n\r\n');
    expect((await client.answer()).body).toBe('green');
  });

  test('that comes after a change is handled by it, at once, on every connection that was open before', async (t) => {
    const [blue, green] = [await startNamed(t, 'blue'), await startNamed(t, 'green')];
    const proxy = await startProxy(t, { pools: { blue: [blue], green: [green] } });
    const clients = await Promise.all(Array.from({ length: 8 }, () => proxy.connect()));
    for (let round = 0; round < 50; round++) {
      const [to, other] = round % 2 === 0 ? (['green', 'blue'] as const) : (['blue', 'green'] as const);
      proxy.apply({ weights: { [to]: 1, [other]: 0 } });
      const answers = await Promise.all(clients.map((client) => client.ask('GET / HTTP/1.1')));
      expect(answers.map(({ body }) => body)).toEqual(clients.map(() => to));
    }
  });

  test('goes to nobody where every weight is 0, where the pool is empty, and where no route takes it', async (t) => {
    const blue = await startNamed(t, 'blue');
    const proxy = await startProxy(t, { pools: { blue: [blue], green: [] }, matches: [{ path: { kind: 'prefix', value: '/in' } }] });
    const client = await proxy.connect();
    expect((await client.ask('GET /out HTTP/1.1')).status).toBe(404);
    proxy.apply({ weights: { blue: 0, green: 0 } });
    expect((await client.ask('GET /in HTTP/1.1')).status).toBe(503);
    proxy.apply({ weights: { green: 1 } });
    expect((await client.ask('GET /in HTTP/1.1')).status).toBe(503);
    expect(proxy.lines.map(({ cause, decision, pool }) => [cause, decision, pool])).toEqual([
      ['no_route', 'none', ''],
      ['no_weight', 'none', ''],
      ['no_available_target', 'split', 'green'],
    ]);
  });
});

describe('ten thousand requests, one after the other,', () => {
  test.for([
    { blue: 99, green: 1 },
    { blue: 900, green: 90, gold: 10 },
    { blue: 90, green: 9, gold: 1 },
  ] as readonly Record<string, number>[])('are split as told: %j', { timeout: 60_000 }, async (weights, t) => {
    const target = await startRawTarget(t, (peer) =>
      peer.socket.on('data', () => peer.send('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')),
    );
    const ids = Object.keys(weights);
    const proxy = await startProxy(t, { pools: Object.fromEntries(ids.map((id) => [id, [target]])), weights });
    const client = await proxy.connect();
    client.socket.removeAllListeners('data');
    const count = 10_000;
    await new Promise<void>((resolve) => {
      let answered = 0;
      client.socket.on('data', () => {
        if (++answered === count) resolve();
        else client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      });
      client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    });
    const sum = Object.values(weights).reduce((all, weight) => all + weight, 0);
    for (const { id, targets } of proxy.report().services[0]!.pools) {
      expect(Math.abs((targets[0]!.codes['200'] ?? 0) - (count * weights[id]!) / sum)).toBeLessThanOrEqual(2);
    }
    // One connection per pool, all the time.
    expect(target.accepted).toBe(ids.length);
  });
});
