import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { Listener, SocketAddress } from '../src/core/model.ts';
import type { Exchange } from './exchange.ts';
import { type DownstreamOwner, Http1Downstream, turnAway } from './http1/downstream.ts';
import type { Plane } from './plane.ts';

/** Connections that the system queues for us while we are busy. */
const backlog = 4096;

/** How long a connection that was turned away may take to read why, and how many may do so at once. */
const turnedAwayMs = 2000;
const turnedAwayMax = 256;

/** Takes a new connection elsewhere, or leaves it. */
type HandOver = (socket: Socket, listener: string) => boolean;

/** One listening socket and the client connections that came in by it. */
export class ListeningSocket implements DownstreamOwner {
  /** Limits and time-outs; a new revision may replace them. The address stays. */
  listener: Listener;
  readonly #plane: Plane;
  readonly #server: Server;
  readonly #connections = new Set<Http1Downstream>();
  readonly #perClient = new Map<string, number>();
  /** Until when each is kept, on the coarse clock. */
  readonly #turnedAway = new Map<Socket, number>();

  constructor(plane: Plane, listener: Listener, handOver: HandOver | undefined) {
    this.#plane = plane;
    this.listener = listener;
    // A connection that may go to another worker must not be read from first.
    const options = { noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000, pauseOnConnect: handOver !== undefined };
    this.#server = createServer(options, (socket) => {
      if (handOver?.(socket, this.listener.name) !== true) this.accept(socket);
    });
  }

  get connections(): number {
    return this.#connections.size;
  }

  /** Resolves with where it listens, which tells the port that the system chose for port 0. `descriptor`: of a socket that is bound. */
  async open(descriptor: number | undefined): Promise<SocketAddress> {
    const { host, port } = this.listener.address;
    await new Promise<void>((resolve, reject) => {
      // The system does not say where, if all that it was given is a descriptor.
      const fail = (error: Error) => reject(Object.assign(error, { address: host, port }));
      this.#server.once('error', fail);
      this.#server.listen(descriptor === undefined ? { host, port } : { fd: descriptor }, backlog, () => {
        this.#server.off('error', fail);
        // Accepting can fail later, when file descriptors run out; the next accept may work again.
        this.#server.on('error', this.#plane.onBug);
        resolve();
      });
    });
    const address = this.#server.address() as AddressInfo;
    return { host: address.address, port: address.port };
  }

  /** Accepts nothing more. Connections go on. */
  stopAccepting(): void {
    this.#server.close();
    for (const socket of this.#turnedAway.keys()) socket.destroy();
  }

  onTick(nowMs: number): void {
    for (const connection of this.#connections) connection.onTick(nowMs);
    for (const [socket, untilMs] of this.#turnedAway) {
      if (nowMs >= untilMs) socket.destroy();
    }
  }

  /** What is under way, upgraded connections left out. */
  *exchanges(): Generator<Exchange> {
    for (const { exchange } of this.#connections) if (exchange.isRunning) yield exchange;
  }

  abandonAll(): void {
    for (const connection of this.#connections) connection.abandon();
  }

  onGone(connection: Http1Downstream): void {
    if (!this.#connections.delete(connection)) return;
    const { clientAddress } = connection;
    const count = this.#perClient.get(clientAddress)! - 1;
    if (count === 0) this.#perClient.delete(clientAddress);
    else this.#perClient.set(clientAddress, count);
  }

  /** Begins to serve a connection. */
  accept(socket: Socket): void {
    const { connections, connectionsPerClient } = this.listener.limits;
    if (connections > 0 && this.#connections.size >= connections) {
      this.#turnAway(socket);
      return;
    }
    const clientAddress = plainAddress(socket.remoteAddress ?? '');
    const sameClient = (this.#perClient.get(clientAddress) ?? 0) + 1;
    if (connectionsPerClient > 0 && sameClient > connectionsPerClient) {
      this.#turnAway(socket);
      return;
    }
    this.#perClient.set(clientAddress, sameClient);
    this.#connections.add(new Http1Downstream(this.#plane, this, socket, clientAddress));
    if (socket.isPaused()) socket.resume();
  }

  /** Says why, and reads on for a while: closing with unread bytes would reset the connection, and could take the answer with it. */
  #turnAway(socket: Socket): void {
    this.#plane.terminations.add('connection_limit');
    turnAway(socket, this.#plane.dateLine);
    if (this.#turnedAway.size >= turnedAwayMax) {
      socket.destroy();
      return;
    }
    this.#turnedAway.set(socket, this.#plane.nowMs + turnedAwayMs);
    socket.on('close', () => this.#turnedAway.delete(socket));
    socket.resume();
  }
}

/** An IPv4 client of a dual-stack listener is an IPv4 client. */
function plainAddress(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}
