import { describe, expect, test } from 'vitest';
import { Http1Connector } from '../../proxy/http1/connector.ts';
import { plainDestination } from '../../proxy/http1/destination.ts';
import { Http1RequestHead } from '../../proxy/http1/request-head.ts';
import type { RequestHead } from '../../proxy/message.ts';
import type { UpstreamEvents } from '../../proxy/sides.ts';
import { startProxy } from '../support/data-plane.ts';
import { settle } from '../support/raw-client.ts';
import { startRawTarget, startTarget } from '../support/target.ts';

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';

describe('connections to a target', () => {
  test('are used again: a hundred requests of ten clients, one after the other, need one', async (t) => {
    const target = await startTarget(t, (incoming, outgoing) => incoming.pipe(outgoing));
    const proxy = await startProxy(t, { pools: { blue: [target] } });
    for (let count = 0; count < 10; count++) {
      const client = await proxy.connect();
      for (let request = 0; request < 5; request++) {
        await client.ask('GET / HTTP/1.1');
        await client.ask('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok');
      }
      client.end();
    }
    expect(target.accepted).toBe(1);
  });

  test('are as many as there are requests at once', async (t) => {
    const target = await startRawTarget(t);
    const proxy = await startProxy(t, { pools: { blue: [target] } });
    const clients = await Promise.all(Array.from({ length: 20 }, () => proxy.connect()));
    for (const client of clients) client.send(get);
    for (let index = 0; index < 20; index++) await (await target.peer(index)).contains('\r\n\r\n');
    expect(proxy.report().inFlight).toBe(20);
    for (let index = 0; index < 20; index++) (await target.peer(index)).send(ok);
    for (const client of clients) expect((await client.answer()).status).toBe(200);
    expect(proxy.report().inFlight).toBe(0);
  });

  test('are not used again after an answer that did not end in order', async (t) => {
    const target = await startRawTarget(t, (peer) =>
      peer.socket.on('data', () => peer.send('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nbegin')),
    );
    const proxy = await startProxy(t, { pools: { blue: [target] } });
    for (let index = 0; index < 3; index++) {
      const client = await proxy.connect();
      client.send(get);
      await client.contains('begin');
      client.reset();
      await (
        await target.peer(index)
      ).ended;
    }
    expect(target.accepted).toBe(3);
  });

  test('are dropped before the target closes them, where it says when that is', async (t) => {
    const target = await startRawTarget(t, (peer) =>
      peer.socket.on('data', () => peer.send('HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1, max=100\r\nContent-Length: 2\r\n\r\nok')),
    );
    const proxy = await startProxy(t, { pools: { blue: [target] } });
    const client = await proxy.connect();
    await client.ask('GET / HTTP/1.1');
    // It is closed from here, in order, by the tidying up of every second.
    expect(await (await target.peer(0)).ended).toBe('fin');
    await client.ask('GET / HTTP/1.1');
    expect(target.accepted).toBe(2);
  });

  test('that the target closes while they are idle are forgotten', async (t) => {
    const target = await startRawTarget(t, (peer) => peer.socket.on('data', () => peer.send(ok)));
    const proxy = await startProxy(t, { pools: { blue: [target] } });
    const client = await proxy.connect();
    for (let index = 0; index < 3; index++) {
      expect((await client.ask('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx')).status).toBe(200);
      (await target.peer(index)).end();
      await (
        await target.peer(index)
      ).ended;
    }
    expect(target.accepted).toBe(3);
  });

  test('of each target get their share: requests go round', async (t) => {
    const served = [0, 0, 0];
    const targets = await Promise.all(
      served.map((_, index) =>
        startTarget(t, (_incoming, outgoing) => {
          served[index]!++;
          outgoing.end('ok');
        }),
      ),
    );
    const proxy = await startProxy(t, { pools: { blue: targets } });
    const client = await proxy.connect();
    for (let count = 0; count < 30; count++) await client.ask('GET / HTTP/1.1');
    expect(served).toEqual([10, 10, 10]);
  });
});

