import { spawnSync } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, test, type TestContext, vi } from 'vitest';
import { plainDestination } from '../../proxy/http1/destination.ts';
import { fieldValue } from '../../proxy/http1/fields.ts';
import { Framing, type RequestHead } from '../../proxy/message.ts';
import { Mirrors, type Recording } from '../../proxy/mirrors.ts';
import { type MirrorLimits, mirrorLimits } from '../../src/core/mirror-limits.ts';
import type { SocketAddress } from '../../src/core/model.ts';
import type { MirrorReport } from '../../src/core/reports.ts';
import { type Peer, settle } from '../support/raw-client.ts';
import { deadPort, deafPort, startRawTarget, startTarget } from '../support/target.ts';

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const everything = { share: 1, unsafe: true };

describe('of the requests that may be copied, exactly the share is', () => {
  test.for([0, 0.0005, 0.001, 0.01, 0.1, 1 / 3, 0.5, 0.999, 1])('%f of a thousand', (share, t) => {
    const shadow = startMirrors(t, [], { mirrors: [{ share, unsafe: false }] });
    for (let count = 1; count <= 1000; count++) {
      shadow.begin(aHead());
      expect(Math.abs(shadow.turns() - count * share)).toBeLessThan(1 + 1e-3);
    }
  });

  test('a revision with another share goes on where the one before it was', (t) => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ percent: fc.nat(100), requests: fc.nat(20) }), { maxLength: 30 }),
        fc.integer(),
        (revisions, seed) => {
          const shadow = startMirrors(t, [], { random: randomNumbers(seed) });
          let due = 0;
          for (const { percent, requests } of revisions) {
            shadow.mirrors.prepare([shadow.service]);
            shadow.setMirrors([{ share: percent / 100, unsafe: false }]);
            for (let count = 0; count < requests; count++) shadow.begin(aHead());
            due += (requests * percent) / 100;
          }
          // A share of nothing forgives what it owes, and so does one of everything: at most one request each time.
          const forgiven = revisions.filter(({ percent }) => percent % 100 === 0).length;
          expect(Math.abs(shadow.turns() - due)).toBeLessThan(1 + forgiven + 1e-3);
        },
      ),
    );
  });

  test('requests that may not be copied do not count', (t) => {
    const shadow = startMirrors(t, [], { mirrors: [{ share: 0.5, unsafe: false }] });
    for (let count = 0; count < 500; count++) {
      shadow.begin(aHead());
      shadow.begin(aHead({ method: 'POST' }));
      shadow.begin(aHead({ fields: 'X-Sluice-Mirror: 1\r\n' }));
    }
    expect(shadow.turns()).toBe(250);
  });

  test('a page that makes ten requests has each of them copied now and then', (t) => {
    const shadow = startMirrors(t, [], { mirrors: [{ share: 0.1, unsafe: false }], random: randomNumbers(1) });
    const copied = new Set<number>();
    for (let count = 0; count < 1000; count++) {
      const before = shadow.turns();
      shadow.begin(aHead());
      if (shadow.turns() > before) copied.add(count % 10);
    }
    expect(copied.size).toBe(10);
  });
});

