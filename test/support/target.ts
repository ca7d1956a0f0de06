import { createServer as createHttpServer, type RequestListener, type Server as HttpServer } from 'node:http';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import { type TestContext, vi } from 'vitest';
import type { SocketAddress } from '../../src/core/model.ts';
import { Peer } from './raw-client.ts';

/** A server that requests are passed on to, on a free port of 127.0.0.1, closed when the test ends. */
export class TestTarget {
  readonly address: SocketAddress;
  readonly #open: ReadonlySet<Socket>;
  readonly #counter: { accepted: number };

  constructor(port: number, open: ReadonlySet<Socket>, counter: { accepted: number }) {
    this.address = { host: '127.0.0.1', port };
    this.#open = open;
    this.#counter = counter;
  }

  get port(): number {
    return this.address.port;
  }

  /** Connections accepted so far. */
  get accepted(): number {
    return this.#counter.accepted;
  }

  /** Connections open now. */
  get open(): number {
    return this.#open.size;
  }

  /** Resolves when no more than `count` connections are open. */
  async closedDownTo(count: number): Promise<void> {
    await vi.waitFor(
      () => {
        if (this.open > count) throw new Error(`${this.open} connections to the target are open, expected ${count}`);
      },
      { timeout: 5000, interval: 5 },
    );
  }
}

/** A target that speaks HTTP by node:http. */
export async function startTarget(t: TestContext, handler: RequestListener): Promise<TestTarget & { readonly server: HttpServer }> {
  const server = createHttpServer({ keepAliveTimeout: 60_000 }, handler);
  return Object.assign(await listen(t, server), { server });
}

export interface RawTarget extends TestTarget {
  /** The connection with this number, from 0, as soon as it has been made. */
  peer(index: number): Promise<Peer>;
}

/** A target that says, byte for byte, what the test makes it say. */
export async function startRawTarget(t: TestContext, onConnection: (peer: Peer, index: number) => void = () => {}): Promise<RawTarget> {
  const arrivals: PromiseWithResolvers<Peer>[] = [];
  const arrival = (index: number) => (arrivals[index] ??= Promise.withResolvers<Peer>());
  let count = 0;
  const server = createServer({ noDelay: true }, (socket) => {
    const peer = new Peer(socket);
    const index = count++;
    arrival(index).resolve(peer);
    onConnection(peer, index);
  });
  return Object.assign(await listen(t, server), { peer: (index: number) => arrival(index).promise });
}

/** A port of 127.0.0.1 where nobody listens. */
export async function deadPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/**
 * A port of 127.0.0.1 where connections are neither accepted nor refused: somebody listens there who is asleep, and whose queue is full.
 * Linux drops what does not fit, so that the client goes on trying.
 */
export async function deafPort(t: TestContext): Promise<number> {
  const sleeper = new Worker(
    `const { parentPort } = require('node:worker_threads');
     const server = require('node:net').createServer();
     server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
       parentPort.postMessage(server.address().port);
       Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
     });`,
    { eval: true },
  );
  const port = await new Promise<number>((resolve) => sleeper.once('message', resolve));
  // A queue of one holds two.
  const fillers = [connect(port, '127.0.0.1'), connect(port, '127.0.0.1')];
  t.onTestFinished(async () => {
    for (const socket of fillers) socket.destroy();
    await sleeper.terminate();
  });
  await Promise.all(fillers.map((socket) => new Promise((resolve) => socket.on('error', () => {}).once('connect', resolve))));
  return port;
}

/** Listens on a free port of 127.0.0.1 until the test ends. */
export async function listen(t: TestContext, server: Server): Promise<TestTarget> {
  const open = new Set<Socket>();
  const counter = { accepted: 0 };
  server.on('connection', (socket: Socket) => {
    counter.accepted++;
    open.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => open.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.onTestFinished(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  return new TestTarget((server.address() as AddressInfo).port, open, counter);
}
