import { once } from 'node:events';
import { describe, expect, test, type TestContext } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { closeFrame } from '../../proxy/websocket-frames.ts';
import { startProxy, type TestProxy } from '../support/data-plane.ts';
import { type Peer, settle } from '../support/raw-client.ts';
import { deadPort, deafPort, type RawTarget, startRawTarget, startTarget } from '../support/target.ts';

const handshake =
  'GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';
const switchingTo = (protocol: string) => `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n`;
const restart = closeFrame(1012, 'service restart').toString('latin1');
const noMask = Buffer.alloc(4);
/** A client's frames, masked with zeros, so that they can be read. */
const textOfClient = (text: string) => `\x81${String.fromCharCode(0x80 + text.length)}\0\0\0\0${text}`;
const closeOfClient = closeFrame(1012, '', noMask).toString('latin1');
const textOfTarget = (text: string) => `\x81${String.fromCharCode(text.length)}${text}`;

/** Takes the target out of service, with a deadline that has passed. */
function takeOut(proxy: TestProxy, target = 'blue/t1'): void {
  proxy.apply({ targets: { [target]: { state: 'drain', drainUntilMs: Date.now() - 1 } } });
}

interface Opened {
  readonly client: Peer;
  readonly peer: Peer;
}

/** A client's and a target's end of one upgraded connection. */
async function openRaw(proxy: TestProxy, target: RawTarget, protocol = 'websocket'): Promise<Opened> {
  const index = target.accepted;
  const client = await proxy.connect();
  client.send(handshake.replace('websocket', protocol));
  const peer = await target.peer(index);
  await peer.contains('\r\n\r\n');
  peer.send(switchingTo(protocol));
  await client.contains('\r\n\r\n');
  return { client, peer };
}

async function startRaw(t: TestContext, protocol?: string): Promise<Opened & { readonly proxy: TestProxy; readonly target: RawTarget }> {
  const target = await startRawTarget(t);
  const proxy = await startProxy(t, { pools: { blue: [target] } });
  return { proxy, target, ...(await openRaw(proxy, target, protocol)) };
}

/** Closes, and resolves when that has begun, as an idle WebSocket sees it that was opened after all others. */
async function beginClosing(proxy: TestProxy, target: RawTarget): Promise<void> {
  const witness = await openRaw(proxy, target);
  takeOut(proxy);
  await witness.client.contains(restart);
  witness.client.send(closeOfClient);
}

/** What a side has sent behind the head of its handshake. */
const said = ({ text }: Peer) => text.slice(text.indexOf('\r\n\r\n') + 4);

/** The same as a client's frames, where the last is a close frame of ours: its mask is taken off. */
function saidAndClosed(peer: Peer): { readonly before: string; readonly close: string } {
  const bytes = Buffer.from(said(peer), 'latin1');
  const start = bytes.length - 23;
  const [key, masked] = [bytes.subarray(start + 2, start + 6), bytes.subarray(start + 6)];
  const payload = Buffer.from(masked.map((byte, index) => byte ^ key[index % 4]!)).toString('latin1');
  return {
    before: bytes.subarray(0, start).toString('latin1'),
    close: `${bytes.subarray(start, start + 2).toString('latin1')}${payload}`,
  };
}

const closeOfOurs = '\x88\x91\x03\xe9service restart';

const endings = [
  ['drained', 50, (proxy: TestProxy) => takeOut(proxy)],
  // A process that stops has less time for all of them.
  ['shutdown', 5, (proxy: TestProxy) => void proxy.plane.drain(0)],
] as const;

/** A large message, then small ones one behind the other, until the socket is told to close. */
function talk(socket: WebSocket): { readonly sent: () => number } {
  let sent = 0;
  const next = () => {
    if (socket.readyState === WebSocket.OPEN) socket.send(messageOf(sent++), () => setImmediate(next));
  };
  next();
  return { sent: () => sent };
}

const messageOf = (number: number) => Buffer.alloc(number === 0 ? 1024 ** 2 : 1000, `${number},`);

interface Heard {
  readonly code: number;
  readonly reason: string;
  readonly messages: number;
}

