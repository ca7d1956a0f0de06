import type { MirrorLimits } from '../../src/core/mirror-limits.ts';
import type { SocketAddress } from '../../src/core/model.ts';
import { type ClientClass, type ConnectionOwner, MirrorConnection } from './connection.ts';
import type { Copy } from './copy.ts';

/** The connections for copies to one address. */
class AddressConnections implements ConnectionOwner {
  readonly answerBytes: number;
  readonly onBug: (error: unknown) => void;
  readonly all: MirrorConnection[] = [];
  /** Until then nothing is sent there, because a connect has failed. */
  pausedUntilMs = -Infinity;
  readonly #clock: { readonly nowMs: number };
  readonly #pauseMs: number;

  constructor({ answerBytes, pauseMs }: MirrorLimits, clock: { readonly nowMs: number }, onBug: (error: unknown) => void) {
    this.answerBytes = answerBytes;
    this.onBug = onBug;
    this.#pauseMs = pauseMs;
    this.#clock = clock;
  }

  onIdle(connection: MirrorConnection): void {
    connection.idleSinceMs = this.#clock.nowMs;
  }

  onConnectFailed(): void {
    this.pausedUntilMs = this.#clock.nowMs + this.#pauseMs;
  }

  onGone(connection: MirrorConnection): void {
    const index = this.all.indexOf(connection);
    if (index >= 0) this.all.splice(index, 1);
  }
}

/** All connections for copies of one worker, by address. */
export class MirrorConnections {
  readonly #limits: MirrorLimits;
  readonly #clock: { readonly nowMs: number };
  readonly #onBug: (error: unknown) => void;
  readonly #UndiciClient: ClientClass;
  readonly #byAddress = new Map<string, AddressConnections>();

  constructor(limits: MirrorLimits, clock: { readonly nowMs: number }, onBug: (error: unknown) => void, UndiciClient: ClientClass) {
    this.#limits = limits;
    this.#clock = clock;
    this.#onBug = onBug;
    this.#UndiciClient = UndiciClient;
  }

  /** Sends a copy over the first connection that is free, or a new one; or drops it. */
  send(copy: Copy): void {
    const { address } = copy;
    const here = this.#connectionsTo(address);
    if (this.#clock.nowMs < here.pausedUntilMs) {
      copy.drop('connect_failed');
      return;
    }
    let connection = here.all.find(({ isFree }) => isFree);
    if (connection === undefined) {
      if (here.all.length >= this.#limits.connections) {
        copy.drop('busy');
        return;
      }
      connection = new MirrorConnection(this.#UndiciClient, address, here);
      here.all.push(connection);
    }
    connection.send(copy);
  }

  /** Gives up what has not been used for a while, so that addresses which nobody mirrors to any more leave nothing behind. */
  tidy(): void {
    const { nowMs } = this.#clock;
    for (const [key, { all, pausedUntilMs }] of this.#byAddress) {
      for (const connection of all.filter(({ isFree, idleSinceMs }) => isFree && nowMs - idleSinceMs >= this.#limits.idleMs)) {
        connection.discard();
      }
      if (all.length === 0 && nowMs >= pausedUntilMs) this.#byAddress.delete(key);
    }
  }

  close(): void {
    for (const { all } of this.#byAddress.values()) for (const connection of all.slice()) connection.discard();
    this.#byAddress.clear();
  }

  #connectionsTo({ host, port }: SocketAddress): AddressConnections {
    const key = `${host} ${port}`;
    let known = this.#byAddress.get(key);
    if (known === undefined) this.#byAddress.set(key, (known = new AddressConnections(this.#limits, this.#clock, this.#onBug)));
    return known;
  }
}
