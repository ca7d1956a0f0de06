/**
 * Class: floods: many connections, many or huge fields and cookies, pipelined requests without end, requests that are aborted as soon as they
 * are sent (what "rapid reset", CVE-2023-44487, is to HTTP/1.1), malformed requests.
 *
 * The attacker wants memory, or work at the targets, without bound.
 *
 * Sluice has a bound for each: a head's bytes and fields, pipelined bytes, connections in all and per client. A request whose client has gone
 * is cancelled at its target at once, and every count goes back.
 */
import { expect, test } from 'vitest';
import { startProxy } from '../support/data-plane.ts';
import { settle } from '../support/raw-client.ts';
import { startRawTarget, startTarget } from '../support/target.ts';
import { attack, startSite } from './support.ts';

const get = 'GET /attack HTTP/1.1\r\nHost: shop.example\r\n';

test.for([
  ['too many fields', 'X: y\r\n'.repeat(128), 431],
  ['a huge field', `X: ${'y'.repeat(33_000)}\r\n`, 431],
  ['a huge name', `${'X'.repeat(33_000)}: y\r\n`, 431],
  ['many huge cookies', `Cookie: a=${'b'.repeat(4000)}\r\n`.repeat(9), 431],
  ['a head without end', 'X: y\r\n'.repeat(20_000), 431],
] as const)('%s are refused before any target hears of them', async ([, lines, status], t) => {
  const { attacker, seen } = await attack(await startSite(t), `${get}${lines}\r\n`);
  expect(attacker.status).toBe(status);
  expect(seen).toEqual([]);
});

test('a request line without end is refused', async (t) => {
  const { attacker, seen } = await attack(await startSite(t), `GET /${'x'.repeat(40_000)} HTTP/1.1\r\nHost: a\r\n\r\n`);
  expect(attacker.status).toBe(414);
  expect(seen).toEqual([]);
});

test('thousands of cookies in a head that is allowed pass, in order', async (t) => {
  const cookies = Array.from({ length: 3000 }, (_, index) => `c${index}=1`).join('; ');
  const { seen } = await attack(await startSite(t), `${get}Cookie: ${cookies}\r\n\r\n`);
  expect(seen[0]!.fields).toContain(`Cookie: ${cookies}`);
});

test('pipelined requests without end wait at the client while one is under way, and are answered in order', async (t) => {
  const count = 300_000;
  const target = await startRawTarget(t);
  const proxy = await startProxy(t, { pools: { blue: [target] } });
  const attacker = await proxy.connect();
  const one = 'GET /attack HTTP/1.1\r\nHost: shop.example\r\nX: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n\r\n';
  attacker.send(one.repeat(count));
  const peer = await target.peer(0);
  await peer.contains('\r\n\r\n');
  const victim = await proxy.connect();
  const asked = victim.ask('GET /victim HTTP/1.1');
  const other = await target.peer(1);
  await other.contains('\r\n\r\n');
  other.send('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
  expect((await asked).status).toBe(200);
  await settle();
  // One is at the target; of the others, 64 KiB are read, and what the systems' buffers take.
  expect(peer.text.split('GET /attack').length - 1).toBe(1);
  expect(attacker.socket.writableLength).toBeGreaterThan((one.length * count) / 2);
  for (const number of [1, 2, 3]) {
    await peer.contains('\r\n\r\n', number);
    peer.send(`HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n${number}`);
    expect((await attacker.answer()).body).toBe(String(number));
  }
  attacker.reset();
  // It has stopped reading from this client, so it finds out when it answers.
  await peer.contains('\r\n\r\n', 4);
  peer.send('HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n4');
});

test('clients that abort in a loop leave nothing behind: targets are told each time, and every count is back', async (t) => {
  const arrived: unknown[] = [];
  const target = await startTarget(t, (incoming, outgoing) => {
    arrived.push(incoming.url);
    if (incoming.url === '/victim') outgoing.end('ok');
  });
  const proxy = await startProxy(t, { pools: { blue: [target] } });
  const victim = await proxy.connect();
  for (let round = 0; round < 10; round++) {
    const attackers = await Promise.all(Array.from({ length: 20 }, () => proxy.connect()));
    const expected = arrived.length + attackers.length;
    for (const [index, attacker] of attackers.entries()) attacker.send(`GET /${round}-${index} HTTP/1.1\r\nHost: a\r\n\r\n`);
    while (arrived.length < expected) await settle();
    for (const attacker of attackers) attacker.reset();
    expect((await victim.ask('GET /victim HTTP/1.1')).body).toBe('ok');
    await target.closedDownTo(1);
  }
  victim.end();
  await proxy.checkBooks();
  expect(proxy.report().terminations).toEqual({ client_closed: 200 });
});

test('clients that abort before they are connected to a target cost it nothing', async (t) => {
  const { proxy, target } = await startSite(t);
  const attackers = await Promise.all(Array.from({ length: 50 }, () => proxy.connect()));
  for (const attacker of attackers) {
    attacker.send(get);
    attacker.reset();
  }
  await proxy.checkBooks();
  expect(target.accepted).toBe(0);
});

test('connections over the limits of one client are turned away, and others are served', async (t) => {
  const { proxy } = await startSite(t, { limits: { connections: 10 } });
  const kept = await Promise.all(Array.from({ length: 10 }, () => proxy.connect()));
  for (const client of kept) expect((await client.ask('GET / HTTP/1.1')).status).toBe(200);
  for (let count = 0; count < 30; count++) expect((await (await proxy.connect()).answer()).status).toBe(503);
  for (const client of kept) expect((await client.ask('GET / HTTP/1.1')).status).toBe(200);
  proxy.countTurnedAway(30);
});

test('a flood of malformed requests is refused one by one; the next honest one is served', async (t) => {
  const site = await startSite(t);
  for (const bytes of [
    '\0\r\n\r\n',
    '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n',
    '\r\n\r\n\r\n',
    'GET / HTTP/1.1\n',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  ]) {
    for (let count = 0; count < 20; count++) {
      const attacker = await site.proxy.connect();
      attacker.send(bytes);
      expect((await attacker.answer()).status).toBeGreaterThanOrEqual(400);
      attacker.end();
    }
    expect((await (await site.proxy.connect()).ask('GET / HTTP/1.1')).status).toBe(200);
  }
  expect(site.target.seen.length).toBe(5);
});
