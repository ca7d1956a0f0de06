import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Server } from 'node:http';
import { describe, expect, test, type TestContext } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { startProxy, type TestProxy } from '../support/data-plane.ts';
import { type Peer, settle } from '../support/raw-client.ts';
import { deadPort, deafPort, type RawTarget, startRawTarget, startTarget, type TestTarget } from '../support/target.ts';

const handshake =
  'GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';
const switching = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n';
/** A handshake for a protocol in which everything is sent as it is. */
const plain = (more = '') => `GET /plain HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n${more}\r\n`;

/** A target that answers requests with its name and WebSocket messages with themselves, name first. */
async function startEcho(
  t: TestContext,
  name = 'blue',
): Promise<TestTarget & { readonly server: Server; readonly sockets: WebSocketServer }> {
  const target = await startTarget(t, (_incoming, outgoing) => outgoing.end(name));
  const sockets = new WebSocketServer({ server: target.server });
  sockets.on('connection', (socket) => {
    socket.on('error', () => {});
    socket.on('message', (message, isBinary) => socket.send(isBinary ? message : `${name}: ${(message as Buffer).toString()}`));
  });
  return Object.assign(target, { sockets });
}

async function open(t: TestContext, proxy: TestProxy): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${proxy.port}/ws`, { perMessageDeflate: false });
  socket.on('error', () => {});
  t.onTestFinished(() => socket.terminate());
  await once(socket, 'open');
  return socket;
}

async function say(socket: WebSocket, message: string | Buffer): Promise<Buffer> {
  const answer = once(socket, 'message');
  socket.send(message);
  return (await answer)[0] as Buffer;
}

/** A client and a target's end of a connection on which anything may be said. */
async function startPlain(t: TestContext): Promise<{ proxy: TestProxy; target: RawTarget; client: Peer; peer: Peer }> {
  const target = await startRawTarget(t);
  const proxy = await startProxy(t, { pools: { blue: [target] } });
  const client = await proxy.connect();
  client.send(plain());
  const peer = await target.peer(0);
  await peer.contains('\r\n\r\n');
  peer.send(switching);
  await client.contains('\r\n\r\n');
  return { proxy, target, client, peer };
}

describe('a WebSocket', () => {
  test('goes through: messages both ways, small and large', async (t) => {
    const proxy = await startProxy(t, { pools: { blue: [await startEcho(t)] } });
    const socket = await open(t, proxy);
    expect(String(await say(socket, 'hello'))).toBe('blue: hello');
    const large = randomBytes(8 * 1024 ** 2);
    expect((await say(socket, large)).equals(large)).toBe(true);
    expect(proxy.report()).toMatchObject({ connections: 1, inFlight: 1 });
    socket.close();
    await once(socket, 'close');
    expect(await proxy.logged(() => true)).toMatchObject({ status: 101, path: '/ws', pool: 'blue', target: 't1', cause: '', revision: 1 });
    expect(proxy.lines[0]!.bytes).toBeGreaterThan(large.length);
  });

  test('is closed with the code that the client gave', async (t) => {
    const target = await startEcho(t);
    const proxy = await startProxy(t, { pools: { blue: [target] } });
    const arrived = once(target.sockets, 'connection');
    const socket = await open(t, proxy);
    const [atTarget] = (await arrived) as [WebSocket];
    const closed = once(atTarget, 'close');
    socket.close(4001, 'enough');
    expect((await closed).map(String)).toEqual(['4001', 'enough']);
  });

  test('is closed with the code that the target gave', async (t) => {
    const target = await startEcho(t);
    const proxy = await startProxy(t, { pools: { blue: [target] } });
    const arrived = once(target.sockets, 'connection');
    const socket = await open(t, proxy);
    const closed = once(socket, 'close');
    ((await arrived) as [WebSocket])[0].close(1012, 'restart');
    expect((await closed).map(String)).toEqual(['1012', 'restart']);
  });

  test('is closed when its target dies', async (t) => {
    const target = await startEcho(t);
    const proxy = await startProxy(t, { pools: { blue: [target] } });
    const arrived = once(target.sockets, 'connection');
    const socket = await open(t, proxy);
    const closed = once(socket, 'close');
    ((await arrived) as [WebSocket])[0].terminate();
    expect((await closed)[0]).toBe(1006);
  });

  test('is closed at the target when its client dies', async (t) => {
    const target = await startEcho(t);
    const proxy = await startProxy(t, { pools: { blue: [target] } });
    const arrived = once(target.sockets, 'connection');
    const socket = await open(t, proxy);
    const closed = once(((await arrived) as [WebSocket])[0], 'close');
    socket.terminate();
    expect((await closed)[0]).toBe(1006);
    await target.closedDownTo(0);
  });

  test('may come on a connection that has served requests', async (t) => {
    const proxy = await startProxy(t, { pools: { blue: [await startEcho(t)] } });
    const client = await proxy.connect();
    await client.ask('GET / HTTP/1.1');
    const before = await client.ask('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok');
    const answer = await client.ask(handshake);
    expect([before.status, answer.status, answer.field('upgrade')]).toEqual([200, 101, 'websocket']);
    // A masked text frame that says "hi", masked with zeros.
    client.send('\x81\x82\0\0\0\0hi');
    await client.contains('\x81\x08blue: hi');
    client.reset();
    expect(await proxy.logged(({ status }) => status === 101)).toMatchObject({ path: '/ws' });
  });

  test('two hundred at once all work, and none is left when they are closed', async (t) => {
    const target = await startEcho(t);
    const proxy = await startProxy(t, { pools: { blue: [target] } });
    const sockets = await Promise.all(Array.from({ length: 200 }, () => open(t, proxy)));
    expect(proxy.report()).toMatchObject({ connections: 200, inFlight: 200 });
    const answers = await Promise.all(sockets.map((socket, index) => say(socket, `${index}`)));
    expect(answers.map(String)).toEqual(sockets.map((_, index) => `blue: ${index}`));
    for (const [index, socket] of sockets.entries()) {
      if (index % 2 === 0) socket.close();
      else socket.terminate();
    }
    await Promise.all(sockets.map((socket) => once(socket, 'close')));
    await proxy.checkBooks();
    await target.closedDownTo(0);
    expect(proxy.lines).toHaveLength(200);
  });

  test('goes where the weights say', async (t) => {
    const proxy = await startProxy(t, {
      pools: { blue: [await startEcho(t, 'blue')], green: [await startEcho(t, 'green')] },
      weights: { blue: 1, green: 1 },
    });
    const names: string[] = [];
    for (let count = 0; count < 20; count++) names.push(String(await say(await open(t, proxy), 'x')));
    expect(names.filter((name) => name === 'green: x')).toHaveLength(10);
    proxy.apply({ weights: { blue: 0, green: 1 } });
    expect(String(await say(await open(t, proxy), 'x'))).toBe('green: x');
  });

  test('stays with its target when the weights move', async (t) => {
    const proxy = await startProxy(t, { pools: { blue: [await startEcho(t, 'blue')], green: [await startEcho(t, 'green')] } });
    const socket = await open(t, proxy);
    proxy.apply({ weights: { blue: 0, green: 1 } });
    expect(String(await say(socket, 'still'))).toBe('blue: still');
    expect(proxy.report().services[0]!.pools[0]!.targets[0]!.inFlight).toBe(1);
  });
});

describe('a handshake', () => {
  test('reaches the target with our fields and without those that clients forge', async (t) => {
    const target = await startRawTarget(t);
    const proxy = await startProxy(t, { pools: { blue: [target] }, debugHeaders: true });
    const client = await proxy.connect();
    client.send(
      plain('X-Forwarded-For: 6.6.6.6\r\nX-Sluice-Pool: x\r\nForwarded: for=x\r\nCookie: a=1\r\nConnection: X-One\r\nX-One: 1\r\n'),
    );
    const peer = await target.peer(0);
    const head = await peer.contains('\r\n\r\n');
    expect(head).toMatch(/^GET \/plain HTTP\/1\.1\r\n/);
    for (const line of [
      'upgrade: echo',
      'connection: Upgrade',
      'x-forwarded-for: 127.0.0.1',
      'via: 1.1 sluice',
      'cookie: a=1',
      'host: a',
    ]) {
      expect(head.toLowerCase()).toContain(`\r\n${line.toLowerCase()}\r\n`);
    }
    expect(head).not.toMatch(/6\.6\.6\.6|x-sluice|forwarded: for|x-one/i);
    peer.send(
      'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\nX-Sluice-Pool: forged\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\r\n',
    );
    const answer = await client.answer();
    expect([answer.status, answer.field('upgrade'), answer.field('via')]).toEqual([101, 'echo', '1.1 sluice']);
    expect(answer.field('set-cookie')).toBe('a=1, b=2');
    expect(answer.field('x-sluice-pool')).toBe('blue');
    expect(answer.field('x-sluice-revision')).toBe('1');
  });

  test('is answered with our cookies beside those of the target, each in a line of its own', async (t) => {
    const said = `${switching.slice(0, -2)}Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n\r\n`;
    const target = await startRawTarget(t, (peer) => peer.socket.once('data', () => peer.send(said)));
    const own = { from: 'own', cookie: 'place' } as const;
    const cookies = { maxAgeMs: 60_000, cookiePath: '/', sameSite: 'lax', secure: 'auto' } as const;
    const proxy = await startProxy(t, {
      pools: { blue: [target] },
      service: { sticky: { key: own, target: true, onShrink: 'move', ...cookies } },
      surroundings: { signingKeys: [{ id: 'k1', secret: 'A'.repeat(43) }] },
    });
    const answer = await (await proxy.connect()).ask(plain());
    const values = answer.head.match(/(?<=^set-cookie: )[^=]+/gim);
    expect(values).toHaveLength(4);
    expect(values!.slice(0, 3)).toEqual(['a', 'b', 'place']);
  });

  test.for(['/a//b/../c', '/x\\..\\..\\admin', '/\\[', '//[x', '/a?', '/?a?b&c=%20', '/%2e%2e/{}|"^`', '/a/./b'])(
    'asks the target for %s as it stands',
    async (path, t) => {
      const target = await startRawTarget(t);
      const proxy = await startProxy(t, { pools: { blue: [target] } });
      const client = await proxy.connect();
      client.send(plain().replace('/plain', path));
      const peer = await target.peer(0);
      expect((await peer.contains('\r\n\r\n')).split(' HTTP/1.1')[0]).toBe(`GET ${path}`);
      peer.send(switching);
      expect((await client.answer()).status).toBe(101);
    },
  );

  test('with an expectation is passed on without it', async (t) => {
    const target = await startRawTarget(t, (peer) => peer.socket.once('data', () => peer.send(switching)));
    const proxy = await startProxy(t, { pools: { blue: [target] } });
    const client = await proxy.connect();
    expect((await client.ask(plain('Expect: 100-continue\r\n'))).status).toBe(101);
    expect((await target.peer(0)).text).not.toMatch(/expect/i);
  });

  test('that says close as well is passed on', async (t) => {
    const target = await startRawTarget(t, (peer) => peer.socket.once('data', () => peer.send(switching)));
    const proxy = await startProxy(t, { pools: { blue: [target] } });
    const client = await proxy.connect();
    expect((await client.ask(plain('Connection: close\r\n'))).status).toBe(101);
  });

  test.for([
    ['h2c', 'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n'],
    ['websocket, h2c', 'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket, h2c\r\n\r\n'],
    ['H2C in another line', 'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: H2C\r\n\r\n'],
    ['a protocol in a POST', 'POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 2\r\n\r\nab'],
    ['a protocol that Connection does not list', 'GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n'],
    ['a protocol from HTTP/1.0', 'GET / HTTP/1.0\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'],
  ] as const)('for %s is a plain request', async ([, request], t) => {
    const heads: string[] = [];
    const target = await startRawTarget(t, (peer) =>
      peer.socket.on('data', (chunk: Buffer) => {
        heads.push(chunk.toString('latin1'));
        peer.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      }),
    );
    const proxy = await startProxy(t, { pools: { blue: [target] } });
    const client = await proxy.connect();
    expect((await client.ask(request)).body).toBe('ok');
    expect(heads).toHaveLength(1);
    expect(heads[0]).not.toMatch(/upgrade|http2-settings|^connection/im);
  });
});

