import { describe, expect, test, vi } from 'vitest';
import { startProxy } from '../support/data-plane.ts';
import type { Peer } from '../support/raw-client.ts';
import { startRawTarget } from '../support/target.ts';

const mebibyte = 1024 ** 2;
/** What two connections can hold in the system's buffers (4 MiB to send and 6 to 32 to receive each, where they may grow) and the proxy. */
const stuckMax = 96 * mebibyte;

/** Writes for ever, as fast as the other side takes it, and counts. */
class Flood {
  written = 0;
  readonly #peer: Peer;
  readonly #piece = Buffer.alloc(65_536, 'x');

  constructor(peer: Peer) {
    this.#peer = peer;
    peer.socket.on('drain', () => this.#write());
    this.#write();
  }

  /** Resolves when it can write no more: the system takes nothing for a while, whatever else goes on. */
  async stuck(): Promise<number> {
    for (let before = -1; before !== this.written;) {
      before = this.written;
      await new Promise((resolve) => void setTimeout(resolve, 200));
    }
    return this.written;
  }

  #write(): void {
    do {
      if (!this.#peer.socket.writable || this.written > 4 * stuckMax) return;
      this.written += this.#piece.length;
    } while (this.#peer.socket.write(this.#piece));
  }
}

describe('bytes that nobody takes do not gather in the proxy', () => {
  test('when the client does not read, the target cannot go on writing; when it reads, the target can', async (t) => {
    const target = await startRawTarget(t);
    const proxy = await startProxy(t, { pools: { blue: [target] } });
    const client = await proxy.connect();
    client.socket.removeAllListeners('data');
    client.pause();
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    const peer = await target.peer(0);
    await peer.contains('\r\n\r\n');
    const before = process.memoryUsage().arrayBuffers;
    peer.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffff\r\n');
    const flood = new Flood(peer);
    const stuckAt = await flood.stuck();
    expect(stuckAt).toBeLessThan(stuckMax);
    // Client, proxy and target are one process here: this counts what all three hold, but for what the system holds for them.
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * mebibyte);

    client.resume();
    await vi.waitFor(() => expect(flood.written).toBeGreaterThan(2 * stuckAt), { timeout: 20_000 });
    client.reset();
    await peer.ended;
  });

  test('when the target does not read, the client cannot go on writing; when it reads, the client can', async (t) => {
    const target = await startRawTarget(t, (peer) => {
      peer.socket.removeAllListeners('data');
      peer.pause();
    });
    const proxy = await startProxy(t, { pools: { blue: [target] } });
    const client = await proxy.connect();
    const before = process.memoryUsage().arrayBuffers;
    client.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffff\r\n');
    const flood = new Flood(client);
    const stuckAt = await flood.stuck();
    expect(stuckAt).toBeLessThan(stuckMax);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * mebibyte);

    const peer = await target.peer(0);
    peer.resume();
    await vi.waitFor(() => expect(flood.written).toBeGreaterThan(2 * stuckAt), { timeout: 20_000 });
    client.reset();
    await peer.ended;
  });

  test('when a client sends request after request and reads no answer, it is served no further; when it reads, it is', async (t) => {
    const body = 'x'.repeat(50_000);
    let asked = 0;
    const target = await startRawTarget(t, (peer) => {
      peer.socket.on('data', (chunk: Buffer) => {
        asked += chunk.toString('latin1').split('GET ').length - 1;
        peer.send(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
      });
    });
    const proxy = await startProxy(t, { pools: { blue: [target] } });
    const client = await proxy.connect();
    client.socket.removeAllListeners('data');
    client.pause();
    const count = 3000;
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(count));
    for (let before = -1; before !== asked;) {
      before = asked;
      await new Promise((resolve) => void setTimeout(resolve, 200));
    }
    expect(asked).toBeLessThan(stuckMax / body.length);
    client.resume();
    await vi.waitFor(() => expect(proxy.lines).toHaveLength(count), { timeout: 20_000 });
  });
});

describe('a client that reads slowly gets all of its answer', () => {
  test.concurrent.for([
    ['and its connection was its last', 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'],
    ['and its connection may go idle', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['and it speaks HTTP/1.0', 'GET / HTTP/1.0\r\n\r\n'],
  ] as const)('although the target has long finished, %s', async ([, request], t) => {
    const bodies: Buffer[] = [];
    const target = await startRawTarget(t, (peer, index) => {
      if (index === 0) return;
      peer.socket.once('data', () => {
        const body = bodies[index - 1]!;
        peer.send(`HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n`);
        peer.send(body);
      });
    });
    // Time-outs that would fire if the tail of an answer did not count as something going on.
    const proxy = await startProxy(t, { pools: { blue: [target] }, listenerTimeouts: { keepAliveMs: 1000, headMs: 1000 } });

    // How much the proxy takes for a client that reads nothing: what the system holds for that client, and a rest that it holds itself.
    const first = await proxy.connect();
    first.pause();
    first.send(request);
    const peer = await target.peer(0);
    await peer.contains('\r\n\r\n');
    peer.send('HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n');
    await new Flood(peer).stuck();
    first.reset();
    const { bytes } = await proxy.logged(() => true);

    // Among answers a little shorter there are some that end while the system takes no more, so that their ends wait in the proxy.
    const clients: { readonly end: Peer; received: number }[] = [];
    for (const shorter of [300, 1000, 4000, 16_000, 64_000, 128_000]) {
      const client = { end: await proxy.connect(), received: 0 };
      client.end.socket.removeAllListeners('data').on('data', (chunk: Buffer) => (client.received += chunk.length));
      client.end.pause();
      bodies.push(Buffer.alloc(bytes - shorter));
      client.end.send(request);
      await (await target.peer(clients.push(client))).contains('\r\n\r\n');
    }
    // Longer than a client may linger.
    await new Promise((resolve) => void setTimeout(resolve, 2500));
    for (const { end } of clients) end.resume();
    for (const [index, client] of clients.entries()) {
      expect(await client.end.ended).toBe('fin');
      expect(client.received).toBeGreaterThan(bodies[index]!.length);
    }
  });
});
