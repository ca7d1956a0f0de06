import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { Admission, clientOf, clientsWithin, type Entrance, type Guest, reserveOf } from '../../proxy/entrance/admission.ts';
import { startProxy } from '../support/data-plane.ts';
import { anything } from '../support/model.ts';
import type { Peer } from '../support/raw-client.ts';
import { startRawTarget, startTarget } from '../support/target.ts';

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
const mebibyte = 1024 ** 2;

describe('room for clients', () => {
  test.each([
    { descriptors: 128, clients: 32 },
    { descriptors: 1024, clients: 480 },
    { descriptors: 20_000, clients: 9500 },
    { descriptors: Infinity, clients: Infinity },
    // Too few to work with: better one than none.
    { descriptors: 50, clients: 1 },
  ])('with $descriptors descriptors there is room for $clients', ({ descriptors, clients }) => {
    expect(clientsWithin(descriptors)).toBe(clients);
  });

  test('leaves the reserve alone when every client has a connection to a target', () => {
    fc.assert(
      fc.property(fc.integer({ min: 70, max: 2_000_000 }), (descriptors) => {
        const used = 2 * clientsWithin(descriptors);
        expect(descriptors - used).toBeGreaterThanOrEqual(reserveOf(descriptors));
        expect(descriptors - used).toBeLessThan(reserveOf(descriptors) + 2);
      }),
    );
  });
});

test('whoever configures more connections than there are descriptors for is told', async (t) => {
  const told = await startProxy(t, { limits: { connections: 4 }, descriptors: 64 + 2 * 3 });
  expect(told.warnings.splice(0)).toMatchObject([{ clientsPerWorker: 3, limitPerWorker: 4 }]);
  await startProxy(t, { limits: { connections: 3 }, descriptors: 64 + 2 * 3 });
});

describe('connections are counted by', () => {
  test.each([
    ['192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:DB8:1:2::', '2001:db8:1:2::/64'],
    ['2001:0db8:0001:0002::9', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['::', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['1::2:3:4:5:6', '1:0:0:2::/64'],
    ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64'],
    ['', ''],
  ])('%s counts as %s', (address, client) => {
    expect(clientOf(address)).toBe(client);
  });

  test('the first half of an IPv6 address, however it is written', () => {
    const group = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff }));
    const full = fc.array(group, { minLength: 8, maxLength: 8 });
    fc.assert(
      fc.property(full, (groups) => {
        const written = groups.map((part) => part.toString(16)).join(':');
        const expected = `${groups
          .slice(0, 4)
          .map((part) => part.toString(16))
          .join(':')}::/64`;
        expect(clientOf(written)).toBe(expected);
        // The URL parser writes the shortest form.
        expect(clientOf(new URL(`http://[${written}]`).hostname.slice(1, -1))).toBe(expected);
      }),
    );
  });
});

describe('limits of a listener', () => {
  test('connections hold over all workers: each takes its part', async (t) => {
    const target = await startTarget(t, (_incoming, outgoing) => outgoing.end('ok'));
    const proxy = await startProxy(t, { pools: { blue: [target] }, limits: { connections: 3 }, workers: 2 });
    const [first, second, third] = [await proxy.connect(), await proxy.connect(), await proxy.connect()];
    expect((await first.ask('GET / HTTP/1.1')).status).toBe(200);
    expect((await second.ask('GET / HTTP/1.1')).status).toBe(200);
    expect((await third.answer()).status).toBe(503);
    proxy.countTurnedAway();
  });

  test('connectionsPerClient sees one client in a network of 64 bits', async (t) => {
    const target = await startTarget(t, (_incoming, outgoing) => outgoing.end('ok'));
    const listener = { proxyProtocol: ['127.0.0.0/8'] };
    const proxy = await startProxy(t, { pools: { blue: [target] }, limits: { connectionsPerClient: 1 }, listener });
    const connectFrom = async (address: string) => {
      const client = await proxy.connect();
      client.send(`PROXY TCP6 ${address} 2001:db8::ffff 1234 80\r\n${get('/')}`);
      return { client, status: (await client.answer()).status };
    };
    const first = await connectFrom('2001:db8:0:1::1');
    expect(first.status).toBe(200);
    expect((await connectFrom('2001:db8:0:1:ffff::2')).status).toBe(503);
    expect((await connectFrom('2001:db8:0:2::1')).status).toBe(200);
    proxy.countTurnedAway();
    first.client.end();
    await vi.waitFor(() => expect(proxy.report().connections).toBe(1));
    expect((await connectFrom('2001:db8:0:1::3')).status).toBe(200);
  });
});