/** Resolves when it closes, if everything that came was what the other side said, in order. */
async function listen(socket: WebSocket): Promise<Heard> {
  let messages = 0;
  let wrong = 0;
  socket.on('message', (message: Buffer) => {
    if (!message.equals(messageOf(messages++))) wrong++;
  });
  socket.on('error', () => wrong++);
  const [code, reason] = (await once(socket, 'close')) as [number, Buffer];
  expect(wrong).toBe(0);
  return { code, reason: String(reason), messages };
}

/** WebSockets by way of a proxy, and their ends at the target. */
async function openMany(t: TestContext, count: number): Promise<{ proxy: TestProxy; clients: WebSocket[]; ends: WebSocket[] }> {
  const target = await startTarget(t, (_incoming, outgoing) => outgoing.end());
  const proxy = await startProxy(t, { pools: { blue: [target] } });
  const server = new WebSocketServer({ server: target.server, perMessageDeflate: false });
  const ends: WebSocket[] = [];
  server.on('connection', (socket) => ends.push(socket));
  const clients: WebSocket[] = [];
  for (let index = 0; index < count; index++) {
    const socket = new WebSocket(`ws://127.0.0.1:${proxy.port}/ws`, { perMessageDeflate: false });
    t.onTestFinished(() => socket.terminate());
    await once(socket, 'open');
    clients.push(socket);
  }
  return { proxy, clients, ends };
}

describe('closing WebSockets', () => {
  test.for(endings)('that are busy both ways loses and garbles nothing (%s)', async ([cause, count, close], t) => {
    const { proxy, clients, ends } = await openMany(t, count);
    const heardByClients = clients.map(listen);
    const heardByTarget = ends.map(listen);
    ends.forEach(talk);
    const talks = clients.map(talk);
    // In the middle of the large messages: they take many reads.
    await settle();
    close(proxy);
    for (const { code, reason } of await Promise.all(heardByClients)) expect([code, reason]).toEqual([1012, 'service restart']);
    const heard = await Promise.all(heardByTarget);
    expect(heard.map(({ code, reason }) => `${code} ${reason}`)).toEqual(heard.map(() => '1001 service restart'));
    // Everything that clients sent before they heard of it has arrived.
    expect(heard.map(({ messages }) => messages)).toEqual(talks.map(({ sent }) => sent()));
    await proxy.logged(() => proxy.lines.length === clients.length);
    expect(proxy.lines.map((line) => `${line.status} ${line.cause}`)).toEqual(heard.map(() => `101 ${cause}`));
  });

  test('takes a few at a time, the oldest first', async (t) => {
    const { proxy, clients } = await openMany(t, 60);
    const closed = clients.map((client) => once(client, 'close'));
    takeOut(proxy);
    await Promise.race(closed);
    const open = clients.filter(({ readyState }) => readyState === WebSocket.OPEN);
    expect(open.length).toBeGreaterThanOrEqual(30);
    expect(clients.slice(-30).every((client) => open.includes(client))).toBe(true);
    expect(proxy.report().services[0]!.pools[0]!.targets[0]!.upgraded).toBeGreaterThanOrEqual(30);
    await Promise.all(closed);
  });

  test('finds those that went to another target than they were meant for', async (t) => {
    const target = await startRawTarget(t);
    const proxy = await startProxy(t, { pools: { blue: [{ host: '127.0.0.1', port: await deadPort() }, target] } });
    const opened = [await openRaw(proxy, target), await openRaw(proxy, target)];
    takeOut(proxy, 'blue/t2');
    for (const { client } of opened) {
      await client.contains(restart);
      client.send(closeOfClient);
    }
  });

  test('leaves those of other targets alone', async (t) => {
    const [one, other] = [await startRawTarget(t), await startRawTarget(t)];
    const proxy = await startProxy(t, { pools: { blue: [one] } });
    const first = await openRaw(proxy, one);
    proxy.apply({ pools: { blue: [one], green: [other] }, weights: { blue: 0, green: 1 } });
    const second = await openRaw(proxy, other);
    takeOut(proxy);
    await first.client.contains(restart);
    first.client.send(closeOfClient);
    await first.client.ended;
    second.client.send(textOfClient('still'));
    await second.peer.contains('still');
    expect(said(second.client)).toBe('');
  });
});

