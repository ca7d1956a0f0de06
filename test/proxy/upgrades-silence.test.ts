import fc from 'fast-check';
import { describe, expect, test, type TestContext } from 'vitest';
import { Silence } from '../../proxy/silence.ts';
import { closeFrame } from '../../proxy/websocket-frames.ts';
import { type ProxyOptions, startProxy, type TestProxy } from '../support/data-plane.ts';
import type { Peer } from '../support/raw-client.ts';
import { type RawTarget, startRawTarget } from '../support/target.ts';

const limitMs = 400;
const idleToClient = closeFrame(1001, 'idle timeout').toString('latin1');
const closeOfClient = closeFrame(1001, '', Buffer.alloc(4)).toString('latin1');
const ping = '\x89\0';

interface Opened {
  readonly client: Peer;
  readonly peer: Peer;
}

async function open(proxy: TestProxy, target: RawTarget, protocol = 'websocket'): Promise<Opened> {
  const index = target.accepted;
  const client = await proxy.connect();
  const webSocket = protocol === 'websocket' ? 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n' : '';
  client.send(`GET /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n${webSocket}\r\n`);
  const peer = await target.peer(index);
  await peer.contains('\r\n\r\n');
  peer.send(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n`);
  await client.contains('\r\n\r\n');
  return { client, peer };
}

async function start(t: TestContext, options: ProxyOptions = {}): Promise<{ proxy: TestProxy; target: RawTarget }> {
  const target = await startRawTarget(t);
  return { target, proxy: await startProxy(t, { pools: { blue: [target] }, timeouts: { upgradedMs: limitMs }, ...options }) };
}

/** What a side has sent behind the head of its handshake. */
const said = ({ text }: Peer) => text.slice(text.indexOf('\r\n\r\n') + 4);

/** The code and the reason of a masked close frame. */
function closeIn(frame: string): string {
  const bytes = Buffer.from(frame, 'latin1');
  const payload = bytes.subarray(6).map((byte, index) => byte ^ bytes[2 + (index % 4)]!);
  return `${payload[0]! * 256 + payload[1]!} ${Buffer.from(payload.subarray(2)).toString()}`;
}

describe.concurrent('an upgraded connection on which nothing passes', () => {
  test('is closed, where it is a WebSocket: both sides hear 1001, idle timeout', async (t) => {
    const { proxy, target } = await start(t);
    const { client, peer } = await open(proxy, target);
    await client.contains(idleToClient);
    client.send(closeOfClient);
    expect(await peer.ended).toBe('fin');
    expect(closeIn(said(peer))).toBe('1001 idle timeout');
    expect(await client.ended).toBe('fin');
    expect(said(client)).toBe(idleToClient);
    expect(await proxy.logged(() => true)).toMatchObject({ status: 101, cause: 'upgrade_idle' });
  });

  test('gets FIN on both sides where it is something else', async (t) => {
    const { proxy, target } = await start(t);
    const { client, peer } = await open(proxy, target, 'echo');
    expect([await client.ended, await peer.ended]).toEqual(['fin', 'fin']);
    expect([said(client), said(peer)]).toEqual(['', '']);
    expect(await proxy.logged(() => true)).toMatchObject({ status: 101, cause: 'upgrade_idle' });
  });

  test('is cut where a frame stands still in its middle', async (t) => {
    const { proxy, target } = await start(t);
    const { client, peer } = await open(proxy, target);
    peer.send('\x81\x05he');
    await client.ended;
    expect(said(client)).toBe('\x81\x05he');
    expect(await proxy.logged(() => true)).toMatchObject({ status: 101, cause: 'upgrade_idle' });
    await peer.ended;
  });

  test('is cut where nothing passes because its client takes nothing', async (t) => {
    const { proxy, target } = await start(t);
    const { client, peer } = await open(proxy, target, 'echo');
    client.pause();
    peer.send(Buffer.alloc(30_000_000));
    expect(await proxy.logged(() => true)).toMatchObject({ status: 101, cause: 'upgrade_idle' });
    await peer.ended;
  });

  test.for(['client', 'target'] as const)('lives as long as its %s sends a sign of life', async (from, t) => {
    const { proxy, target } = await start(t, { timeouts: { upgradedMs: 1000 } });
    const talking = await open(proxy, target);
    const [speaker, listener] = from === 'client' ? [talking.client, talking.peer] : [talking.peer, talking.client];
    const signs = setInterval(() => speaker.send(ping), 50);
    t.onTestFinished(() => clearInterval(signs));
    // Whoever came later and is silent is gone twice over.
    for (let round = 0; round < 2; round++) {
      const silent = await open(proxy, target);
      await silent.client.contains(idleToClient);
      silent.client.send(closeOfClient);
      await silent.client.ended;
    }
    const before = said(listener).length;
    await listener.contains(ping, before / ping.length + 2);
    expect(said(talking.client)).not.toContain(idleToClient);
  });

  test('stays where there is no limit, whatever `timeouts.idle` says', async (t) => {
    const { proxy, target } = await start(t, { timeouts: { upgradedMs: 0, idleMs: 50 } });
    const { client, peer } = await open(proxy, target);
    proxy.apply({ timeouts: { upgradedMs: limitMs } });
    const other = await open(proxy, target);
    await other.client.contains(idleToClient);
    client.send('still');
    await peer.contains('still');
    expect(said(client)).toBe('');
  });
});

test('a silence is noticed within an eighth of its limit, and never before it', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 100, max: 100_000 }),
      fc.array(fc.integer({ min: 1, max: 90 }), { maxLength: 20 }),
      fc.integer({ min: 1, max: 100 }),
      (limit, gaps, tickPercent) => {
        // Ticks of up to a thirtieth of the limit, and something passes after gaps of so many per cent of it.
        const tickMs = (limit * tickPercent) / 3000;
        const silence = new Silence(limit, 0);
        let nowMs = 0;
        let bytes = 0;
        let heardMs = 0;
        const upcoming = gaps.map((percent) => (percent * limit) / 100);
        for (;;) {
          nowMs += tickMs;
          while (upcoming.length > 0 && heardMs + upcoming[0]! <= nowMs) {
            heardMs += upcoming.shift()!;
            bytes++;
          }
          if (silence.isDue(nowMs) && silence.isTooLong(bytes, nowMs)) break;
        }
        expect(upcoming).toEqual([]);
        expect(nowMs - heardMs).toBeGreaterThanOrEqual(limit * 0.999);
        expect(nowMs - heardMs).toBeLessThanOrEqual(limit * (1 + 1 / 8) + 3 * tickMs);
      },
    ),
  );
});