test('kept connections to targets make room for new ones when descriptors are short', async (t) => {
  const answering = () => startTarget(t, (_incoming, outgoing) => outgoing.end('ok'));
  const targets = [await answering(), await answering(), await answering(), await answering(), await answering()];
  const proxy = await startProxy(t, { pools: { blue: targets }, descriptors: 64 + 2 * 2 });
  const client = await proxy.connect();
  for (const _ of targets) expect((await client.ask('GET / HTTP/1.1')).status).toBe(200);
  expect(targets.map(({ accepted }) => accepted)).toEqual([1, 1, 1, 1, 1]);
  const open = () =>
    Promise.all(targets.map(({ server }) => new Promise<number>((resolve) => server.getConnections((_, count) => resolve(count)))));
  await vi.waitFor(async () => expect((await open()).reduce((sum, count) => sum + count, 0)).toBe(2));
});

describe('a line that is full', () => {
  const limits = { maxConnections: 0, maxInFlight: 1, maxQueued: 1, queueTimeoutMs: 20_000 };

  test('refuses at once, with the advice to come again, and takes nothing from those who wait', async (t) => {
    const target = await startRawTarget(t);
    const proxy = await startProxy(t, { pools: { blue: [target] }, policies: { all: { limits } } });
    const [first, second] = [await proxy.connect(), await proxy.connect()];
    first.send(get('/1'));
    const peer = await target.peer(0);
    await peer.contains('/1');
    second.send(get('/2'));
    await vi.waitFor(() => expect(proxy.report().services[0]!.pools[0]!.queued).toBe(1));
    for (let count = 0; count < 20; count++) {
      const refused = await (await proxy.connect()).ask(get('/3'));
      expect([refused.status, refused.field('retry-after')]).toEqual([503, '1']);
      expect(refused.field('proxy-status')).toContain('queue_full');
    }
    peer.send('HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1');
    await peer.contains('/2');
    peer.send('HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2');
    expect((await second.answer()).body).toBe('2');
  });

  test('holds only the beginning of the bodies of those who wait', async (t) => {
    const target = await startRawTarget(t);
    const proxy = await startProxy(t, { pools: { blue: [target] }, policies: { all: { limits: { ...limits, maxQueued: 8 } } } });
    const first = await proxy.connect();
    first.send(get('/1'));
    await (await target.peer(0)).contains('/1');
    const body = Buffer.alloc(32 * mebibyte);
    const before = process.memoryUsage().arrayBuffers;
    const uploads = [];
    for (let count = 0; count < 8; count++) {
      const client = await proxy.connect();
      client.send(`POST /${count} HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n`);
      client.send(body);
      uploads.push(client);
    }
    await vi.waitFor(() => expect(proxy.report().services[0]!.pools[0]!.queued).toBe(8));
    // The proxy has had its turn at each of them: it answers somebody else, who is refused because the line is full.
    for (let count = 0; count < 20; count++) expect((await (await proxy.connect()).ask(get('/late'))).status).toBe(503);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 * mebibyte);
    for (const client of uploads) client.reset();
    first.reset();
  });
});

