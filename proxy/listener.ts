import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { Listener, SocketAddress } from '../src/core/model.ts';
import { compileNetworks, containsAddress, type Networks } from '../src/core/networks.ts';
import type { FileTexts } from '../src/core/snapshot.ts';
import type { OtherWorkers } from './data-plane.ts';
import { clientOf, type CopySocket, type Entrance, type Guest, type SocketCopy } from './entrance/admission.ts';
import { Encryption } from './entrance/encryption.ts';
import { takeProxyHeader } from './entrance/proxy-header.ts';
import type { Exchange } from './exchange.ts';
import { acceptClientSockets, ignoreError } from './http1/client-socket.ts';
import { answerText, type DownstreamOwner, Http1Downstream, turnAway } from './http1/downstream.ts';
import { shareOfLimit, type WorkerShare } from './live.ts';
import type { Plane } from './plane.ts';

/** Connections that the system queues for us while we are busy. */
const backlog = 4096;

/** How long a connection that was turned away may take to read why. */
const turnedAwayMs = 2000;

const nowhere: readonly number[] = [];

/** What a listener needs of the process that it is in. */
export interface ListenerPlace {
  readonly otherWorkers: OtherWorkers | undefined;
  /** Open in this process. */
  readonly connections: () => number;
  readonly copySocket: CopySocket | undefined;
  readonly share: WorkerShare;
}

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
export class ListeningSocket implements DownstreamOwner, Entrance {
  /** Limits and time-outs; a new revision may replace them. The address stays. */
  listener: Listener;
  readonly #plane: Plane;
  readonly #place: ListenerPlace;
  /** Another one after each pause: a server that was closed does not forget its connections. */
  #server: Server;
  /** Of the socket that is listened on: for after a pause, and so that nobody is refused meanwhile. */
  #copy: SocketCopy | undefined;
  #hasStopped = false;
  /** Bytes that its connections held at the last tick. */
  heldBytes = 0;
  /** Whose word on whom they speak for is taken. */
  trusted: Networks;
  #introduced: Networks;
  #encryption: Encryption | undefined;
  readonly #connections = new Set<Http1Downstream>();
  /** Connections on their way to their first request, and until when they have time, on the coarse clock. */
  readonly #entering = new Map<Socket, number>();
  /** Handed over by others when there was no room any more: nothing was read from them, in the order in which they came. */
  readonly #waiting = new Set<Socket>();
  readonly #perClient = new Map<string, number>();
  /** Until when each is kept, on the coarse clock. */
  readonly #turnedAway = new Map<Socket, number>();

  constructor(plane: Plane, setup: ListenerSetup, place: ListenerPlace) {
    this.#plane = plane;
    this.#place = place;
    this.listener = setup.listener;
    this.#introduced = compileNetworks(setup.listener.proxyProtocol);
    this.trusted = compileNetworks(setup.listener.trustedProxies);
    this.#encrypt(setup);
    this.#server = this.#createServer();
  }

