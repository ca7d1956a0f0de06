import type { Conditions } from '../core/conditions.ts';
import type { Snapshot } from '../core/snapshot.ts';
import type { WorkerLoad } from '../core/worker-balance.ts';
import type { Handle } from './channel.ts';
import type { Child } from './child.ts';
import type { FromWorker, ToWorker, WorkerInfo } from './messages.ts';
import type { ToldText } from './telling-text.ts';

/** A snapshot with the number of its publish. */
export interface Edition {
  readonly snapshot: Snapshot;
  readonly edition: number;
}

/**
 * The supervisor's end of the channel to one worker process.
 *
 * At most one snapshot, one set of conditions and one question are under way at a time, and of those that come meanwhile only the newest waits: a worker that
 * has been stopped (SIGSTOP, a debugger, a frozen disk) must not make the supervisor's memory grow, and skips what it missed.
 */
export class WorkerLink {
  readonly id: number;
  readonly #child: Child<ToWorker, FromWorker>;
  #greeted = false;
  #revision = 0;
  #handed = 0;
  #publishing = false;
  #next: Edition | undefined;
  #informing = false;
  #nextConditions: Conditions | undefined;
  #collecting = false;
  #nextTicket: number | undefined;
  #told: ToldText[] = [];

  constructor(id: number, child: Child<ToWorker, FromWorker>) {
    this.id = id;
    this.#child = child;
  }

  /** Whether it has said hello: before that it gets nothing, and control does not know it. */
  get greeted(): boolean {
    return this.#greeted;
  }

  get info(): WorkerInfo {
    return { id: this.id, pid: this.#child.pid, revision: this.#revision, handed: this.#handed };
  }

  /**
   * What it has told, from the last telling that was whole to the last of all. Kept as it came, because it is only looked into when the worker or
   * control has died; it does not grow, because workers tell everything again when the changes have become as much (`telling-text.ts`).
   */
  get told(): readonly ToldText[] {
    return this.#told;
  }

  welcome(first: Omit<Extract<ToWorker, { kind: 'welcome' }>, 'kind' | 'worker'>): void {
    this.#greeted = true;
    this.#child.send({ kind: 'welcome', worker: this.id, ...first });
    if (first.snapshot === undefined) return;
    this.#publishing = true;
    this.#handed = first.edition;
  }

  publish({ snapshot, edition }: Edition): void {
    this.#handed = edition;
    if (this.#publishing) {
      this.#next = { snapshot, edition };
      return;
    }
    this.#publishing = true;
    // Conditions that wait for an earlier answer are sent all the same: what the snapshot adds must be known by then.
    const conditions = this.#nextConditions;
    this.#nextConditions = undefined;
    if (conditions !== undefined) this.#child.send({ kind: 'inform', conditions });
    this.#child.send({ kind: 'publish', snapshot, edition });
  }

  /** Conditions may overtake snapshots, never the other way round. */
  inform(conditions: Conditions): void {
    if (this.#informing) {
      this.#nextConditions = conditions;
      return;
    }
    this.#informing = true;
    this.#child.send({ kind: 'inform', conditions });
  }

  collect(ticket: number): void {
    if (this.#collecting) {
      this.#nextTicket = ticket;
      return;
    }
    this.#collecting = true;
    this.#child.send({ kind: 'collect', ticket });
  }

  tellLoads(loads: readonly WorkerLoad[]): void {
    this.#child.send({ kind: 'loads', loads });
  }

  adopt(listener: string, fullAt: readonly number[], handle: Handle): void {
    this.#child.send({ kind: 'adopt', listener, fullAt }, handle);
  }

  drain(deadlineMs: number): void {
    this.#child.send({ kind: 'drain', deadlineMs });
  }

  /** Takes note of what the worker says, and sends what waited for it. */
  hear(message: FromWorker): void {
    switch (message.kind) {
      case 'applied':
        this.#revision = message.revision;
        this.#publishNext();
        break;
      case 'notApplied':
        this.#publishNext();
        break;
      case 'informed':
        this.#informNext();
        break;
      case 'report':
        if (message.told.isWhole) this.#told = [message.told];
        else this.#told.push(message.told);
        if (message.ticket !== 0) this.#collectNext();
        break;
      default:
    }
  }

  #publishNext(): void {
    this.#publishing = false;
    const next = this.#next;
    this.#next = undefined;
    if (next !== undefined) this.publish(next);
  }

  #informNext(): void {
    this.#informing = false;
    const conditions = this.#nextConditions;
    this.#nextConditions = undefined;
    if (conditions !== undefined) this.inform(conditions);
  }

  #collectNext(): void {
    this.#collecting = false;
    const ticket = this.#nextTicket;
    this.#nextTicket = undefined;
    if (ticket !== undefined) this.collect(ticket);
  }
}
