import type { MirrorLimits } from '../../src/core/mirror-limits.ts';
import type { Destination } from '../http1/destination.ts';
import { type ClientClass, type ConnectionOwner, MirrorConnection } from './connection.ts';
import type { Carrier, Copy } from './copy.ts';

/** So many copies in a row that a target breaks off are enough: each costs a connection, and the requests beside it would feel that. */
const resetsMax = 8;

/** The connections for copies to one destination, and the copies that wait for one. */
class DestinationConnections implements ConnectionOwner, Carrier {
  readonly answerBytes: number;
  readonly onBug: (error: unknown) => void;
  readonly #destination: Destination;
  readonly #limits: MirrorLimits;
  readonly #clock: { readonly nowMs: number };
  readonly #UndiciClient: ClientClass;
  readonly #connections: MirrorConnection[] = [];
  readonly #line: Copy[] = [];
  #serving: NodeJS.Immediate | undefined;
  /** Until then nothing is sent there, because it cannot be connected to, or breaks off whatever it is sent. */
  #pausedUntilMs = -Infinity;
  #resetsInARow = 0;

  constructor(destination: Destination, { limits, clock, onBug, UndiciClient }: ConnectionsOptions) {
    this.answerBytes = limits.answerBytes;
    this.onBug = onBug;
    this.#destination = destination;
    this.#limits = limits;
    this.#clock = clock;
    this.#UndiciClient = UndiciClient;
  }

  get isUsed(): boolean {
    return this.#connections.length > 0 || this.#line.length > 0 || this.#isPaused;
  }

  send(copy: Copy): void {
    const connection = this.#isPaused ? undefined : this.#freeConnection();
    if (connection !== undefined) connection.send(copy);
    else if (this.#isPaused) copy.drop('connect_failed');
    else if (this.#line.length >= this.#limits.waiting) copy.drop('busy');
    else {
      copy.carrier = this;
      this.#line.push(copy);
    }
  }

  tidy(nowMs: number): void {
    for (const connection of this.#connections.slice()) {
      if (connection.isFree && nowMs - connection.idleSinceMs >= this.#limits.idleMs) connection.discard();
    }
  }

  close(): void {
    clearImmediate(this.#serving);
    for (const connection of this.#connections.slice()) connection.discard();
  }

  /** A copy that waits is given up. */
  discard(copy: Copy): void {
    const index = this.#line.indexOf(copy);
    if (index >= 0) this.#line.splice(index, 1);
  }

  // From connections.

  onIdle(connection: MirrorConnection): void {
    connection.idleSinceMs = this.#clock.nowMs;
    this.#resetsInARow = 0;
    this.#serveLine();
  }

  onConnectFailed(): void {
    this.#pause();
  }

  onReset(): void {
    if (++this.#resetsInARow < resetsMax) return;
    this.#resetsInARow = 0;
    this.#pause();
  }

  onGone(connection: MirrorConnection): void {
    this.#connections.splice(this.#connections.indexOf(connection), 1);
    this.#serveLine();
  }

  #pause(): void {
    this.#pausedUntilMs = this.#clock.nowMs + this.#limits.pauseMs;
  }

  get #isPaused(): boolean {
    return this.#clock.nowMs < this.#pausedUntilMs;
  }

  #freeConnection(): MirrorConnection | undefined {
    const free = this.#connections.find(({ isFree }) => isFree);
    if (free !== undefined || this.#connections.length >= this.#limits.connections) return free;
    const connection = new MirrorConnection(this.#UndiciClient, this.#destination, this);
    this.#connections.push(connection);
    return connection;
  }

  /** Not at once: undici is in the middle of the copy before. */
  #serveLine(): void {
    if (this.#line.length === 0) return;
    this.#serving ??= setImmediate(() => {
      this.#serving = undefined;
      // Those for which there is no connection come back into the line, in the same order.
      for (const copy of this.#line.splice(0)) this.send(copy);
    });
  }
}

export interface ConnectionsOptions {
  readonly limits: MirrorLimits;
  /** The worker's coarse clock. */
  readonly clock: { readonly nowMs: number };
  readonly onBug: (error: unknown) => void;
  readonly UndiciClient: ClientClass;
}

/** All connections for copies of one worker, by destination. */
export class MirrorConnections {
  readonly #options: ConnectionsOptions;
  readonly #byKey = new Map<string, DestinationConnections>();

  constructor(options: ConnectionsOptions) {
    this.#options = options;
  }

  /** How many destinations are connected to, or were lately. */
  get size(): number {
    return this.#byKey.size;
  }

  /** Sends a copy over the first connection that is free, or a new one, or when one is; or drops it. */
  send(copy: Copy): void {
    const { destination } = copy;
    let known = this.#byKey.get(destination.key);
    if (known === undefined) this.#byKey.set(destination.key, (known = new DestinationConnections(destination, this.#options)));
    known.send(copy);
  }

  /** Gives up what has not been used for a while, so that destinations which nobody mirrors to any more leave nothing behind. */
  tidy(nowMs: number): void {
    for (const [key, connections] of this.#byKey) {
      connections.tidy(nowMs);
      if (!connections.isUsed) this.#byKey.delete(key);
    }
  }

  close(): void {
    for (const connections of this.#byKey.values()) connections.close();
    this.#byKey.clear();
  }
}