  #createServer(): Server {
    const { otherWorkers, connections } = this.#place;
    // A connection that may go to another worker, or that does not begin with HTTP, must not be read from first.
    const server = createServer({ pauseOnConnect: true }, (socket) => {
      const isElsewhere = otherWorkers !== undefined && this.room > 0 && otherWorkers.spread(socket, this.listener.name, connections());
      if (!isElsewhere) this.accept(socket, nowhere);
    });
    return server.on('listening', () => acceptClientSockets(server));
  }

  /** Connections that are there already stay as they are, but for limits and time-outs. */
  update(setup: ListenerSetup): void {
    this.#encrypt(setup);
    this.listener = setup.listener;
    this.#introduced = compileNetworks(setup.listener.proxyProtocol);
    this.trusted = compileNetworks(setup.listener.trustedProxies);
  }

  get connections(): number {
    return this.#connections.size + this.#entering.size;
  }

  /** Clients that are connected and have to wait for descriptors. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** How many more it would let in. */
  get room(): number {
    if (this.#hasStopped) return 0;
    const { room } = this.#plane.admission;
    const { connections } = this.listener.limits;
    if (connections === 0) return room;
    return Math.min(room, Math.max(0, shareOfLimit(connections, this.#place.share) - this.connections));
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
    void this.#copySocket();
    return { host: address.address, port: address.port };
  }

  /**
   * Leaves who comes in the queue of the system. Closing is the only way to stop accepting that Node has; the copy keeps the socket, and
   * its queue, from being gone with that.
   */
  pause(): void {
    if (this.#copy !== undefined && this.#server.listening) this.#server.close();
  }

  resume(): void {
    const copy = this.#copy;
    if (this.#hasStopped || copy === undefined || this.#server.listening) return;
    this.#copy = undefined;
    void this.#listenAgain(copy);
  }

  /**
   * With another copy, if one is to be had: the crowd that waits may fill the room within a millisecond, and then it must be possible to
   * pause again. Without one it listens all the same, and asks once more.
   */
  async #listenAgain(copy: SocketCopy): Promise<void> {
    const next = await this.#place.copySocket?.(copy);
    if (this.#hasStopped || this.#plane.admission.isPaused) {
      next?.close();
      if (this.#hasStopped) copy.close();
      else this.#copy = copy;
      return;
    }
    this.#copy = next;
    this.#server = this.#createServer();
    this.#server.on('error', this.#plane.onBug);
    this.#server.listen(copy, backlog, () => {
      if (next === undefined) void this.#copySocket();
    });
  }

  guests(): Iterable<Guest> {
    return this.#connections;
  }

  /** Accepts nothing more. Connections go on. */
  stopAccepting(): void {
    this.#hasStopped = true;
    this.#server.close();
    this.#copy?.close();
    this.#copy = undefined;
    for (const socket of this.#turnedAway.keys()) socket.destroy();
  }

  onTick(nowMs: number): void {
    let held = 0;
    for (const connection of this.#connections) {
      connection.onTick(nowMs);
      held += connection.heldBytes;
    }
    this.heldBytes = held;
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
    for (const socket of this.#waiting) socket.destroy();
    this.#waiting.clear();
  }

  onGone(connection: Http1Downstream): void {
    if (this.#connections.delete(connection)) this.#forget(connection.peerAddress);
  }

  letIn(): void {
    const { admission } = this.#plane;
    for (const socket of this.#waiting) {
      if (!admission.isFull) {
        this.#waiting.delete(socket);
        this.accept(socket, nowhere);
      } else if (this.#place.otherWorkers?.makeRoom(socket, this.listener.name, nowhere) === true) this.#waiting.delete(socket);
      else return;
    }
  }

  /**
   * Begins to serve a connection, from which nothing was read, or finds another place for it: in the line, where only descriptors are missing;
   * at any worker that has room. `fullAt`: workers that had no room for it.
   */
  accept(socket: Socket, fullAt: readonly number[]): void {
    const { admission, nowMs } = this.#plane;
    const isOverLimit = this.#isOverLimit;
    if (!isOverLimit && !admission.isFull) {
      this.#admit(socket);
      admission.onEntered(nowMs);
      return;
    }
    const { otherWorkers } = this.#place;
    // Accepting is paused without descriptors; but others may have handed it over before they knew.
    const mayWait = !isOverLimit && otherWorkers !== undefined && this.#waiting.size < admission.waitingMax;
    if (mayWait) this.#waiting.add(socket);
    else if (otherWorkers?.makeRoom(socket, this.listener.name, fullAt) !== true) this.#turnAway(socket);
  }

  get #isOverLimit(): boolean {
    const { connections } = this.listener.limits;
    return connections > 0 && this.connections >= shareOfLimit(connections, this.#place.share);
  }

  #admit(socket: Socket): void {
    const peerAddress = plainAddress(socket.remoteAddress ?? '');
    if (!containsAddress(this.#introduced, peerAddress)) {
      this.#enter(socket, peerAddress);
      return;
    }
    this.#wait(socket);
    takeProxyHeader(socket, (header) => {
      if (!this.#entering.delete(socket)) return;
      if (header.kind === 'malformed') {
        this.#plane.terminations.add('proxy_header_malformed');
        socket.destroy();
      } else this.#enter(socket, header.kind === 'client' ? header.address : peerAddress);
    });
  }

  /** Now it is known whose connection it is. */
  #enter(socket: Socket, peerAddress: string): void {
    const { connectionsPerClient } = this.listener.limits;
    const client = clientOf(peerAddress);
    const sameClient = (this.#perClient.get(client) ?? 0) + 1;
    if (connectionsPerClient > 0 && sameClient > connectionsPerClient) {
      this.#turnAway(socket);
      return;
    }
    this.#perClient.set(client, sameClient);
    if (this.#encryption === undefined) {
      this.#serve(socket, peerAddress, false);
      return;
    }
    this.#wait(socket);
    const onGone = (): void => this.#forget(peerAddress);
    socket.once('close', onGone);
    this.#encryption.accept(socket, peerAddress, (secured) => {
      socket.off('close', onGone);
      if (this.#entering.delete(socket)) this.#serve(secured, peerAddress, true, socket);
      else this.#forget(peerAddress);
    });
  }

  #serve(socket: Socket, peerAddress: string, encrypted: boolean, below = socket): void {
    const connection = new Http1Downstream(this.#plane, this, socket, peerAddress, encrypted, below);
    this.#connections.add(connection);
    connection.begin();
  }

  /** It has as long as the head of a request. */
  #wait(socket: Socket): void {
    this.#entering.set(socket, this.#plane.nowMs + this.listener.timeouts.headMs);
    socket.on('error', ignoreError);
    socket.once('close', () => this.#entering.delete(socket));
  }

  #forget(peerAddress: string): void {
    const client = clientOf(peerAddress);
    const count = this.#perClient.get(client)! - 1;
    if (count === 0) this.#perClient.delete(client);
    else this.#perClient.set(client, count);
  }

  async #copySocket(): Promise<void> {
    const copy = await this.#place.copySocket?.(this.#server);
    if (this.#hasStopped) copy?.close();
    else this.#copy = copy;
    // It may have come to that meanwhile.
    if (this.#plane.admission.isPaused) this.pause();
  }

  #encrypt({ listener, files, ticketKey }: ListenerSetup): void {
    if (listener.tls === undefined) {
      this.#encryption = undefined;
      return;
    }
    const plane = this.#plane;
    const encryption =
      this.#encryption ??
      new Encryption({
        onFailure: (client, reason) => {
          plane.terminations.add('tls_handshake_failed');
          plane.failedHandshakes.note(this.listener.name, client, reason, plane.nowMs);
        },
        plainAnswer: () => answerText('tls_handshake_failed', plane.dateLine),
        onBug: plane.onBug,
      });
    encryption.update(listener.tls, files, ticketKey);
    this.#encryption = encryption;
  }

  /** Says why, and reads on for a while: closing with unread bytes would reset the connection, and could take the answer with it. */
  #turnAway(socket: Socket): void {
    this.#plane.terminations.add('connection_limit');
    if (this.#encryption !== undefined) {
      // A handshake for each would be what the limit is there to save, and without one there is nothing that the client could read.
      socket.destroy();
      return;
    }
    turnAway(socket, this.#plane.dateLine);
    if (this.#turnedAway.size >= this.#plane.admission.turnedAwayMax) {
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