describe('what is copied', () => {
  test.for(['GET', 'HEAD', 'OPTIONS'])('%s, with its fields, our forwarding lines and the mark', async (method, t) => {
    const target = await startRawTarget(t);
    const shadow = startMirrors(t, [target.address], { mirrors: [{ share: 1, unsafe: false }] });
    const fields =
      'Accept: */*\r\nExpect: 100-continue\r\nX-Odd:   caf\xe9  \r\nCookie: a=1\r\nContent-Length: 0\r\nCookie: b=2\r\nX-Empty:\r\n';
    shadow.begin(aHead({ method, target: '/a/b?c=%20d', authority: 'shop.example:8080', fields }));
    const peer = await target.peer(0);
    const [first, ...lines] = (await peer.contains('\r\n\r\n')).split('\r\n');
    expect(first).toBe(`${method} /a/b?c=%20d HTTP/1.1`);
    // Undici closes after HEAD, because some targets answer it with a body.
    expect(lines.map((line) => line.trimEnd()).toSorted()).toEqual(
      [
        '',
        '',
        'Accept: */*',
        'Cookie: a=1',
        'Cookie: b=2',
        'X-Empty:',
        'X-Odd: caf\xe9',
        `connection: ${method === 'HEAD' ? 'close' : 'keep-alive'}`,
        'host: shop.example:8080',
        'via: 1.1 sluice',
        'x-forwarded-for: 192.0.2.1',
        'x-sluice-mirror: 1',
      ].toSorted(),
    );
    await shadow.reports([{ sent: 1, inFlight: 1 }]);
    peer.send(ok);
    await shadow.reports([{ sent: 1, inFlight: 0, dropped: {} }]);
  });

  test('a request of a client that named no host names the target', async (t) => {
    const target = await startRawTarget(t, answering);
    const shadow = startMirrors(t, [target.address]);
    shadow.begin(aHead({ authority: '' }));
    expect(await (await target.peer(0)).contains('\r\n\r\n')).toContain(`host: 127.0.0.1:${target.port}\r\n`);
  });

  test.for(['POST', 'PUT', 'PATCH', 'DELETE', 'PROPFIND', 'LOCK'])('%s only where the mirror says so', async (method, t) => {
    const target = await startRawTarget(t, answering);
    const shadow = startMirrors(t, [target.address], { mirrors: [{ share: 1, unsafe: false }] });
    expect(shadow.begin(aHead({ method, contentLength: 2 }))).toBeUndefined();
    expect(shadow.reported()).toEqual([]);
    shadow.setMirrors([everything]);
    shadow.sendBody(shadow.begin(aHead({ method, contentLength: 2 })), 'hi');
    expect(await (await target.peer(0)).contains('hi')).toMatch(new RegExp(`^${method} / HTTP/1.1\r\n`));
  });

  test.for([
    ['a copy', aHead({ fields: 'x-sluice-mirror: 1\r\n' })],
    ['a copy, whatever the mark says', aHead({ fields: 'Accept: a\r\nX-SLUICE-Mirror:\r\n' })],
    ['a request for another protocol', aHead({ upgrade: 'websocket' })],
  ] as const)('not %s', ([, head], t) => {
    const shadow = startMirrors(t, []);
    expect(shadow.begin(head)).toBeUndefined();
    expect(shadow.reported()).toEqual([]);
  });

  test('to every mirror of the service, whatever the others do', async (t) => {
    const first = await startRawTarget(t, answering);
    const second = await startRawTarget(t, answering);
    const shadow = startMirrors(t, [{ host: '127.0.0.1', port: await deadPort() }, first.address, second.address], {
      mirrors: [everything, everything, { share: 0, unsafe: true }, everything],
      onePoolEach: true,
    });
    shadow.sendBody(shadow.begin(aHead({ method: 'POST', contentLength: 10 })), 'hello', 'world');
    expect(await (await first.peer(0)).contains('helloworld')).toContain('content-length: 10\r\n');
    await shadow.reports([
      { pool: 'p0', sent: 0, dropped: { connect_failed: 1 } },
      { pool: 'p1', sent: 1, dropped: {} },
      { pool: 'p2', sent: 0, dropped: {} },
      { pool: 'p3', sent: 0, dropped: { no_target: 1 } },
    ]);
    expect(second.accepted).toBe(0);
  });
});

describe('a body', () => {
  test.for([
    ['by length', 10],
    ['that ends by itself', -1],
  ] as const)('%s is copied, because its bytes are overwritten by the next read', async ([, contentLength], t) => {
    const target = await startRawTarget(t, answering);
    const shadow = startMirrors(t, [target.address]);
    const recording = shadow.begin(aHead({ method: 'POST', contentLength }))!;
    const borrowed = Buffer.alloc(5);
    for (const part of ['hello', 'world']) {
      borrowed.write(part);
      recording.onBody(borrowed);
      borrowed.fill(0x21);
    }
    recording.onEnd();
    borrowed.fill(0x3f);
    const text = await (await target.peer(0)).contains('\r\n\r\n');
    expect(text).toContain('content-length: 10\r\n');
    expect(text).not.toMatch(/transfer-encoding/i);
    expect(await (await target.peer(0)).contains('world')).toMatch(/\r\n\r\nhelloworld$/);
    await shadow.reports([{ sent: 1, inFlight: 0 }]);
    expect(shadow.mirrors.heldBytes).toBe(0);
  });

  test('arrives as it was, however it is cut, and never holds more than twice its bytes', async (t) => {
    const bodies: string[] = [];
    const target = await startTarget(t, (incoming, outgoing) => {
      const parts: Buffer[] = [];
      incoming.on('data', (part: Buffer) => parts.push(part));
      incoming.on('end', () => {
        bodies.push(Buffer.concat(parts).toString('latin1'));
        outgoing.end();
      });
    });
    const shadow = startMirrors(t, [target.address]);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 2000, size: 'max' }), { maxLength: 20 }),
        fc.boolean(),
        async (parts, isAnnounced) => {
          bodies.length = 0;
          const whole = Buffer.concat(parts);
          const contentLength = isAnnounced && whole.length > 0 ? whole.length : -1;
          const recording = shadow.begin(aHead({ method: 'PUT', contentLength }))!;
          let bytes = 0;
          for (const part of parts) {
            recording.onBody(Buffer.from(part));
            bytes += part.length;
            expect(shadow.mirrors.heldBytes).toBeGreaterThanOrEqual(bytes);
            expect(shadow.mirrors.heldBytes).toBeLessThanOrEqual(isAnnounced ? whole.length : bytes * 2);
          }
          recording.onEnd();
          await vi.waitFor(() => expect([bodies.length, shadow.mirrors.inFlight]).toEqual([1, 0]), { interval: 1 });
          expect(bodies[0]).toBe(whole.toString('latin1'));
          expect(shadow.mirrors.heldBytes).toBe(0);
        },
      ),
      { numRuns: 40 },
    );
    // It was kept all the time.
    expect(target.accepted).toBe(1);
  });

  test('that comes byte by byte costs no more than another', (t) => {
    const shadow = startMirrors(t, ['127.0.0.1']);
    const recording = shadow.begin(aHead({ method: 'POST', contentLength: -1 }))!;
    const byte = Buffer.from('x');
    for (let count = 0; count < mirrorLimits.bodyBytes; count++) recording.onBody(byte);
    expect(shadow.mirrors.heldBytes).toBe(mirrorLimits.bodyBytes);
  });
});

