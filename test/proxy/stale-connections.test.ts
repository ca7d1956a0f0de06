import { describe, expect, test, type TestContext } from 'vitest';
import { UpstreamRoom } from '../../proxy/entrance/admission.ts';
import { Http1Connector } from '../../proxy/http1/connector.ts';
import { plainDestination } from '../../proxy/http1/destination.ts';
import { Http1RequestHead } from '../../proxy/http1/request-head.ts';
import type { RequestHead } from '../../proxy/message.ts';
import type { UpstreamEvents } from '../../proxy/sides.ts';
import { startProxy } from '../support/data-plane.ts';
import { startRawTarget } from '../support/target.ts';

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const okFor = (seconds: number) => `HTTP/1.1 200 OK\r\nKeep-Alive: timeout=${seconds}\r\nContent-Length: 2\r\n\r\nok`;
const request: RequestHead = Object.assign(new Http1RequestHead(), { method: 'GET', target: '/', authority: 'a' });

/** One target and its connections, by clocks that the test sets. Ticks come when it says so. */
async function kept(t: TestContext, answer: string) {
  const target = await startRawTarget(t, (peer) => peer.socket.on('data', () => peer.send(answer)));
  const clock = { nowMs: 0 };
  let exactMs = 0;
  const connector = new Http1Connector(plainDestination(target.address), clock, new UpstreamRoom(Infinity, () => {}), () => exactMs);
  t.onTestFinished(() => connector.close());
  return {
    /** Time passes, and is noticed. */
    pass(ms: number): void {
      exactMs += ms;
      clock.nowMs = exactMs;
    },
    /** Time passes while this process is too busy to look at the clock. */
    passUnnoticed(ms: number): void {
      exactMs += ms;
    },
    tidy: (seconds: number): void => {
      for (let second = 0; second < seconds; second++) connector.tidy();
    },
    /** The target closes its only connection. */
    async close(): Promise<void> {
      const peer = await target.peer(target.accepted - 1);
      peer.end();
      await peer.ended;
    },
    /** Sends a request, leaves the connection idle, and says whether it was kept from before. */
    async isKept(isFragile: boolean): Promise<boolean> {
      const events = new Waiting();
      const upstream = connector.take(events, isFragile);
      const used = upstream ?? connector.open(events);
      if (upstream === undefined) await events.connected.promise;
      used.sendRequest(request, '');
      used.flush();
      await events.answered.promise;
      used.release();
      return upstream !== undefined;
    },
  };
}

class Waiting implements UpstreamEvents {
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

describe('a request that must not be sent twice goes over a kept connection', () => {
  test.for([
    { what: 'where nothing is known of the target', answer: ok, idleMs: 249, isKept: true },
    { what: 'where nothing is known of the target', answer: ok, idleMs: 250, isKept: false },
    { what: 'of a target that says it keeps them for 5 s', answer: okFor(5), idleMs: 3999, isKept: true },
    { what: 'of a target that says it keeps them for 5 s', answer: okFor(5), idleMs: 4000, isKept: false },
    { what: 'of a target that says it keeps them for 1 s', answer: okFor(1), idleMs: 499, isKept: true },
    { what: 'of a target that says it keeps them for 1 s', answer: okFor(1), idleMs: 500, isKept: false },
    { what: 'of a target that says it keeps none', answer: okFor(0), idleMs: 0, isKept: false },
  ])('$what, idle for $idleMs ms: $isKept', async ({ answer, idleMs, isKept }, t) => {
    const target = await kept(t, answer);
    await target.isKept(true);
    target.pass(idleMs);
    expect(await target.isKept(true)).toBe(isKept);
  });

  test('also when the process was busy meanwhile and its coarse clock is behind: by the exact time', async (t) => {
    const target = await kept(t, ok);
    await target.isKept(true);
    target.passUnnoticed(249);
    expect(await target.isKept(true)).toBe(true);
    // Its idle time counts from the last tick, which is longer than it was.
    target.passUnnoticed(1);
    expect(await target.isKept(true)).toBe(false);
  });

  test.for([
    // Seen by a clock that may be behind by a tick of 100 ms: it was kept for 4900 ms at least.
    { closedAfterMs: 5000, longestMs: 3900 },
    { closedAfterMs: 1000, longestMs: 450 },
    { closedAfterMs: 300, longestMs: 100 },
    { closedAfterMs: 50, longestMs: 0 },
  ])('of a target that was seen to close one after $closedAfterMs ms: below $longestMs ms', async ({ closedAfterMs, longestMs }, t) => {
    const target = await kept(t, ok);
    await target.isKept(true);
    target.pass(closedAfterMs);
    await target.close();
    await target.isKept(true);
    if (longestMs > 0) {
      target.pass(longestMs - 1);
      expect(await target.isKept(true)).toBe(true);
    }
    target.pass(longestMs);
    expect(await target.isKept(true)).toBe(false);
  });

  test('as before anything was known, when a time-out was not seen for minutes: never further', async (t) => {
    const target = await kept(t, ok);
    await target.isKept(true);
    target.pass(5000);
    await target.close();
    await target.isKept(true);
    target.tidy(120);
    target.pass(3899);
    expect(await target.isKept(true)).toBe(true);
    target.tidy(120);
    target.pass(250);
    expect(await target.isKept(true)).toBe(false);
    target.pass(249);
    expect(await target.isKept(true)).toBe(true);
  });
});

test('a request that may be sent twice goes over what is older: it is only sent once more if that breaks', async (t) => {
  const target = await kept(t, ok);
  await target.isKept(false);
  target.pass(54_999);
  expect(await target.isKept(false)).toBe(true);
  target.pass(55_000);
  expect(await target.isKept(false)).toBe(false);
});

test.for(['fin', 'reset'] as const)(
  'a POST whose connection breaks as it arrives (%s) is answered 502 and never sent again',
  async (how, t) => {
    let asked = 0;
    const target = await startRawTarget(t, (peer) =>
      peer.socket.on('data', () => {
        if (asked++ === 0) peer.send(ok);
        else if (how === 'fin') peer.end();
        else peer.reset();
      }),
    );
    const proxy = await startProxy(t, { pools: { blue: [target] } });
    const client = await proxy.connect();
    await client.ask('GET / HTTP/1.1');
    const answer = await client.ask('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab');
    expect([answer.status, answer.field('proxy-status')]).toEqual([
      502,
      'sluice; error=connection_terminated; details="connection_terminated"',
    ]);
    expect([asked, target.accepted]).toEqual([2, 1]);
  },
);