describe('a WebSocket that is closed', () => {
  test('is let finish the frame that its target is sending, and hears nothing behind it', async (t) => {
    const { proxy, target, client, peer } = await startRaw(t);
    peer.send(`${textOfTarget('one')}\x82\x7f\0\0\0\0\0\x01\0`);
    await client.contains('\x01\0');
    await beginClosing(proxy, target);
    peer.send('\0');
    peer.send('x'.repeat(65_535));
    await client.contains('x');
    peer.send(`x${textOfTarget('late')}`);
    await client.contains(restart);
    expect(said(client)).toBe(`${textOfTarget('one')}\x82\x7f\0\0\0\0\0\x01\0\0${'x'.repeat(65_536)}${restart}`);
    client.send(closeOfClient);
    expect(await client.ended).toBe('fin');
    expect(said(client).endsWith(restart)).toBe(true);
  });

  test('may finish what it is saying: the target hears all of it, and that it ends in the place of the close frame', async (t) => {
    const { proxy, target, client, peer } = await startRaw(t);
    const half = textOfClient('hello').slice(0, 8);
    client.send(half);
    await peer.contains(half);
    await beginClosing(proxy, target);
    await client.contains(restart);
    client.send(textOfClient('hello').slice(8));
    await peer.contains('hello');
    client.send(`${textOfClient('more')}${closeOfClient}`);
    expect(await peer.ended).toBe('fin');
    expect(saidAndClosed(peer)).toEqual({
      before: textOfClient('hello') + textOfClient('more'),
      close: closeOfOurs,
    });
    expect(await client.ended).toBe('fin');
    expect(await proxy.logged(() => true)).toMatchObject({ status: 101, cause: 'drained' });
  });

  test('is followed from the first byte on, also where that came with the handshake', async (t) => {
    const target = await startRawTarget(t);
    const proxy = await startProxy(t, { pools: { blue: [target] } });
    const client = await proxy.connect();
    client.send(`${handshake}${textOfClient('hello').slice(0, 8)}`);
    const peer = await target.peer(0);
    await peer.contains('\r\n\r\n');
    peer.send(`${switchingTo('websocket')}${textOfTarget('welcome').slice(0, 4)}`);
    await client.contains('we');
    await peer.contains('he');
    await beginClosing(proxy, target);
    peer.send('lcome');
    await client.contains(restart);
    client.send(`llo${closeOfClient}`);
    await peer.ended;
    expect(said(client)).toBe(`${textOfTarget('welcome')}${restart}`);
    expect(saidAndClosed(peer)).toEqual({ before: textOfClient('hello'), close: closeOfOurs });
  });

  test('may leave without a close frame', async (t) => {
    const { proxy, client, peer } = await startRaw(t);
    takeOut(proxy);
    await client.contains(restart);
    client.end();
    expect(await peer.ended).toBe('fin');
    expect(saidAndClosed(peer)).toEqual({ before: '', close: closeOfOurs });
    expect(await client.ended).toBe('fin');
  });

  test('hears of it although the target talks on and on', async (t) => {
    const { proxy, client, peer } = await startRaw(t);
    const write = () => {
      while (peer.socket.writable && peer.socket.write(frame));
    };
    const frame = Buffer.from(`\x82\x7e\xff\xff${'x'.repeat(65_535)}`, 'latin1');
    peer.socket.on('drain', write);
    write();
    await client.contains('x');
    takeOut(proxy);
    await client.contains(restart);
    client.send(closeOfClient);
    expect(await client.ended).toBe('fin');
    expect((said(client).length - restart.length) % frame.length).toBe(0);
    await peer.ended;
    expect(saidAndClosed(peer)).toEqual({ before: '', close: closeOfOurs });
  });

  test('is cut where its client stops in a frame, and its target hears no more than that', async (t) => {
    const { proxy, client, peer } = await startRaw(t);
    const half = textOfClient('hello').slice(0, 8);
    client.send(half);
    await peer.contains(half);
    takeOut(proxy);
    await client.contains(restart);
    client.end();
    await peer.ended;
    expect(said(peer)).toBe(half);
  });

  test('is cut where its target leaves in a frame', async (t) => {
    const { proxy, target, client, peer } = await startRaw(t);
    const half = textOfTarget('hello').slice(0, 4);
    peer.send(half);
    await client.contains(half);
    await beginClosing(proxy, target);
    peer.end();
    await client.ended;
    expect(said(client)).toBe(half);
  });

  test('and is closing by itself already may do so in its own words', async (t) => {
    const { proxy, target, client, peer } = await startRaw(t);
    const own = closeFrame(4001, 'enough', noMask).toString('latin1');
    const answer = closeFrame(4001, 'enough').toString('latin1');
    client.send(own);
    await peer.contains(own);
    await beginClosing(proxy, target);
    peer.send(answer);
    peer.end();
    expect(await client.ended).toBe('fin');
    expect([said(client), said(peer)]).toEqual([answer, own]);
    expect(await proxy.logged(({ cause }) => cause === '')).toMatchObject({ status: 101 });
  });

  test.for([
    ['does not talk in frames', 'websocket', 'SSH-2.0'],
    ['has switched to another protocol', 'echo', '\x81\x01x'],
  ] as const)('gets FIN where the target %s', async ([, protocol, text], t) => {
    const { proxy, client, peer } = await startRaw(t, protocol);
    peer.send(text);
    await client.contains(text);
    takeOut(proxy);
    expect([await client.ended, await peer.ended]).toEqual(['fin', 'fin']);
    expect([said(client), said(peer)]).toEqual([text, '']);
    expect(await proxy.logged(() => true)).toMatchObject({ status: 101, cause: 'drained' });
  });
});