describe('when a new revision', () => {
  test('removes a target, its idle connections are closed and what runs there finishes', async (t) => {
    const old = await startRawTarget(t);
    const young = await startTarget(t, (_incoming, outgoing) => outgoing.end('young'));
    const proxy = await startProxy(t, { pools: { blue: [old] } });
    const [first, second] = [await proxy.connect(), await proxy.connect()];
    first.send(get);
    (await old.peer(0)).send(ok);
    await first.answer();
    // One connection is idle, now one is in use as well.
    first.send(get);
    await (await old.peer(0)).contains('GET', 2);
    second.send(get);
    await (await old.peer(1)).contains('GET');
    (await old.peer(0)).send(ok);
    await first.answer();

    proxy.apply({ pools: { blue: [young] } });
    expect(await (await old.peer(0)).ended).toBe('fin');
    expect((await first.ask('GET / HTTP/1.1')).body).toBe('young');

    (await old.peer(1)).send(ok);
    expect((await second.answer()).body).toBe('ok');
    await (
      await old.peer(1)
    ).ended;
    expect((await second.ask('GET / HTTP/1.1')).body).toBe('young');
    expect(old.open).toBe(0);
  });

  test('moves a target to another address, what runs at the old one finishes and what comes goes to the new', async (t) => {
    const old = await startRawTarget(t);
    const young = await startTarget(t, (_incoming, outgoing) => outgoing.end('young'));
    const proxy = await startProxy(t, { pools: { blue: [old] } });
    const client = await proxy.connect();
    client.send(get);
    const peer = await old.peer(0);
    await peer.contains('GET');
    proxy.apply({ pools: { blue: [young] } });
    expect(proxy.report().inFlight).toBe(1);
    peer.send(ok);
    expect((await client.answer()).body).toBe('ok');
    expect((await client.ask('GET / HTTP/1.1')).body).toBe('young');
    await old.closedDownTo(0);
    // It is the same target: its counts go on.
    expect(proxy.report().services[0]!.pools[0]!.targets).toMatchObject([{ id: 't1', inFlight: 0, codes: { 200: 2 } }]);
  });

  test('keeps a target, its connections are kept', async (t) => {
    const target = await startTarget(t, (_incoming, outgoing) => outgoing.end('ok'));
    const proxy = await startProxy(t, { pools: { blue: [target], green: [target] } });
    const client = await proxy.connect();
    for (let count = 0; count < 10; count++) {
      await client.ask('GET / HTTP/1.1');
      proxy.apply({ weights: { blue: 1, green: 0 } });
    }
    expect(target.accepted).toBe(1);
  });
});

/** Hears what a connection tells, and takes part in no exchange. */
class Listening implements UpstreamEvents {
  readonly connected = Promise.withResolvers<void>();
  readonly answered = Promise.withResolvers<void>();
  onConnected(): void {
    this.connected.resolve();
  }
  onResponseEnd(): void {
    this.answered.resolve();
  }
  onTargetFailed(cause: string): void {
    this.answered.reject(new Error(cause));
  }
  onBug(error: unknown): void {
    this.answered.reject(error);
  }
  onInterim(): void {}
  onResponseHead(): void {}
  onResponseBody(): void {}
  onResponseFlush(): void {}
  onTargetReady(): void {}
}

describe('what is learned from a target that closes idle connections', () => {
  const request: RequestHead = Object.assign(new Http1RequestHead(), { method: 'GET', target: '/', authority: 'a' });

  test('keeps requests off connections near that age, and is forgotten in time', async (t) => {
    const target = await startRawTarget(t, (peer) => peer.socket.on('data', () => peer.send(ok)));
    const clock = { nowMs: 0 };
    const connector = new Http1Connector(plainDestination(target.address), clock);
    t.onTestFinished(() => connector.close());
    /** Leaves one idle connection behind, and says whether it is new. */
    const use = async () => {
      const before = target.accepted;
      const events = new Listening();
      const kept = connector.take(events, false);
      const upstream = kept ?? connector.open(events);
      if (kept === undefined) await events.connected.promise;
      upstream.sendRequest(request, '');
      upstream.flush();
      await events.answered.promise;
      upstream.release();
      return target.accepted > before;
    };

    expect(await use()).toBe(true);
    clock.nowMs += 20_000;
    expect(await use()).toBe(false);
    // It closes one that has been idle for five seconds.
    clock.nowMs += 5000;
    const peer = await target.peer(0);
    peer.end();
    await peer.ended;
    expect(await use()).toBe(true);
    clock.nowMs += 3900;
    expect(await use()).toBe(false);
    clock.nowMs += 4100;
    expect(await use()).toBe(true);
    // Five minutes in which nothing of the kind happens.
    for (let second = 0; second < 300; second++) connector.tidy();
    clock.nowMs += 20_000;
    expect(await use()).toBe(false);
  });
});

test('an idle connection is closed for good, although the target does not close its side', async (t) => {
  const target = await startRawTarget(t, (peer) => {
    peer.socket.allowHalfOpen = true;
    peer.socket.on('data', () => peer.send(ok));
  });
  const proxy = await startProxy(t, { pools: { blue: [target] } });
  const client = await proxy.connect();
  await client.ask('GET / HTTP/1.1');
  proxy.apply({ pools: { blue: [] } });
  const peer = await target.peer(0);
  expect(await peer.ended).toBe('fin');
  // Nobody is there any more to whom it could say something.
  while (!peer.socket.destroyed) {
    peer.send('anybody?');
    await settle();
  }
});
