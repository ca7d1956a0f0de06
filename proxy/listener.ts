import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { Listener, SocketAddress } from '../src/core/model.ts';
import { type DownstreamOwner, Http1Downstream, turnAway } from './http1/downstream.ts';
import type { Plane } from './plane.ts';

/** Connections that the system queues for us while we are busy. */
const backlog = 4096;

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

  /** Resolves with where it listens, which tells the port that the system chose for port 0. */
  async open(): Promise<SocketAddress> {
    const { host, port } = this.listener.address;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host, port, backlog }, () => {
        this.#server.off('error', reject);
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
  }

  onTick(nowMs: number): void {
    for (const connection of this.#connections) connection.onTick(nowMs);
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
      turnAway(socket, this.#plane.dateLine);
      return;
    }
    const clientAddress = plainAddress(socket.remoteAddress ?? '');
    const sameClient = (this.#perClient.get(clientAddress) ?? 0) + 1;
    if (connectionsPerClient > 0 && sameClient > connectionsPerClient) {
      turnAway(socket, this.#plane.dateLine);
      return;
    }
    this.#perClient.set(clientAddress, sameClient);
    this.#connections.add(new Http1Downstream(this.#plane, this, socket, clientAddress));
    if (socket.isPaused()) socket.resume();
  }
}

/** An IPv4 client of a dual-stack listener is an IPv4 client. */
function plainAddress(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}