// These wait for seconds, so they do it together.
const firstToEnd = (sides: Readonly<Record<string, Peer>>) =>
  Promise.race(Object.entries(sides).map(([name, { ended }]) => ended.then(() => name)));

describe.concurrent('an upgraded connection that does not close', () => {
  test('is cut where its client does not answer, and its target is told', async (t) => {
    const { proxy, client, peer } = await startRaw(t);
    takeOut(proxy);
    await client.contains(restart);
    client.send(textOfClient('why?'));
    await client.ended;
    await peer.ended;
    expect(saidAndClosed(peer)).toEqual({ before: textOfClient('why?'), close: closeOfOurs });
    expect(await proxy.logged(() => true)).toMatchObject({ status: 101, cause: 'drained' });
  });

  test('is cut earlier where a frame stands still, and gets no close frame in its middle', async (t) => {
    const { proxy, target, client: deaf } = await startRaw(t);
    const { client, peer } = await openRaw(proxy, target);
    const half = textOfTarget('hello').slice(0, 4);
    peer.send(half);
    await client.contains(half);
    takeOut(proxy);
    expect(await firstToEnd({ deaf, client })).toBe('client');
    expect(said(client)).toBe(half);
    expect(await proxy.logged(() => true)).toMatchObject({ status: 101, cause: 'drained' });
    await peer.ended;
  });

  test('is no reason for a client that has answered to wait for its target', async (t) => {
    const { proxy, target, client: deaf } = await startRaw(t);
    const { client, peer } = await openRaw(proxy, target);
    peer.socket.allowHalfOpen = true;
    takeOut(proxy);
    await client.contains(restart);
    client.send(closeOfClient);
    expect(await firstToEnd({ deaf, client })).toBe('client');
    await peer.ended;
    peer.socket.destroy();
  });

  test('is cut where it is closing by itself, but does not come to an end', async (t) => {
    const { proxy, client, peer } = await startRaw(t);
    client.send(closeOfClient);
    await peer.contains(closeOfClient);
    takeOut(proxy);
    await client.ended;
    expect(said(client)).toBe('');
    expect(await proxy.logged(() => true)).toMatchObject({ status: 101, cause: 'drained' });
  });

  test('is cut where neither side leaves and it is no WebSocket', async (t) => {
    const { proxy, client, peer } = await startRaw(t, 'echo');
    client.socket.allowHalfOpen = peer.socket.allowHalfOpen = true;
    takeOut(proxy);
    await Promise.all([client.ended, peer.ended]);
    expect(await proxy.logged(() => true)).toMatchObject({ status: 101, cause: 'drained' });
    for (const side of [client, peer]) side.socket.destroy();
  });
});

