import { expect, test } from 'vitest';
import { startProxy } from '../support/data-plane.ts';
import { type Peer, settle } from '../support/raw-client.ts';
import { deadPort, startRawTarget } from '../support/target.ts';

/** Numbers in [0, 1) that are the same for the same seed (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const big = 'x'.repeat(150_000);
const answers = [
  'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
  'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok',
  `HTTP/1.1 200 OK\r\nContent-Length: ${big.length}\r\n\r\n${big}`,
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n',
  'HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n',
  'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nhello',
  'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and more',
  'HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\nnever all',
  'HTTP/1.1 200 OK\r\n\r\nuntil close',
  'garbage\r\n\r\n',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n',
  '',
];

const requests = [
  'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\nHEAD /3 HTTP/1.1\r\nHost: a\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello',
  `PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: ${big.length}\r\n\r\n${big}`,
  `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${big.length.toString(16)}\r\n${big}\r\n0\r\n\r\n`,
  'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\nExpect: 100-continue\r\n\r\n',
  'GET / HTTP/1.0\r\n\r\n',
  'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nearly',
  'GET / HTTP/1.1\r\nHost : a\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
  'GET / HTTP/1.1\r\nHo',
];

/** Leaves in one of the ways in which a connection may end, or stays. */
async function maybeLeave(peer: Peer, random: () => number): Promise<void> {
  for (let turns = Math.floor(random() * 3); turns > 0; turns--) await settle();
  const choice = random();
  if (choice < 0.15) peer.end();
  else if (choice < 0.3) peer.reset();
  else if (choice < 0.35) peer.socket.destroy();
}

test.concurrent.for([1, 2, 3, 4])(
  'whatever clients, targets and operators do to each other, every number adds up in the end (%i)',
  async (seed, t) => {
    const random = seeded(seed);
    const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
    const behave = (peer: Peer) => {
      peer.socket.on('data', () => {
        peer.send(pick(answers));
        void maybeLeave(peer, random);
      });
    };
    const targets = [await startRawTarget(t, behave), await startRawTarget(t, behave), await startRawTarget(t, behave)];
    const dead = { host: '127.0.0.1', port: await deadPort() };
    const proxy = await startProxy(t, {
      pools: { blue: [targets[0]!, dead, targets[1]!], green: [targets[2]!] },
      weights: { blue: 3, green: 1 },
      timeouts: { connectMs: 300, responseMs: 300, idleMs: 300, requestMs: 2000 },
      listenerTimeouts: { headMs: 300, keepAliveMs: 600, writeMs: 600 },
      limits: { bodyBytes: 200_000 },
    });

    const behaveAsClient = async () => {
      const client = await proxy.connect();
      for (let count = 0; count < 4 && client.socket.writable; count++) {
        const request = pick(requests);
        const cut = random() < 0.3 ? Math.floor(random() * request.length) : request.length;
        client.send(request.slice(0, cut));
        await settle();
        if (client.socket.writable) client.send(request.slice(cut));
        if (random() < 0.2) client.pause();
        await maybeLeave(client, random);
        if (random() < 0.3) proxy.apply({ weights: { blue: Math.floor(random() * 3), green: Math.floor(random() * 3) } });
      }
      await settle();
      client.resume();
      return client;
    };
    for (let round = 0; round < 15; round++) await Promise.all(Array.from({ length: 20 }, behaveAsClient));
    await proxy.plane.drain(1000);
    expect(proxy.lines.length).toBeGreaterThan(300);
    // Requests that were answered, failed or given up; the support code compares them with the counters of the data plane.
    await proxy.checkBooks();
    for (const target of targets) await target.closedDownTo(0);
  },
);
