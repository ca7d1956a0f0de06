/**
 * Class: response queue poisoning: a target says more than it was asked, or something where nothing may stand, and the rest is taken for the
 * answer to the next request on that connection. It needs a hostile target, or an honest one that was made to say so (a HEAD that is
 * answered with a body; a request smuggled past another proxy).
 *
 * The attacker wants another client to get his answer, and to read that client's.
 *
 * Sluice uses a connection again only when an answer has ended exactly where it said. What comes behind, be it at once or later, ends the
 * connection. What it cannot see: bytes that the target sends after the next request has left. docs/threat-model.md says so.
 */
import { expect, test, type TestContext } from 'vitest';
import { startProxy } from '../support/data-plane.ts';
import { type RawTarget, startRawTarget } from '../support/target.ts';

const evil = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil';
const honest = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhonest';

/** The first connection is answered with `poison`, every later one honestly. */
function startPoisoner(t: TestContext, poison: string): Promise<RawTarget> {
  return startRawTarget(t, (peer, index) => {
    peer.socket.on('data', () => peer.send(index === 0 ? poison : honest));
  });
}

test.for([
  ['a second answer', 'GET', `HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok${evil}`, 'ok'],
  ['bytes behind an empty answer', 'GET', `HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n${evil}`, ''],
  ['an empty line behind an answer', 'GET', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok\r\n', 'ok'],
  ['one byte more than the length', 'GET', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokH', 'ok'],
  ['an answer behind the last chunk', 'GET', `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n${evil}`, 'ok'],
  ['a body to HEAD', 'HEAD', `HTTP/1.1 200 OK\r\nContent-Length: ${evil.length}\r\n\r\n${evil}`, ''],
  ['a chunked body to HEAD', 'HEAD', `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`, ''],
  ['a body of 204', 'GET', `HTTP/1.1 204 No Content\r\nContent-Length: ${evil.length}\r\n\r\n${evil}`, ''],
  ['a body of 304', 'GET', `HTTP/1.1 304 Not Modified\r\nContent-Length: ${evil.length}\r\n\r\n${evil}`, ''],
  ['an interim answer behind the final one', 'GET', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 100 Continue\r\n\r\n', 'ok'],
] as const)('%s is nobody else’s answer', async ([, method, poison, body], t) => {
  const target = await startPoisoner(t, poison);
  const proxy = await startProxy(t, { pools: { blue: [target] } });
  const first = await proxy.connect();
  expect((await first.ask(`${method} / HTTP/1.1`)).body).toBe(body);
  for (const client of [await proxy.connect(), first]) expect((await client.ask('GET /victim HTTP/1.1')).body).toBe('honest');
  expect(first.text).not.toContain('evil');
  expect(target.accepted).toBe(2);
});

test.for([
  ['an answer', evil],
  ['an interim answer', 'HTTP/1.1 100 Continue\r\n\r\n'],
  ['an empty line', '\r\n'],
  ['one byte', 'H'],
] as const)('%s that comes while nobody has asked ends the connection', async ([, late], t) => {
  const target = await startRawTarget(t, (peer) => peer.socket.on('data', () => peer.send(honest)));
  const proxy = await startProxy(t, { pools: { blue: [target] } });
  const client = await proxy.connect();
  await client.ask('GET / HTTP/1.1');
  const peer = await target.peer(0);
  peer.send(late);
  await peer.ended;
  expect((await client.ask('GET /victim HTTP/1.1')).body).toBe('honest');
  expect(target.accepted).toBe(2);
});

test.for([
  ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 40\r\n\r\n'],
  ['a list of lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 0, 40\r\n\r\n'],
  ['a length and chunks', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['a coding that is none', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n'],
  ['a length that overflows', 'HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551616\r\n\r\n'],
  ['a folded field', 'HTTP/1.1 200 OK\r\nContent-Length:\r\n 0\r\n\r\n'],
  ['line feeds alone', 'HTTP/1.1 200 OK\nContent-Length: 0\n\n\r\n\r\n'],
  ['a split field', 'HTTP/1.1 200 OK\r\nLocation: /\rSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n'],
  ['a space before the colon', 'HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n'],
  ['chunks in HTTP/1.0', 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['a switch that nobody asked for', 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n'],
  ['no HTTP at all', 'SSH-2.0-OpenSSH_9.9\r\n\r\n\r\n'],
  ['a status that is none', 'HTTP/1.1 0200 OK\r\nContent-Length: 0\r\n\r\n'],
] as const)('an answer with %s is a 502 without a byte of it, and its connection is not used again', async ([, poison], t) => {
  const target = await startPoisoner(t, `${poison}${evil}`);
  const proxy = await startProxy(t, { pools: { blue: [target] }, retryAttempts: 0 });
  const first = await proxy.connect();
  expect((await first.ask('GET / HTTP/1.1')).status).toBeGreaterThanOrEqual(502);
  expect((await first.ask('GET /victim HTTP/1.1')).body).toBe('honest');
  expect(first.text).not.toContain('evil');
});

test('an answer that stands there before it was asked for is one answer: the one to the question is nobody else’s', async (t) => {
  const target = await startRawTarget(t, (peer, index) => {
    if (index === 0) peer.send(evil);
    peer.socket.on('data', () => peer.send(honest));
  });
  const proxy = await startProxy(t, { pools: { blue: [target] } });
  const first = await proxy.connect();
  expect((await first.ask('GET / HTTP/1.1')).body).toBe('evil');
  // Its own answer comes when nobody waits for one any more.
  await (
    await target.peer(0)
  ).ended;
  expect((await (await proxy.connect()).ask('GET /victim HTTP/1.1')).body).toBe('honest');
});

test('interim answers without end do not gather: the target is held back by a client that does not read', async (t) => {
  const target = await startRawTarget(t);
  const proxy = await startProxy(t, { pools: { blue: [target] } });
  const client = await proxy.connect();
  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  client.pause();
  const peer = await target.peer(0);
  await peer.contains('GET');
  const interim = `HTTP/1.1 103 Early Hints\r\nLink: </${'x'.repeat(1000)}>\r\n\r\n`.repeat(1000);
  for (let count = 0; count < 40; count++) peer.send(interim);
  const other = await proxy.connect();
  for (let turn = 0; turn < 50; turn++) {
    const asked = other.ask(`GET /${turn} HTTP/1.1`);
    const next = await target.peer(1);
    await next.contains(`GET /${turn} `);
    next.send(honest);
    await asked;
  }
  // What the systems of both connections hold, and one read.
  expect(peer.socket.writableLength).toBeGreaterThan(8_000_000);
  client.reset();
  await peer.ended;
});