describe('a handshake whose target is taken out', () => {
  test('is answered 503 where the target had it already', async (t) => {
    const target = await startRawTarget(t);
    const proxy = await startProxy(t, { pools: { blue: [target] } });
    const client = await proxy.connect();
    client.send(handshake);
    const peer = await target.peer(0);
    await peer.contains('\r\n\r\n');
    takeOut(proxy);
    expect((await client.answer()).status).toBe(503);
    expect(await proxy.logged(() => true)).toMatchObject({ status: 503, cause: 'drained' });
    await peer.ended;
  });

  test('goes to another where the connection is not even made', async (t) => {
    const deaf = { host: '127.0.0.1', port: await deafPort(t) };
    const target = await startRawTarget(t);
    const proxy = await startProxy(t, {
      pools: { blue: [deaf, target] },
      timeouts: { connectMs: 20_000 },
    });
    const clients = [await proxy.connect(), await proxy.connect()];
    for (const client of clients) client.send(handshake);
    (await target.peer(0)).send(switchingTo('websocket'));
    takeOut(proxy);
    (await target.peer(1)).send(switchingTo('websocket'));
    for (const client of clients) {
      expect((await client.answer()).status).toBe(101);
      client.end();
    }
  });

  test('is cut off where its refusal is on its way, so that nobody takes it for complete', async (t) => {
    const target = await startRawTarget(t);
    const proxy = await startProxy(t, { pools: { blue: [target] } });
    const client = await proxy.connect();
    client.send(handshake);
    const peer = await target.peer(0);
    await peer.contains('\r\n\r\n');
    peer.send('HTTP/1.1 403 Forbidden\r\n\r\nbegin');
    await client.contains('begin');
    takeOut(proxy);
    expect(await client.ended).toBe('reset');
    expect(await proxy.logged(() => true)).toMatchObject({ status: 403, cause: 'drained' });
  });
});

describe('handshakes tell how a target does', () => {
  const ejectionOf = (proxy: TestProxy) => proxy.report().services[0]!.pools[0]!.targets.map(({ ejected }) => ejected);
  const policies = {
    all: { ejection: { failures: 2, baseMs: 30_000, maxMs: 30_000, maxShare: 0.9 } },
  };
  test.for([
    ['refuses connections', () => deadPort()],
    ['does not accept connections', deafPort],
  ] as const)('one that %s is ejected', async ([, badPort], t) => {
    const target = await startRawTarget(t, (peer) => peer.socket.once('data', () => peer.send(switchingTo('websocket'))));
    const bad = { host: '127.0.0.1', port: await badPort(t) };
    const proxy = await startProxy(t, { pools: { blue: [bad, target] }, policies, timeouts: { connectMs: 50 } });
    for (let count = 0; count < 4; count++) {
      const client = await proxy.connect();
      expect((await client.ask(handshake)).status).toBe(101);
      client.end();
    }
    expect(ejectionOf(proxy)).toEqual([true, false]);
  });

  test.for([
    ['leaves without an answer', 502, (peer: Peer) => peer.end()],
    ['does not answer', 504, () => {}],
  ] as const)('one that %s is ejected', async ([, status, act], t) => {
    const react = (peer: Peer) => peer.socket.once('data', () => act(peer));
    const targets = [await startRawTarget(t, react), await startRawTarget(t, react)];
    const proxy = await startProxy(t, { pools: { blue: targets }, policies, retryAttempts: 0, timeouts: { responseMs: 50 } });
    for (let count = 0; count < 4; count++) expect((await (await proxy.connect()).ask(handshake)).status).toBe(status);
    // Never the last of a pool.
    expect(ejectionOf(proxy).filter((ejected) => ejected)).toHaveLength(1);
  });

  test.for([
    ['HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n', 503],
    [switchingTo('websocket'), 101],
  ] as const)('one that answers begins anew, whatever it says (%o)', async ([answer, status], t) => {
    let failing = true;
    const reply = (peer: Peer) => peer.socket.once('data', () => (failing ? peer.end() : peer.send(answer)));
    const targets = [await startRawTarget(t, reply), await startRawTarget(t, reply)];
    const proxy = await startProxy(t, { pools: { blue: targets }, policies, retryAttempts: 0 });
    // Each of the two in turn.
    for (const expected of [502, 502, status, status, 502, 502]) {
      failing = expected === 502;
      const client = await proxy.connect();
      expect((await client.ask(handshake)).status).toBe(expected);
      client.end();
    }
    expect(ejectionOf(proxy)).toEqual([false, false]);
  });
});
