/**
 * Moving a new connection from the worker that accepted it to one that has fewer. See `src/core/worker-balance.ts` for when, and
 * `test/e2e/balance.test.ts`.
 *
 * What travels is the bare handle of a socket, not a `net.Socket`: that would begin to read in whichever process it passes through, and
 * lose what it read. Node's own cluster module hands connections on in the same way. The handle is not part of Node's documented
 * interface; this file is the only place that touches it.
 */
import type { Server, Socket } from 'node:net';
import { type Candidate, handOverTo, makeRoomAt, type WorkerLoad } from '../core/worker-balance.ts';
import type { Channel, Handle } from './channel.ts';
import type { FromWorker, ToWorker } from './messages.ts';

/** Another worker, as the supervisor told last, and what was handed to it since. */
class OtherWorker {
  readonly worker: number;
  connections: number;
  readonly #told: ReadonlyMap<string, number>;
  /** By listener, since the last news … */
  readonly #handed = new Map<string, number>();
  /** … and between the news before and the last: whether the last counts them, nobody knows. */
  readonly #handedBefore: ReadonlyMap<string, number>;

  constructor({ worker, connections, rooms }: WorkerLoad, before: OtherWorker | undefined) {
    this.worker = worker;
    this.connections = connections;
    this.#told = rooms;
    this.#handedBefore = before === undefined ? new Map() : before.#handed;
  }

  /**
   * Where there is no other place, it is better to ask once too often; but of what is handed over only to spread the load nothing should be
   * in vain, and so each of `workers` gives no more than its part of half of the room: the rest is left for those whom the other accepts itself.
   */
  candidateFor(listener: string, workers: number): Candidate {
    const told = this.#told.get(listener) ?? 0;
    const room = told - (this.#handed.get(listener) ?? 0);
    const spare = Math.floor(told / (2 * workers)) - (this.#handed.get(listener) ?? 0) - (this.#handedBefore.get(listener) ?? 0);
    return { worker: this.worker, connections: this.connections, room, spare };
  }

  onHanded(listener: string): void {
    this.connections++;
    this.#handed.set(listener, (this.#handed.get(listener) ?? 0) + 1);
  }
}

/** A worker's part: tells the others how busy it is, and hands over what is too much. */
export class WorkerBalance {
  readonly #channel: Channel<ToWorker, FromWorker>;
  #own = 0;
  #others: readonly OtherWorker[] = [];

  constructor(channel: Channel<ToWorker, FromWorker>) {
    this.#channel = channel;
  }

  /** Also a sign of life: a worker that has not told for a while is handed nothing. */
  tell(connections: number, rooms: ReadonlyMap<string, number>): void {
    void this.#channel.send({ kind: 'load', connections, rooms });
  }

  hear(loads: readonly WorkerLoad[], own: number): void {
    const before = this.#others;
    this.#own = own;
    this.#others = loads
      .filter(({ worker }) => worker !== own)
      .map(
        (load) =>
          new OtherWorker(
            load,
            before.find(({ worker }) => worker === load.worker),
          ),
      );
  }

  /** Hands the connection to a worker that is less busy and returns true, or leaves it here. Nothing must have been read from it. */
  spread(socket: Socket, listener: string, connections: number): boolean {
    return this.#send(socket, listener, handOverTo(connections, this.#candidates(listener)), []);
  }

  /** The same of a connection that finds no room here: to any worker that has some, but for those that had none for it. */
  makeRoom(socket: Socket, listener: string, fullAt: readonly number[]): boolean {
    return this.#send(socket, listener, makeRoomAt(this.#candidates(listener), fullAt), [...fullAt, this.#own]);
  }

  #candidates(listener: string): Candidate[] {
    return this.#others.map((other) => other.candidateFor(listener, this.#others.length + 1));
  }

  #send(socket: Socket, listener: string, to: number | undefined, fullAt: readonly number[]): boolean {
    const handle = to === undefined ? undefined : handleOf(socket);
    if (to === undefined || handle === undefined) return false;
    this.#others.find(({ worker }) => worker === to)?.onHanded(listener);
    // Destroying closes our copy only; the connection lives on in the copy that was sent.
    void this.#channel.send({ kind: 'handOver', to, listener, fullAt }, handle).then(() => socket.destroy());
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
  readonly #told = new Map<number, { readonly load: WorkerLoad; readonly atMs: number }>();

  tell(load: WorkerLoad, nowMs: number): void {
    this.#told.set(load.worker, { load, atMs: nowMs });
  }

  forget(worker: number): void {
    this.#told.delete(worker);
  }

  current(nowMs: number): WorkerLoad[] {
    return [...this.#told.values()].filter(({ atMs }) => nowMs - atMs < staleAfterMs).map(({ load }) => load);
  }
}
