import type { DataPlane, DataPlaneOptions } from '../../proxy/data-plane.ts';
import type { Log } from '../control/ports.ts';
import type { Snapshot } from '../core/snapshot.ts';
import type { Channel, Handle } from './channel.ts';
import { loadEveryMs, WorkerBalance } from './hand-over.ts';
import type { FromWorker, ToWorker } from './messages.ts';
import { SocketCopies } from './socket-copies.ts';
import { explainListenError } from './start-error.ts';
import { TellingWriter } from './telling-text.ts';

export interface WorkerParts {
  readonly plane: DataPlane;
  readonly log: Log;
}

/** What a worker process is given to open its plane with. */
export interface WorkerStart {
  readonly setup: unknown;
  readonly worker: number;
  /** How many there are to be. */
  readonly workers: number;
  /** Undefined where there is no other worker. */
  readonly otherWorkers: DataPlaneOptions['otherWorkers'];
  readonly copySocket: DataPlaneOptions['copySocket'];
}

/** How long running requests may take when the supervisor has died. Milliseconds. */
const orphanDrainMs = 30_000;

/**
 * A worker's life: says hello, gets its setup and a snapshot, listens, applies every later snapshot in the turn in which it arrives, and
 * drains when told to, or when the supervisor is gone. Resolves with the exit code when the process should end.
 */
export function liveAsWorker(channel: Channel<ToWorker, FromWorker>, open: (start: WorkerStart) => WorkerParts): Promise<number> {
  return new Promise((resolve) => new WorkerLife(channel, open, resolve).begin());
}

class WorkerLife {
  readonly #channel: Channel<ToWorker, FromWorker>;
  readonly #open: (start: WorkerStart) => WorkerParts;
  readonly #end: (exitCode: number) => void;
  #parts: WorkerParts | undefined;
  #applied = 0;
  #worker = 0;
  #hasOthers = false;
  #sockets: ReadonlyMap<string, number> | undefined;
  readonly #balance: WorkerBalance;
  readonly #copies: SocketCopies;
  readonly #tellings = new TellingWriter();
  /** Resolves when the sockets are open. */
  #listening: Promise<void> | undefined;

  constructor(channel: Channel<ToWorker, FromWorker>, open: (start: WorkerStart) => WorkerParts, end: (exitCode: number) => void) {
    this.#channel = channel;
    this.#balance = new WorkerBalance(channel);
    this.#copies = new SocketCopies(channel);
    this.#open = open;
    this.#end = end;
  }

  begin(): void {
    this.#channel.onMessage((message, handle) => this.#hear(message, handle));
    this.#channel.onLost(() => void this.#drain(orphanDrainMs));
    void this.#channel.send({ kind: 'hello' });
  }

  #hear(message: ToWorker, handle: Handle | undefined): void {
    switch (message.kind) {
      case 'welcome':
        this.#welcome(message);
        break;
      case 'publish':
        if (this.#parts !== undefined) this.#apply(this.#parts, message.snapshot, message.edition);
        break;
      case 'inform':
        this.#parts?.plane.inform(message.conditions);
        void this.#channel.send({ kind: 'informed' });
        break;
      case 'collect':
        if (this.#parts !== undefined) {
          void this.#tell(message.ticket, this.#parts.plane);
        }
        break;
      case 'drain':
        void this.#drain(message.deadlineMs);
        break;
      case 'loads':
        this.#balance.hear(message.loads, this.#worker);
        break;
      case 'socketCopy':
        this.#copies.hear(message.ticket, handle);
        break;
      case 'adopt':
        if (handle === undefined) break;
        if (this.#parts === undefined) handle.close();
        else this.#parts.plane.adopt(handle, message.listener, message.fullAt);
        break;
      default:
    }
  }

  #welcome({ setup, worker, workers, sockets, snapshot, edition, conditions }: Extract<ToWorker, { readonly kind: 'welcome' }>): void {
    this.#worker = worker;
    this.#sockets = sockets;
    const copySocket: WorkerStart['copySocket'] = (socket) => this.#copies.copy(socket);
    this.#parts = this.#open({ setup, worker, workers, otherWorkers: workers > 1 ? this.#balance : undefined, copySocket });
    const { plane } = this.#parts;
    this.#hasOthers = workers > 1;
    plane.inform(conditions);
    if (snapshot !== undefined) this.#apply(this.#parts, snapshot, edition);
  }

  #apply({ plane, log }: WorkerParts, snapshot: Snapshot, edition: number): void {
    const startedAt = performance.now();
    try {
      plane.apply(snapshot);
    } catch (error) {
      log.error({ err: error, revision: snapshot.revision }, 'a revision could not be applied; the one before stays in force');
      if (this.#applied === 0) void this.#fail(`Revision ${snapshot.revision} could not be applied; the log says more.`);
      else void this.#channel.send({ kind: 'notApplied', revision: snapshot.revision });
      return;
    }
    const first = this.#applied === 0;
    this.#applied = snapshot.revision;
    void this.#channel.send({ kind: 'applied', revision: snapshot.revision, edition, ms: performance.now() - startedAt });
    if (first) this.#listening = this.#listen(plane);
  }

  async #listen(plane: DataPlane): Promise<void> {
    try {
      await plane.listen(this.#sockets);
      if (this.#hasOthers) this.#tellLoad(plane);
      await this.#channel.send({ kind: 'listening' });
    } catch (error) {
      await this.#fail(explainListenError(error, 'proxy').message);
    }
  }

  #tellLoad(plane: DataPlane): void {
    const tell = (): void => this.#balance.tell(plane.connections, plane.rooms());
    tell();
    setInterval(tell, loadEveryMs).unref();
  }

  #tell(ticket: number, plane: DataPlane): Promise<void> {
    return this.#channel.send({ kind: 'report', ticket, told: this.#tellings.write((wantsWhole) => plane.tell(wantsWhole)) });
  }

  async #fail(message: string): Promise<void> {
    await this.#channel.send({ kind: 'failed', message });
    this.#end(1);
  }

  async #drain(deadlineMs: number): Promise<void> {
    if (this.#parts !== undefined) {
      // What opens just now would be left open.
      await this.#listening;
      await this.#parts.plane.drain(deadlineMs);
      await this.#tell(0, this.#parts.plane);
    }
    this.#end(0);
  }
}