describe('a handshake that fails', () => {
  test.for([
    ['404 by length', 'HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\nX-One: 1\r\n\r\nnone', 404, 'none'],
    ['200 in chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-One: 1\r\n\r\n4\r\nsome\r\n0\r\n\r\n', 200, 'some'],
    ['200 until close', 'HTTP/1.1 200 OK\r\nX-One: 1\r\n\r\nsome', 200, 'some'],
    ['401 without a body', 'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nX-One: 1\r\nContent-Length: 0\r\n\r\n', 401, ''],
    ['304', 'HTTP/1.1 304 Not Modified\r\nX-One: 1\r\n\r\n', 304, ''],
    ['426', 'HTTP/1.1 426 Upgrade Required\r\nX-One: 1\r\nUpgrade: foo\r\nConnection: Upgrade\r\nContent-Length: 0\r\n\r\n', 426, ''],
  ] as const)('is answered as the target answered: %s', async ([, said, status, body], t) => {
    const target = await startRawTarget(t, (peer) =>
      peer.socket.once('data', () => {
        peer.send(said);
        if (said.includes('OK\r\nX-One')) peer.end();
      }),
    );
    const proxy = await startProxy(t, { pools: { blue: [target] } });
    const client = await proxy.connect();
    const answer = await client.ask(plain());
    expect([answer.status, answer.body, answer.field('x-one'), answer.field('connection')]).toEqual([status, body, '1', 'close']);
    expect(await client.ended).toBe('fin');
    expect(await proxy.logged(() => true)).toMatchObject({ status, cause: '', target: 't1' });
    await (
      await target.peer(0)
    ).ended;
  });

  test('because the target refuses the connection is answered 502', async (t) => {
    const proxy = await startProxy(t, { pools: { blue: [{ host: '127.0.0.1', port: await deadPort() }] } });
    const client = await proxy.connect();
    const answer = await client.ask(handshake);
    expect([answer.status, answer.field('connection')]).toEqual([502, 'close']);
    expect(await proxy.logged(() => true)).toMatchObject({ status: 502, cause: 'connection_refused' });
  });

  test('to a target that refuses the connection goes to another of its pool', async (t) => {
    const dead = { host: '127.0.0.1', port: await deadPort() };
    const proxy = await startProxy(t, { pools: { blue: [dead, await startEcho(t), dead] }, retryAttempts: 2 });
    for (let count = 0; count < 3; count++) expect(String(await say(await open(t, proxy), 'hello'))).toBe('blue: hello');
    expect(proxy.report().services[0]!.retries).toBeGreaterThan(0);
    expect(proxy.report().services[0]!.pools[0]!.targets.map(({ inFlight }) => inFlight)).toEqual([0, 3, 0]);
  });

  test('to a target that does not accept it goes to another of its pool, or is answered 504', async (t) => {
    const deaf = { host: '127.0.0.1', port: await deafPort(t) };
    const proxy = await startProxy(t, { pools: { blue: [deaf, await startEcho(t)] }, timeouts: { connectMs: 100 } });
    for (let count = 0; count < 2; count++) expect(String(await say(await open(t, proxy), 'hello'))).toBe('blue: hello');
    proxy.apply({ retryAttempts: 0 });
    const [first, second] = [await proxy.connect(), await proxy.connect()];
    const answers = [await first.ask(handshake), await second.ask(handshake)];
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([101, 504]);
    expect((await proxy.logged(({ status }) => status === 504)).cause).toBe('connection_timeout');
  });

  test.for(['end', 'reset'] as const)('because the target leaves without an answer (%s) is answered 502', async (leave, t) => {
    const target = await startRawTarget(t, (peer) => peer.socket.once('data', () => peer[leave]()));
    const proxy = await startProxy(t, { pools: { blue: [target] } });
    const client = await proxy.connect();
    const answer = await client.ask(handshake);
    expect([answer.status, answer.field('proxy-status')]).toEqual([502, 'sluice; error=http_upgrade_failed; details="upgrade_failed"']);
    expect(await proxy.logged(() => true)).toMatchObject({ status: 502, cause: 'upgrade_failed' });
  });

  test('because the target talks nonsense is answered 502', async (t) => {
    const target = await startRawTarget(t, (peer) => peer.socket.once('data', () => peer.send('SSH-2.0 secret\r\n\r\n')));
    const proxy = await startProxy(t, { pools: { blue: [target] } });
    const client = await proxy.connect();
    expect((await client.ask(handshake)).status).toBe(502);
    expect(client.text).not.toContain('secret');
  });

  test('because the target does not answer in time is answered 504, and cancelled there', async (t) => {
    const target = await startRawTarget(t);
    const proxy = await startProxy(t, { pools: { blue: [target] }, timeouts: { connectMs: 50, responseMs: 100 } });
    const client = await proxy.connect();
    expect((await client.ask(handshake)).status).toBe(504);
    expect(await proxy.logged(() => true)).toMatchObject({ status: 504, cause: 'response_timeout' });
    await (
      await target.peer(0)
    ).ended;
  });

  test.for(['end', 'reset'] as const)('because the client leaves (%s) is cancelled at the target', async (leave, t) => {
    const target = await startRawTarget(t);
    const proxy = await startProxy(t, { pools: { blue: [target] } });
    const client = await proxy.connect();
    client.send(handshake);
    const peer = await target.peer(0);
    await peer.contains('\r\n\r\n');
    client[leave]();
    await peer.ended;
    expect(await proxy.logged(() => true)).toMatchObject({ status: 499, cause: 'client_closed' });
  });

  test('with an endless answer to a client that does not read does not fill the memory', async (t) => {
    const target = await startRawTarget(t);
    const proxy = await startProxy(t, { pools: { blue: [target] }, timeouts: { idleMs: 300 } });
    const client = await proxy.connect();
    client.pause();
    client.send(plain());
    const peer = await target.peer(0);
    await peer.contains('\r\n\r\n');
    let taken = 0;
    peer.send('HTTP/1.1 200 OK\r\n\r\n');
    const piece = Buffer.alloc(65_536);
    const write = () => {
      while (peer.socket.writable && taken < 400_000_000 && peer.socket.write(piece)) taken += piece.length;
    };
    peer.socket.on('drain', write);
    write();
    // Nobody reads and nobody can write: that is silence.
    expect((await proxy.logged(() => true)).cause).toBe('client_stalled');
    await peer.ended;
    expect(taken).toBeLessThan(100_000_000);
    client.resume();
    expect(await client.ended).toBe('reset');
  });

  test('with an answer that breaks off in its middle ends in a way that the client can tell', async (t) => {
    const target = await startRawTarget(t);
    const proxy = await startProxy(t, { pools: { blue: [target] } });
    const client = await proxy.connect();
    client.send(plain());
    const peer = await target.peer(0);
    await peer.contains('\r\n\r\n');
    peer.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegin\r\n');
    await client.contains('begin');
    peer.end();
    expect(await client.ended).toBe('reset');
    expect((await proxy.logged(() => true)).cause).toBe('response_incomplete');
  });
});

