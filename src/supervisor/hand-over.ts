/**
 * Moving a new connection from the worker that accepted it to one that has fewer. See `src/core/worker-balance.ts` for when, and
 * `test/e2e/balance.test.ts`.
 *
 * What travels is the bare handle of a socket, not a `net.Socket`: that would begin to read in whichever process it passes through, and
 * lose what it read. Node's own cluster module hands connections on in the same way. The handle is not part of Node's documented
 * interface; this file is the only place that touches it.
 */
import type { Server, Socket } from 'node:net';
import { handOverTo, type WorkerLoad } from '../core/worker-balance.ts';
import type { Channel, Handle } from './channel.ts';
import type { FromWorker, ToWorker } from './messages.ts';

/** A worker's part: tells the others how busy it is, and hands over what is too much. */
export class WorkerBalance {
  readonly #channel: Channel<ToWorker, FromWorker>;
  /** As the supervisor told last, and what was handed to them since. */
  #others: readonly { readonly worker: number; connections: number }[] = [];

  constructor(channel: Channel<ToWorker, FromWorker>) {
    this.#channel = channel;
  }

  /** Also a sign of life: a worker that has not told for a while is handed nothing. */
  tell(connections: number): void {
    void this.#channel.send({ kind: 'load', connections });
  }

  hear(loads: readonly WorkerLoad[], own: number): void {
    this.#others = loads.filter(({ worker }) => worker !== own).map(({ worker, connections }) => ({ worker, connections }));
  }

  /** Hands the connection to another worker and returns true, or leaves it here. Nothing must have been read from it. */
  handOver(socket: Socket, listener: string, connections: number): boolean {
    const to = handOverTo(connections, this.#others);
    const handle = to === undefined ? undefined : handleOf(socket);
    if (to === undefined || handle === undefined) return false;
    const other = this.#others.find(({ worker }) => worker === to);
    if (other !== undefined) other.connections++;
    // Destroying closes our copy only; the connection lives on in the copy that was sent.
    void this.#channel.send({ kind: 'handOver', to, listener }, handle).then(() => socket.destroy());
    return true;
  }
}

/** What is underneath a connection, or a server. */
export function handleOf(socket: Socket | Server): Handle | undefined {
  return (socket as unknown as { readonly _handle?: Handle })._handle;
}

/** Loads older than this are those of a worker that is stuck. Milliseconds; workers tell theirs every {@link loadEveryMs}. */
const staleAfterMs = 350;
export const loadEveryMs = 100;

/** The supervisor's part: how busy each worker is, as far as they have told lately. */
export class Loads {
  readonly #told = new Map<number, { readonly connections: number; readonly atMs: number }>();

  tell(worker: number, connections: number, nowMs: number): void {
    this.#told.set(worker, { connections, atMs: nowMs });
  }

  forget(worker: number): void {
    this.#told.delete(worker);
  }

  current(nowMs: number): WorkerLoad[] {
    return [...this.#told]
      .filter(([, { atMs }]) => nowMs - atMs < staleAfterMs)
      .map(([worker, { connections }]) => ({ worker, connections }));
  }
}