describe('memory for what nobody takes', () => {
  test('is bounded over all clients that do not read: some are cut, and whoever reads notices nothing', async (t) => {
    const body = Buffer.alloc(16 * mebibyte);
    const target = await startTarget(t, (incoming, outgoing) => outgoing.end(incoming.url === '/small' ? 'ok' : body));
    const proxy = await startProxy(t, { pools: { blue: [target] }, heldBytesMax: 300_000 });
    const reader = await proxy.connect();
    const slow = [];
    for (let count = 0; count < 5; count++) {
      const client = await proxy.connect();
      client.pause();
      client.send(get('/large'));
      slow.push(client);
      expect((await reader.ask(get('/small'))).status).toBe(200);
    }
    await vi.waitFor(() => expect(proxy.report().terminations['memory_limit']).toBeGreaterThanOrEqual(3), { timeout: 10_000 });
    expect((await reader.ask(get('/small'))).status).toBe(200);
    // One line for an operator, however many were cut.
    expect(proxy.warnings.splice(0)).toMatchObject([{ heldBytesMax: 300_000, message: expect.stringContaining('too much memory') }]);
    for (const client of slow) client.reset();
  });

  const limits = { maxConnections: 0, maxInFlight: 1, maxQueued: 100, queueTimeoutMs: 60_000 };

  test.for([
    { what: 'that wait in line', policies: { all: { limits } } },
    { what: 'to a target that does not take them', policies: {} },
  ])(
    'is bounded over all uploads $what; first goes not the oldest one, but where nothing has moved for longest',
    async ({ policies }, t) => {
      let isOver = false;
      const stuck = await startRawTarget(t, (peer) => (isOver ? peer.reset() : peer.pause()));
      const half = Promise.withResolvers<void>();
      const moving = await startTarget(t, (incoming, outgoing) => {
        let taken = 0;
        // So slowly that there is always something left to take.
        incoming.on('data', (chunk: Buffer) => {
          incoming.pause();
          setTimeout(() => incoming.resume(), 5);
          taken += chunk.length;
          if (taken > body.length) half.resolve();
        });
        incoming.on('end', () => outgoing.end());
      });
      const proxy = await startProxy(t, {
        pools: { blue: [stuck], green: [moving] },
        policies,
        heldBytesMax: 500_000,
        service: {
          overrides: [
            { match: { ...anything, path: { kind: 'exact', value: '/moves' }, clients: [], percent: undefined }, poolId: 'green' },
          ],
        },
      });
      const body = Buffer.alloc(8 * mebibyte);
      const upload = async (path: string, length: number): Promise<Peer> => {
        const client = await proxy.connect();
        client.send(`POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n`);
        for (let sent = 0; sent < length; sent += body.length) client.send(body);
        return client;
      };
      const oldest = await upload('/moves', 2 * body.length);
      const uploads = [await upload('/0', body.length), await upload('/1', body.length)];
      await half.promise;
      const isCut = () => proxy.lines.length > 0;
      while (!isCut() && uploads.length < 30) uploads.push(await upload(`/${uploads.length}`, body.length));
      const cut = await proxy.logged(() => true);
      expect(cut.cause).toBe('memory_limit');
      expect(['/0', '/1']).toContain(cut.path);
      expect(proxy.warnings.splice(0)).toMatchObject([{ heldBytesMax: 500_000 }]);
      isOver = true;
      for (const client of [oldest, ...uploads]) client.reset();
      for (let index = 0; index < stuck.accepted; index++) (await stuck.peer(index)).reset();
    },
  );

  const entrance = (guests: readonly Guest[]): Entrance => ({
    connections: guests.length,
    heldBytes: guests.reduce((sum, { heldBytes }) => sum + heldBytes, 0),
    guests: () => guests,
    pause: () => {},
    resume: () => {},
    letIn: () => {},
  });

  test.each([
    {
      max: 100,
      held: [
        [60, 5],
        [40, 1],
      ],
      out: [],
    },
    {
      max: 100,
      held: [
        [60, 5],
        [41, 1],
      ],
      out: [1],
    },
    // Somewhat less than the limit is reached, so that the next byte does not cost the next client.
    {
      max: 160,
      held: [
        [60, 3],
        [60, 1],
        [41, 2],
      ],
      out: [1],
    },
    {
      max: 16,
      held: [
        [60, 3],
        [60, 1],
        [41, 2],
        [0, 0],
      ],
      out: [1, 2, 0],
    },
  ])('of $held (bytes, since when), at most $max: $out are cut', ({ max, held, out }) => {
    const cut: number[] = [];
    const warned: string[] = [];
    const guests = held.map(([heldBytes, heldSinceMs], index): Guest => ({
      idleSinceMs: undefined,
      heldBytes: heldBytes!,
      heldSinceMs: heldSinceMs!,
      turnOut: () => void cut.push(index),
    }));
    new Admission({ descriptors: Infinity, heldBytesMax: max }, [entrance(guests)], (_fields, message) => warned.push(message)).onTick(10);
    expect(cut).toEqual(out);
    expect(warned.length).toBe(out.length === 0 ? 0 : 1);
  });
});