describe('a connection that has left HTTP', () => {
  test('carries any protocol, byte for byte, both ways', async (t) => {
    const { client, peer } = await startPlain(t);
    const bytes = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code)).join('');
    client.send(bytes);
    await peer.contains(`\r\n\r\n${bytes}`);
    peer.send(bytes);
    await client.contains(`\r\n\r\n${bytes}`);
  });

  test('loses nothing that the client sent right behind its handshake', async (t) => {
    const target = await startRawTarget(t);
    const proxy = await startProxy(t, { pools: { blue: [target] } });
    const client = await proxy.connect();
    const early = 'x'.repeat(200_000);
    client.send(`${plain()}${early}`);
    const peer = await target.peer(0);
    await peer.contains('\r\n\r\n');
    await settle();
    peer.send(switching);
    client.send('late');
    await peer.contains(`\r\n\r\n${early}late`);
  });

  test('loses nothing that the target sent right behind its answer', async (t) => {
    const early = 'x'.repeat(200_000);
    const target = await startRawTarget(t, (peer) => peer.socket.once('data', () => peer.send(`${switching}${early}`)));
    const proxy = await startProxy(t, { pools: { blue: [target] } });
    const client = await proxy.connect();
    client.send(plain());
    await client.contains('x');
    (await target.peer(0)).send('late');
    await client.contains(`\r\n\r\n${early}late`);
  });

  test('loses nothing that a side says before it leaves', async (t) => {
    const { client, peer, proxy } = await startPlain(t);
    const last = 'x'.repeat(1_000_000);
    peer.send(last);
    peer.end();
    await client.contains(`\r\n\r\n${last}`);
    expect(await client.ended).toBe('fin');
    await proxy.logged(() => true);
  });

  test.for(['end', 'reset'] as const)('ends for the target when it ends for the client (%s)', async (leave, t) => {
    const { client, peer, proxy, target } = await startPlain(t);
    client[leave]();
    await peer.ended;
    await target.closedDownTo(0);
    expect(await proxy.logged(() => true)).toMatchObject({ status: 101, cause: '' });
  });

  test.for([
    ['end', ''],
    ['reset', 'response_incomplete'],
  ] as const)('ends for the client when it ends for the target (%s)', async ([leave, cause], t) => {
    const { client, peer, proxy } = await startPlain(t);
    peer[leave]();
    await client.ended;
    expect(await proxy.logged(() => true)).toMatchObject({ status: 101, cause });
  });

  test('is over when its client is gone, although the target goes on talking', async (t) => {
    const { client, peer, target } = await startPlain(t);
    const talk = setInterval(() => peer.send('x'.repeat(1000)), 5);
    t.onTestFinished(() => clearInterval(talk));
    await client.contains('x');
    client.reset();
    await peer.ended;
    await target.closedDownTo(0);
  });

  test('is over soon when its target is gone, although the client does not leave', async (t) => {
    const { client, peer, proxy } = await startPlain(t);
    // The test's own end of the connection would answer FIN with FIN.
    client.socket.allowHalfOpen = true;
    peer.end();
    expect(await client.ended).toBe('fin');
    await proxy.logged(() => true);
    await proxy.checkBooks();
  });

  test('is ended at the deadline of a drain, and not before', async (t) => {
    const { client, peer, proxy } = await startPlain(t);
    const drained = proxy.plane.drain(300);
    client.send('still');
    await peer.contains('still');
    await drained;
    await Promise.all([client.ended, peer.ended]);
    expect(proxy.report()).toMatchObject({ connections: 0, inFlight: 0 });
    expect(proxy.lines).toMatchObject([{ status: 101, cause: 'shutdown' }]);
  });

  test('is cut at the deadline of a drain where nobody listens any more', async (t) => {
    const { client, peer, proxy } = await startPlain(t);
    client.socket.allowHalfOpen = peer.socket.allowHalfOpen = true;
    client.pause();
    peer.pause();
    await proxy.plane.drain(100);
    expect(proxy.report()).toMatchObject({ connections: 0, inFlight: 0 });
    for (const side of [client, peer]) side.socket.destroy();
  });

  test('is not there yet when a drain reaches its deadline: then its handshake is answered 503', async (t) => {
    const target = await startRawTarget(t);
    const proxy = await startProxy(t, { pools: { blue: [target] } });
    const client = await proxy.connect();
    client.send(plain());
    await (await target.peer(0)).contains('\r\n\r\n');
    await proxy.plane.drain(100);
    expect((await client.answer()).status).toBe(503);
    expect(proxy.lines).toMatchObject([{ status: 503, cause: 'shutdown' }]);
    await (
      await target.peer(0)
    ).ended;
  });
});
