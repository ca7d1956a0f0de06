import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { Listener, SocketAddress } from '../src/core/model.ts';
import { compileNetworks, containsAddress, type Networks } from '../src/core/networks.ts';
import type { FileTexts } from '../src/core/snapshot.ts';
import { Encryption } from './entrance/encryption.ts';
import { takeProxyHeader } from './entrance/proxy-header.ts';
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

/** What a revision says of a listener, and what stands in the files that it names. */
export interface ListenerSetup {
  readonly listener: Listener;
  readonly files: FileTexts;
  readonly ticketKey: string;
}

/**
 * One listening socket and the client connections that came in by it. On its way to its first request a connection is admitted, then says
 * whom it speaks for (PROXY protocol), then is encrypted, where the listener wants that.
 */
export class ListeningSocket implements DownstreamOwner {
  /** Limits and time-outs; a new revision may replace them. The address stays. */
  listener: Listener;
  readonly #plane: Plane;
  readonly #server: Server;
  #introduced: Networks;
  #encryption: Encryption | undefined;
  readonly #connections = new Set<Http1Downstream>();
  /** Connections on their way to their first request, and until when they have time, on the coarse clock. */
  readonly #entering = new Map<Socket, number>();
  readonly #perClient = new Map<string, number>();
  /** Until when each is kept, on the coarse clock. */
  readonly #turnedAway = new Map<Socket, number>();

  constructor(plane: Plane, setup: ListenerSetup, handOver: HandOver | undefined) {
    this.#plane = plane;
    this.listener = setup.listener;
    this.#introduced = compileNetworks(setup.listener.proxyProtocol);
    this.#encrypt(setup);
    // A connection that may go to another worker, or that does not begin with HTTP, must not be read from first.
    const options = { noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000, pauseOnConnect: true };
    this.#server = createServer(options, (socket) => {
      if (handOver?.(socket, this.listener.name) !== true) this.accept(socket);
    });
  }

  /** Connections that are there already stay as they are, but for limits and time-outs. */
  update(setup: ListenerSetup): void {
    this.#encrypt(setup);
    this.listener = setup.listener;
    this.#introduced = compileNetworks(setup.listener.proxyProtocol);
  }

  get connections(): number {
    return this.#connections.size + this.#entering.size;
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
    for (const [socket, untilMs] of this.#entering) if (nowMs >= untilMs) socket.destroy();
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
    for (const socket of this.#entering.keys()) socket.destroy();
  }

  onGone(connection: Http1Downstream): void {
    if (this.#connections.delete(connection)) this.#forget(connection.peerAddress);
  }

  /** Begins to serve a connection, from which nothing was read. */
  accept(socket: Socket): void {
    const peerAddress = plainAddress(socket.remoteAddress ?? '');
    if (!containsAddress(this.#introduced, peerAddress)) {
      this.#enter(socket, peerAddress);
      return;
    }
    this.#wait(socket);
    takeProxyHeader(socket, (header) => {
      if (!this.#entering.delete(socket)) return;
      if (header.kind === 'malformed') socket.destroy();
      else this.#enter(socket, header.kind === 'client' ? header.address : peerAddress);
    });
  }

  /** Now it is known whose connection it is. */
  #enter(socket: Socket, peerAddress: string): void {
    const { connections, connectionsPerClient } = this.listener.limits;
    const sameClient = (this.#perClient.get(peerAddress) ?? 0) + 1;
    const isFull = connections > 0 && this.connections >= connections;
    if (isFull || (connectionsPerClient > 0 && sameClient > connectionsPerClient)) {
      this.#turnAway(socket);
      return;
    }
    this.#perClient.set(peerAddress, sameClient);
    if (this.#encryption === undefined) {
      this.#serve(socket, peerAddress, false);
      return;
    }
    this.#wait(socket);
    const onGone = (): void => this.#forget(peerAddress);
    socket.once('close', onGone);
    this.#encryption.accept(socket, (secured) => {
      socket.off('close', onGone);
      if (this.#entering.delete(socket)) this.#serve(secured, peerAddress, true);
      else this.#forget(peerAddress);
    });
  }

  #serve(socket: Socket, peerAddress: string, encrypted: boolean): void {
    this.#connections.add(new Http1Downstream(this.#plane, this, socket, peerAddress, encrypted));
    if (socket.isPaused()) socket.resume();
  }

  /** It has as long as the head of a request. */
  #wait(socket: Socket): void {
    this.#entering.set(socket, this.#plane.nowMs + this.listener.timeouts.headMs);
    socket.on('error', ignoreError);
    socket.once('close', () => this.#entering.delete(socket));
  }

  #forget(peerAddress: string): void {
    const count = this.#perClient.get(peerAddress)! - 1;
    if (count === 0) this.#perClient.delete(peerAddress);
    else this.#perClient.set(peerAddress, count);
  }

  #encrypt({ listener, files, ticketKey }: ListenerSetup): void {
    if (listener.tls === undefined) {
      this.#encryption = undefined;
      return;
    }
    const encryption = this.#encryption ?? new Encryption();
    encryption.update(listener.tls, files, ticketKey);
    this.#encryption = encryption;
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

/** A socket's errors are followed by its `close`, which is where they are dealt with. */
function ignoreError(): void {}