describe('a copy is dropped, and all it held is released,', () => {
  test('where 64 are on their way, be they recorded, sent or answered', async (t) => {
    const targets = await Promise.all(Array.from({ length: 9 }, () => startRawTarget(t)));
    const shadow = startMirrors(
      t,
      targets.map(({ address }) => address),
    );
    const recordings = Array.from({ length: 10 }, () => shadow.begin(aHead({ method: 'POST', contentLength: 10 }))!);
    for (let count = 0; count < 70; count++) shadow.begin(aHead());
    expect(shadow.reported()).toMatchObject([{ inFlight: 64, dropped: { concurrency: 16 } }]);
    await shadow.reports([{ inFlight: 64, sent: 54 }]);
    recordings[0]!.abandon();
    expect(shadow.mirrors.inFlight).toBe(63);
    shadow.begin(aHead());
    shadow.begin(aHead());
    expect(shadow.reported()).toMatchObject([{ inFlight: 64, dropped: { concurrency: 17, incomplete: 1 } }]);
    shadow.tick(mirrorLimits.timeMs);
    expect(shadow.reported()).toMatchObject([{ inFlight: 0, dropped: { concurrency: 17, incomplete: 1, timeout: 64 } }]);
    for (const target of targets) await target.closedDownTo(0);
  });

  test('where eight are on their way to the target, and eight wait for them', async (t) => {
    const target = await startRawTarget(t);
    const shadow = startMirrors(t, [target.address]);
    for (let count = 0; count < 19; count++) shadow.begin(aHead({ target: `/${count}` }));
    await shadow.reports([{ sent: 8, inFlight: 16, dropped: { busy: 3 } }]);
    const first = await target.peer(0);
    first.send(ok);
    await shadow.reports([{ sent: 9, inFlight: 15, dropped: { busy: 3 } }]);
    await first.contains('GET /8 ');
    shadow.begin(aHead());
    shadow.begin(aHead());
    await shadow.reports([{ sent: 9, inFlight: 16, dropped: { busy: 4 } }]);
    // A connection that breaks leaves its place to a new one.
    (await target.peer(1)).reset();
    await (await target.peer(8)).contains('GET /9 ');
    await shadow.reports([{ sent: 10, inFlight: 15, dropped: { busy: 4, reset: 1 } }]);
    first.send(ok);
    await first.contains('GET /10 ');
    expect(target.accepted).toBe(9);
    shadow.tick(mirrorLimits.timeMs);
    expect(shadow.reported()).toMatchObject([{ inFlight: 0, dropped: { busy: 4, reset: 1, timeout: 14 } }]);
    // Nobody is left in the line.
    for (let count = 0; count < 16; count++) shadow.begin(aHead());
    await shadow.reports([{ sent: 19, inFlight: 16, dropped: { busy: 4, reset: 1, timeout: 14 } }]);
  });

  test('where a target with copies waiting for it refuses the connection, all of them at once', async (t) => {
    const shadow = startMirrors(t, [{ host: '127.0.0.1', port: await deadPort() }]);
    for (let count = 0; count < 16; count++) shadow.begin(aHead());
    await shadow.reports([{ sent: 0, inFlight: 0, dropped: { connect_failed: 16 } }]);
  });

  test('where its body is larger than what is kept of one, be that known beforehand or not', async (t) => {
    const target = await startTarget(t, (incoming, outgoing) => incoming.resume().on('end', () => outgoing.end()));
    const shadow = startMirrors(t, [target.address]);
    const most = Buffer.alloc(mirrorLimits.bodyBytes, 'x');
    expect(shadow.begin(aHead({ method: 'POST', contentLength: most.length + 1 }))).toBeUndefined();
    expect(shadow.reported()).toMatchObject([{ sent: 0, inFlight: 0, dropped: { body_too_large: 1 } }]);

    const growing = shadow.begin(aHead({ method: 'POST', contentLength: -1 }))!;
    growing.onBody(most);
    expect(shadow.mirrors.heldBytes).toBe(most.length);
    growing.onBody(Buffer.from('y'));
    expect(shadow.mirrors.heldBytes).toBe(0);
    growing.onBody(most);
    growing.onEnd();
    expect(shadow.mirrors.heldBytes).toBe(0);
    expect(shadow.reported()).toMatchObject([{ sent: 0, inFlight: 0, dropped: { body_too_large: 2 } }]);

    shadow.sendBody(shadow.begin(aHead({ method: 'POST', contentLength: most.length })), most.toString());
    shadow.sendBody(shadow.begin(aHead({ method: 'POST', contentLength: -1 })), most.toString());
    await shadow.reports([{ sent: 2, inFlight: 0, dropped: { body_too_large: 2 } }]);
    expect(shadow.mirrors.heldBytes).toBe(0);
  });

  test('where the others hold all the memory', (t) => {
    const shadow = startMirrors(t, ['127.0.0.1'], { limits: { memoryBytes: 100_000 } });
    const part = Buffer.alloc(40_000);
    const [first, second, third] = Array.from({ length: 3 }, () => shadow.begin(aHead({ method: 'POST', contentLength: 40_000 }))!);
    first!.onBody(part);
    second!.onBody(part);
    third!.onBody(part);
    expect(shadow.reported()).toMatchObject([{ inFlight: 2, dropped: { memory: 1 } }]);
    expect(shadow.mirrors.heldBytes).toBe(80_000);
    first!.abandon();
    shadow.begin(aHead({ method: 'POST', contentLength: 40_000 }))!.onBody(part);
    expect(shadow.mirrors.heldBytes).toBe(80_000);
    expect(shadow.reported()).toMatchObject([{ inFlight: 2, dropped: { memory: 1, incomplete: 1 } }]);
  });

  test('where the pool has no available target', (t) => {
    const shadow = startMirrors(t, []);
    expect(shadow.begin(aHead({ method: 'POST', contentLength: 5 }))).toBeUndefined();
    expect(shadow.reported()).toMatchObject([{ sent: 0, inFlight: 0, dropped: { no_target: 1 } }]);
  });

  test('where the client for copies does not send such a request, and others are none the worse for it', async (t) => {
    const target = await startRawTarget(t, answering);
    const shadow = startMirrors(t, [target.address]);
    const refused = [
      aHead({ method: 'OPTIONS', target: '*' }),
      aHead({ target: '/a\u0100' }),
      aHead({ fields: 'Keep-Alive: 5\r\n' }),
      aHead({ fields: 'Bad\u0001: 5\r\n' }),
      aHead({ fields: 'X: \u0001\r\n' }),
    ];
    for (let count = 0; count < 50; count++) shadow.begin(refused[count % refused.length]!);
    await shadow.reports([{ sent: 0, inFlight: 0, dropped: { invalid: 50 } }]);
    shadow.begin(aHead());
    await shadow.reports([{ sent: 1, inFlight: 0, dropped: { invalid: 50 } }]);
  });

  test('where its request is cut off', async (t) => {
    const target = await startRawTarget(t, answering);
    const shadow = startMirrors(t, [target.address]);
    const recording = shadow.begin(aHead({ method: 'POST', contentLength: 10 }))!;
    recording.onBody(Buffer.from('hello'));
    recording.abandon();
    expect(shadow.mirrors.heldBytes).toBe(0);
    recording.onEnd();
    shadow.begin(aHead());
    await shadow.reports([{ sent: 1, inFlight: 0, dropped: { incomplete: 1 } }]);
  });

  test('not any more where the copy is whole already', async (t) => {
    const target = await startRawTarget(t, answering);
    const shadow = startMirrors(t, [target.address]);
    const recording = shadow.begin(aHead({ method: 'POST', contentLength: 5 }))!;
    recording.onBody(Buffer.from('hello'));
    recording.onEnd();
    recording.abandon();
    await shadow.reports([{ sent: 1, inFlight: 0, dropped: {} }]);
  });

  test('where the target refuses the connection, which is not tried again for a second', async (t) => {
    const port = await deadPort();
    const shadow = startMirrors(t, [{ host: '127.0.0.1', port }]);
    shadow.begin(aHead());
    await shadow.reports([{ sent: 0, inFlight: 0, dropped: { connect_failed: 1 } }]);
    const target = await startTarget(t, (_incoming, outgoing) => outgoing.end());
    shadow.moveTo([target.address]);
    shadow.begin(aHead());
    await shadow.reports([{ sent: 1, inFlight: 0, dropped: { connect_failed: 1 } }]);

    await new Promise<void>((resolve) => target.server.close(() => resolve()).closeAllConnections());
    shadow.begin(aHead());
    await shadow.reports([{ dropped: { connect_failed: 2 }, inFlight: 0 }]);
    await new Promise<void>((resolve) => target.server.listen(target.port, '127.0.0.1', resolve));
    shadow.tick(mirrorLimits.pauseMs - 1);
    shadow.begin(aHead());
    await shadow.reports([{ sent: 1, dropped: { connect_failed: 3 }, inFlight: 0 }]);
    shadow.tick(mirrorLimits.pauseMs);
    shadow.begin(aHead());
    await shadow.reports([{ sent: 2, dropped: { connect_failed: 3 }, inFlight: 0 }]);
  });

  test.for([
    ['has not arrived', silentPort, (recording: Recording) => recording.onBody(Buffer.alloc(1000)), 0],
    ['cannot be connected', deafPort, (recording: Recording) => finish(recording, 1000), 0],
    ['is not answered', silentPort, (recording: Recording) => finish(recording, 1000), 1],
    ['is not read', unreadPort, (recording: Recording) => finish(recording, mirrorLimits.bodyBytes), 1],
    ['is answered bit by bit', drippingPort, (recording: Recording) => finish(recording, 1000), 1],
  ] as const)('that %s within five seconds', async ([, portOf, feed, sent], t) => {
    const shadow = startMirrors(t, [{ host: '127.0.0.1', port: await portOf(t) }]);
    feed(shadow.begin(aHead({ method: 'POST', contentLength: -1 }))!);
    await shadow.reports([{ sent, inFlight: 1 }]);
    shadow.tick(mirrorLimits.timeMs - 1);
    expect(shadow.reported()).toMatchObject([{ inFlight: 1, dropped: {} }]);
    expect(shadow.mirrors.heldBytes).toBeGreaterThan(0);
    shadow.tick(mirrorLimits.timeMs);
    expect(shadow.reported()).toMatchObject([{ sent, inFlight: 0, dropped: { timeout: 1 } }]);
    expect(shadow.mirrors.heldBytes).toBe(0);
  });

  test('and a connect that takes too long is broken off; the next copy tries again', async (t) => {
    const sockets: Socket[] = [];
    const onSocket = (message: unknown) => void sockets.push((message as { readonly socket: Socket }).socket);
    const shadow = startMirrors(t, [{ host: '127.0.0.1', port: await deafPort(t) }]);
    subscribe('net.client.socket', onSocket);
    t.onTestFinished(() => void unsubscribe('net.client.socket', onSocket));
    shadow.begin(aHead());
    await vi.waitFor(() => expect(sockets.map(({ connecting }) => connecting)).toEqual([true]), { interval: 2 });
    shadow.tick(mirrorLimits.timeMs);
    expect(sockets.map(({ destroyed }) => destroyed)).toEqual([true]);
    await settle();
    shadow.begin(aHead());
    await vi.waitFor(() => expect(sockets.map(({ destroyed }) => destroyed)).toEqual([true, false]), { interval: 2 });
    expect(shadow.reported()).toMatchObject([{ sent: 0, inFlight: 1, dropped: { timeout: 1 } }]);
  });

  test('where the target breaks off eight in a row, it is left alone for a second', async (t) => {
    const target = await startRawTarget(t, (peer) => void peer.socket.once('data', () => peer.reset()));
    const shadow = startMirrors(t, [target.address]);
    for (let sent = 1; sent <= 8; sent++) {
      shadow.begin(aHead());
      await shadow.reports([{ sent, inFlight: 0, dropped: { reset: sent } }]);
    }
    for (let count = 0; count < 5; count++) shadow.begin(aHead());
    await shadow.reports([{ sent: 8, inFlight: 0, dropped: { reset: 8, connect_failed: 5 } }]);
    shadow.tick(mirrorLimits.pauseMs);
    shadow.begin(aHead());
    await shadow.reports([{ sent: 9, inFlight: 0, dropped: { reset: 9, connect_failed: 5 } }]);
    expect(target.accepted).toBe(9);
  });

  test.for([
    ['resets', (peer: Peer) => peer.reset()],
    ['closes', (peer: Peer) => peer.end()],
    ['says something that is not HTTP', (peer: Peer) => peer.send('hello\r\n\r\n')],
    ['closes in the middle of the head', (peer: Peer) => (peer.send('HTTP/1.1 200 OK\r\nCont'), peer.end())],
    ['closes in the middle of the body', (peer: Peer) => (peer.send('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell'), peer.end())],
    ['resets in the middle of the body', (peer: Peer) => (peer.send('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell'), peer.reset())],
    ['changes the protocol', (peer: Peer) => peer.send('HTTP/1.1 101 OK\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n')],
    ['sends a head without end', (peer: Peer) => peer.send(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(100_000)}`)],
  ] as const)('where the target %s, and it is never sent again', async ([, misbehave], t) => {
    const target = await startRawTarget(
      t,
      (peer) =>
        void peer.contains('\r\n\r\n').then(
          () => misbehave(peer),
          () => {},
        ),
    );
    const shadow = startMirrors(t, [target.address]);
    shadow.begin(aHead());
    await shadow.reports([{ sent: 1, inFlight: 0, dropped: { reset: 1 } }]);
    await target.closedDownTo(0);
    shadow.sendBody(shadow.begin(aHead({ method: 'POST', contentLength: 5 })), 'hello');
    await shadow.reports([{ sent: 2, inFlight: 0, dropped: { reset: 2 } }]);
    await target.closedDownTo(0);
    expect(shadow.mirrors.heldBytes).toBe(0);
    expect(target.accepted).toBe(2);
  });

  test('when the worker stops', async (t) => {
    const target = await startRawTarget(t);
    const shadow = startMirrors(t, [target.address, target.address, { host: '127.0.0.1', port: await deafPort(t) }]);
    shadow.begin(aHead());
    await shadow.reports([{ sent: 1 }]);
    const recording = shadow.begin(aHead({ method: 'POST', contentLength: -1 }))!;
    recording.onBody(Buffer.from('hello'));
    shadow.begin(aHead());
    shadow.mirrors.close();
    expect(shadow.reported()).toMatchObject([{ sent: 1, inFlight: 0, dropped: { incomplete: 3 } }]);
    expect(shadow.mirrors.heldBytes).toBe(0);
    await target.closedDownTo(0);
    expect(shadow.begin(aHead())).toBeUndefined();
    recording.onEnd();
    expect(shadow.reported()).toMatchObject([{ sent: 1, inFlight: 0, dropped: { incomplete: 3 } }]);
  });
});

describe('a connection', () => {
  test('carries one copy after the other', async (t) => {
    const target = await startRawTarget(t, answering);
    const shadow = startMirrors(t, [target.address]);
    for (let count = 1; count <= 10; count++) {
      shadow.begin(aHead({ target: `/${count}` }));
      await shadow.reports([{ sent: count, inFlight: 0 }]);
    }
    expect(target.accepted).toBe(1);
  });

  test.for([
    ['is closed by the target with the answer', 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok'],
    ['has a longer answer than is read', `HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n${'x'.repeat(100_000)}`],
    ['has an answer without end', `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n20000\r\n${'x'.repeat(0x20000)}`],
  ])('that %s is not used again, and nothing counts as dropped', async ([, answer], t) => {
    const target = await startRawTarget(
      t,
      (peer) =>
        void peer.contains('\r\n\r\n').then(
          () => peer.send(answer!),
          () => {},
        ),
    );
    const shadow = startMirrors(t, [target.address]);
    shadow.begin(aHead());
    await shadow.reports([{ sent: 1, inFlight: 0, dropped: {} }]);
    await target.closedDownTo(0);
    shadow.begin(aHead());
    await shadow.reports([{ sent: 2, inFlight: 0, dropped: {} }]);
    expect(target.accepted).toBe(2);
  });

  test('goes on after an answer of 64 KiB, with interim answers before it', async (t) => {
    const answer = `HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 65536\r\n\r\n${'x'.repeat(65_536)}`;
    const target = await startRawTarget(t, (peer) => peer.socket.on('data', () => peer.send(answer)));
    const shadow = startMirrors(t, [target.address]);
    for (let count = 1; count <= 3; count++) {
      shadow.begin(aHead());
      await shadow.reports([{ sent: count, inFlight: 0, dropped: {} }]);
    }
    expect(target.accepted).toBe(1);
  });

  test('that is idle is closed when the worker stops', async (t) => {
    const target = await startRawTarget(t, answering);
    const shadow = startMirrors(t, [target.address]);
    shadow.begin(aHead());
    await shadow.reports([{ sent: 1, inFlight: 0 }]);
    expect(target.open).toBe(1);
    shadow.mirrors.close();
    await target.closedDownTo(0);
  });

  test('that nobody uses is given up, and so is the address', async (t) => {
    const target = await startRawTarget(t, answering);
    const shadow = startMirrors(t, [target.address]);
    shadow.begin(aHead());
    await shadow.reports([{ sent: 1, inFlight: 0 }]);
    shadow.tick(mirrorLimits.idleMs - 1);
    await settle();
    expect(target.open).toBe(1);
    expect(shadow.mirrors.addresses).toBe(1);
    shadow.tick(mirrorLimits.idleMs);
    expect(shadow.mirrors.addresses).toBe(0);
    await target.closedDownTo(0);
    shadow.begin(aHead());
    await shadow.reports([{ sent: 2, inFlight: 0 }]);
  });
});

describe('the counts', () => {
  test('are there from the revision that names a mirror, and stay when it is gone', async (t) => {
    const target = await startRawTarget(t, answering);
    const shadow = startMirrors(t, [target.address]);
    expect(shadow.reported()).toEqual([]);
    shadow.mirrors.prepare([shadow.service]);
    expect(shadow.reported()).toEqual([{ pool: 'p0', sent: 0, dropped: {}, inFlight: 0 }]);
    shadow.begin(aHead());
    await shadow.reports([{ sent: 1, inFlight: 0 }]);
    shadow.mirrors.prepare([]);
    expect(shadow.reported()).toEqual([{ pool: 'p0', sent: 1, dropped: {}, inFlight: 0 }]);
    expect(shadow.mirrors.report('other')).toEqual([]);
  });

  test('of mirrors that are long gone are forgotten in the end, oldest first, but not while a copy is on its way', async (t) => {
    const target = await startRawTarget(t);
    const shadow = startMirrors(t, [target.address]);
    shadow.begin(aHead());
    const rename = (id: string) => ({ id, pools: [{ id: 'shadow' }], policy: { mirrors: [{ pool: 0, share: 1, unsafe: false }] } });
    for (let number = 0; number < 1005; number++) shadow.mirrors.prepare([rename(`s${number}`)]);
    const known = Array.from({ length: 1005 }, (_, number) => shadow.mirrors.report(`s${number}`).length);
    expect(known.indexOf(1)).toBe(5);
    expect(known.reduce((sum, count) => sum + count)).toBe(1000);
    expect(shadow.reported()).toMatchObject([{ inFlight: 1 }]);
  });

  test('add up, whatever shadows do: each copy is over in the end, once', async (t) => {
    const whims = randomNumbers(7);
    const target = await startRawTarget(t, (peer) =>
      peer.socket.on('data', () => {
        const whim = Math.floor(whims() * 6);
        if (whim === 0) peer.reset();
        else if (whim === 1) peer.end();
        else if (whim === 2) peer.send('nonsense');
        else if (whim === 3) peer.send(ok + ok);
        else if (whim === 4) peer.send(ok);
      }),
    );
    const shadow = startMirrors(t, [target.address, { host: '127.0.0.1', port: await deadPort() }, undefined, target.address]);
    let begun = 0;
    for (let round = 0; round < 40; round++) {
      for (let count = 0; count < 10; count++, begun++) {
        const recording = shadow.begin(aHead({ method: 'POST', contentLength: count % 2 === 0 ? 0 : 3 }));
        if (count === 5) recording?.abandon();
        else shadow.sendBody(recording, 'abc');
      }
      await settle();
      shadow.tick(round * 200);
    }
    await vi.waitFor(() => expect(shadow.reported()[0]!.dropped['reset']).toBeGreaterThan(0), { interval: 2 });
    shadow.tick(40 * 200 + mirrorLimits.timeMs);
    expect(shadow.reported()).toMatchObject([{ inFlight: 0 }]);
    expect(shadow.mirrors.heldBytes).toBe(0);
    const { sent, dropped } = shadow.reported()[0]!;
    const { reset = 0, timeout = 0, ...unsent } = dropped;
    const unsentTotal = Object.values(unsent).reduce((sum, count) => sum + count, 0);
    // A time-out may come before a copy was sent, or after.
    expect(sent + unsentTotal).toBeLessThanOrEqual(begun);
    expect(sent + unsentTotal + timeout).toBeGreaterThanOrEqual(begun);
    expect(reset).toBeLessThanOrEqual(sent);
    await target.closedDownTo(0);
  });
});

test('a process without mirrors does not load the client for them', () => {
  const script = `
    import { createRequire } from 'node:module';
    import { Mirrors } from '${fileURLToPath(new URL('../../proxy/mirrors.ts', import.meta.url))}';
    const { cache } = createRequire(import.meta.url);
    const isLoaded = () => Object.keys(cache).some((file) => /[\\\\/]undici[\\\\/]/.test(file));
    const mirrors = new Mirrors({ nowMs: 0 }, Math.random, () => {});
    const service = (mirrors) => ({ id: 's', pools: [{ id: 'p' }], policy: { mirrors } });
    mirrors.prepare([service([])]);
    mirrors.onTick(1);
    await new Promise((resolve) => setImmediate(resolve));
    console.log(isLoaded());
    mirrors.prepare([service([{ pool: 0, share: 1, unsafe: false }])]);
    await import('undici');
    console.log(isLoaded());`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  expect(`${stdout}${stderr}`).toBe('false\ntrue\n');
});

const startMs = 1_000_000;

interface Setup {
  /** Default: one that copies everything. They go to the pools p0, p1 …, each the next one. */
  readonly mirrors?: readonly { readonly share: number; readonly unsafe: boolean }[];
  /** Whether each pool has one of the targets, instead of the first all of them. */
  readonly onePoolEach?: boolean;
  readonly limits?: Partial<MirrorLimits>;
  readonly random?: () => number;
}

type Place = SocketAddress | string | undefined;

/** Mirrors of one service, with a clock that stands still. Requests go to the targets in turn. */
function startMirrors(
  t: TestContext,
  places: readonly Place[],
  { mirrors: wanted = [everything], onePoolEach = false, limits, random = Math.random }: Setup = {},
) {
  const clock = { nowMs: startMs };
  const bugs: unknown[] = [];
  const mirrors = new Mirrors(clock, random, (error) => bugs.push(error), { ...mirrorLimits, ...limits });
  t.onTestFinished(() => {
    mirrors.close();
    expect(bugs).toEqual([]);
  });
  let targets = places;
  let turn = 0;
  const numbered = (list: Setup['mirrors'] = []) => list.map((mirror, pool) => ({ ...mirror, pool }));
  const policy = { mirrors: numbered(wanted) };
  const service = { id: 'shop', pools: Array.from({ length: 9 }, (_, pool) => ({ id: `p${pool}` })), policy };
  const pick = (pool: { readonly id: string }) => {
    const place = onePoolEach ? targets[Number(pool.id.slice(1))] : targets[turn++ % targets.length];
    return place === undefined
      ? undefined
      : { id: 't', destination: plainDestination(typeof place === 'string' ? { host: place, port: 1 } : place) };
  };
  const reported = (): MirrorReport[] => mirrors.report('shop');
  return {
    mirrors,
    service,
    reported,
    begin: (head: RequestHead) => mirrors.begin(service, head, 'x-forwarded-for: 192.0.2.1\r\nvia: 1.1 sluice\r\n', pick),
    setMirrors: (list: Setup['mirrors']) => (policy.mirrors = numbered(list)),
    moveTo: (addresses: readonly SocketAddress[]) => (targets = addresses),
    sendBody(recording: Recording | undefined, ...parts: readonly string[]) {
      for (const part of parts) recording?.onBody(Buffer.from(part, 'latin1'));
      recording?.onEnd();
    },
    /** How many requests were to be copied, where there is no target. */
    turns: () => reported()[0]?.dropped['no_target'] ?? 0,
    /** Moves the clock to so long after the start, and ticks. */
    tick(afterMs: number) {
      clock.nowMs = startMs + afterMs;
      mirrors.onTick(clock.nowMs);
    },
    /** Waits until the report says so. */
    reports: (expected: readonly Partial<MirrorReport>[]) =>
      vi.waitFor(
        () => {
          expect(reported()).toMatchObject(expected);
          for (const [index, { dropped }] of expected.entries())
            if (dropped !== undefined) expect(reported()[index]!.dropped).toEqual(dropped);
        },
        { timeout: 4000, interval: 2 },
      ),
  };
}

interface HeadParts {
  readonly method?: string;
  readonly target?: string;
  readonly authority?: string;
  /** Of the request as it came. Content-Length is added. */
  readonly fields?: string;
  /** 0 = no body; -1 = not known beforehand. */
  readonly contentLength?: number;
  readonly upgrade?: string;
}

function aHead({
  method = 'GET',
  target = '/',
  authority = 'shop.example',
  fields = '',
  contentLength = 0,
  upgrade = '',
}: HeadParts = {}): RequestHead {
  const all = contentLength > 0 ? `${fields}Content-Length: ${contentLength}\r\n` : fields;
  return {
    method,
    target,
    authority,
    fields: all,
    framing: contentLength === 0 ? Framing.none : contentLength > 0 ? Framing.length : Framing.stream,
    contentLength: Math.max(0, contentLength),
    expectsContinue: false,
    upgrade,
    version: '1.1',
    host: authority,
    path: target,
    header: (name) => fieldValue(all, name),
    queryValue: () => undefined,
    cookie: () => undefined,
  };
}

/** Answers each request without a body, as soon as its head is there. */
function answering(peer: Peer): void {
  let answered = 0;
  peer.socket.on('data', () => {
    for (const heads = peer.text.split('\r\n\r\n').length - 1; answered < heads; answered++) peer.send(ok);
  });
}

function finish(recording: Recording, bytes: number): void {
  recording.onBody(Buffer.alloc(bytes));
  recording.onEnd();
}

async function silentPort(t: TestContext): Promise<number> {
  return (await startRawTarget(t)).port;
}

async function unreadPort(t: TestContext): Promise<number> {
  return (await startRawTarget(t, (peer) => peer.pause())).port;
}

async function drippingPort(t: TestContext): Promise<number> {
  const target = await startRawTarget(t, (peer) => {
    peer.send('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n');
    peer.socket.on('data', () => peer.send('x'));
  });
  return target.port;
}

/** Numbers in [0, 1) that are the same each time (Marsaglia, Xorshift RNGs, 2003). */
function randomNumbers(seed: number): () => number {
  let state = seed | 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
