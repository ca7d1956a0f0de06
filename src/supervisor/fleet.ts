import type { Fleet, Log, PublishResult, WorkerState } from '../control/ports.ts';
import type { Conditions } from '../core/conditions.ts';
import type { WorkerReport } from '../core/reports.ts';
import type { FileTexts, ResolvedNames, Snapshot } from '../core/snapshot.ts';
import { heard } from '../core/tellings.ts';
import type { FromControl, ToControl, WorkerInfo } from './messages.ts';
import { readTelling, readTellings } from './telling-text.ts';

type Welcome = Extract<ToControl, { kind: 'welcome' }>;

/** A publish that waits for workers, by pid: a replacement has the same slot but is somebody else. */
interface Publishing {
  readonly edition: number;
  readonly revision: number;
  /** Whether the supervisor has confirmed that later workers get it too. */
  stored: boolean;
  readonly awaited: Set<number>;
  readonly applied: { readonly worker: number; readonly ms: number }[];
  readonly settle: () => void;
}

interface Collecting {
  readonly ticket: number;
  readonly awaited: Set<number>;
  readonly reports: Map<number, WorkerReport>;
  readonly settle: () => void;
}

/**
 * The data plane as control sees it, over the channel to the supervisor.
 *
 * A publish is done when nothing can be handled by an older edition any more: every worker that could has applied it or died, and the
 * supervisor has confirmed that it hands this edition, or a newer one, to whoever says hello from then on. The confirmation comes down
 * the same channel as the news of workers, so one that got an older snapshot just before is known, and waited for, by then. Editions and
 * not revisions are compared: a refresh has the revision of what was published before it, and waits for its own addresses and keys.
 */
export class ChannelFleet implements Fleet {
  readonly supervisorPid: number;
  readonly #send: (message: FromControl) => void;
  /** By pid. */
  readonly #workers = new Map<number, WorkerInfo>();
  readonly #publishing = new Set<Publishing>();
  readonly #collecting = new Set<Collecting>();
  #ticket = 0;
  /** Published last, perhaps by the control process before this one. */
  #edition: number;
  #conditions: Conditions;
  #departed: WorkerReport | undefined;
  /** What workers have told so far, by pid. */
  readonly #told = new Map<number, WorkerReport>();
  readonly #toldBefore: ReadonlyMap<number, WorkerReport>;
  readonly #addressesBefore: ResolvedNames;
  readonly #filesBefore: FileTexts;
  /** Workers that were waited for in vain, by pid, and the edition that they were to apply. */
  readonly #late = new Map<number, number>();
  #log: Log | undefined;

  constructor(send: (message: FromControl) => void, welcome: Welcome) {
    this.supervisorPid = welcome.supervisorPid;
    this.#send = send;
    this.#departed = welcome.departed;
    for (const [pid, texts] of welcome.told) {
      const report = readTellings(texts);
      if (report !== undefined) this.#told.set(pid, report);
    }
    this.#toldBefore = new Map(this.#told);
    this.#conditions = welcome.conditions;
    this.#edition = welcome.edition;
    this.#addressesBefore = welcome.addresses;
    this.#filesBefore = welcome.files;
    for (const worker of welcome.workers) this.#workers.set(worker.pid, worker);
  }

  /** Tells an operator of workers that are late, and when they have caught up. */
  logTo(log: Log): void {
    this.#log = log;
  }

  workers(): readonly WorkerState[] {
    return [...this.#workers.values()].toSorted((a, b) => a.id - b.id).map(({ id, pid, revision }) => ({ id, pid, revision }));
  }

  toldBefore(): ReadonlyMap<number, WorkerReport> {
    return this.#toldBefore;
  }

  departed(): readonly WorkerReport[] {
    return this.#departed === undefined ? [] : [this.#departed];
  }

  inform(conditions: Conditions): void {
    this.#conditions = conditions;
    this.#send({ kind: 'inform', conditions });
  }

  conditions(): Conditions {
    return this.#conditions;
  }

  addressesBefore(): ResolvedNames {
    return this.#addressesBefore;
  }

  filesBefore(): FileTexts {
    return this.#filesBefore;
  }

  publish(snapshot: Snapshot, timeoutMs: number): Promise<PublishResult> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => publishing.settle(), timeoutMs);
      const publishing: Publishing = {
        edition: ++this.#edition,
        revision: snapshot.revision,
        stored: false,
        awaited: new Set(this.#workers.keys()),
        applied: [],
        settle: () => {
          clearTimeout(timer);
          this.#publishing.delete(publishing);
          const stragglers = this.#stragglers(publishing);
          for (const straggler of stragglers) this.#noteLate(straggler, publishing);
          resolve({ applied: publishing.applied.toSorted((a, b) => a.worker - b.worker), stragglers });
        },
      };
      this.#publishing.add(publishing);
      this.#send({ kind: 'publish', snapshot, edition: publishing.edition });
    });
  }

  collect(timeoutMs: number): Promise<ReadonlyMap<number, WorkerReport>> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => collecting.settle(), timeoutMs);
      const collecting: Collecting = {
        ticket: ++this.#ticket,
        awaited: new Set(this.#workers.keys()),
        reports: new Map(),
        settle: () => {
          clearTimeout(timer);
          this.#collecting.delete(collecting);
          resolve(collecting.reports);
        },
      };
      this.#collecting.add(collecting);
      this.#send({ kind: 'collect', ticket: collecting.ticket });
      settleIfComplete(collecting);
    });
  }

  /** Takes what the supervisor says about workers. */
  hear(message: ToControl): void {
    switch (message.kind) {
      case 'workerUp':
        this.#workers.set(message.worker.pid, message.worker);
        for (const publishing of this.#publishing) {
          if (message.worker.handed < publishing.edition) publishing.awaited.add(message.worker.pid);
        }
        break;
      case 'workerDown':
        this.#departed = message.departed;
        this.#workers.delete(message.pid);
        this.#told.delete(message.pid);
        this.#late.delete(message.pid);
        for (const publishing of this.#publishing) this.#strike(publishing, message.pid);
        for (const collecting of this.#collecting) {
          collecting.awaited.delete(message.pid);
          settleIfComplete(collecting);
        }
        break;
      case 'applied':
        this.#noteApplied(message);
        break;
      case 'published':
        for (const publishing of this.#publishing) {
          if (message.edition !== publishing.edition) continue;
          publishing.stored = true;
          this.#strike(publishing, undefined);
        }
        break;
      case 'report':
        this.#noteTold(message);
        break;
      default:
    }
  }

  /** Whoever asked or not: what comes next builds on it. */
  #noteTold({ worker, pid, ticket, told }: Extract<ToControl, { kind: 'report' }>): void {
    const report = heard(this.#told.get(pid), readTelling(told));
    this.#told.set(pid, report);
    for (const collecting of this.#collecting) {
      // An answer to a later question answers this one too.
      if (ticket < collecting.ticket || !collecting.awaited.delete(pid)) continue;
      collecting.reports.set(worker, report);
      settleIfComplete(collecting);
    }
  }

  #noteApplied({ worker, pid, revision, edition, ms }: Extract<ToControl, { kind: 'applied' }>): void {
    const known = this.#workers.get(pid);
    if (known !== undefined) this.#workers.set(pid, { ...known, revision });
    if (edition >= (this.#late.get(pid) ?? Infinity)) {
      this.#late.delete(pid);
      this.#log?.info({ worker, workerPid: pid, revision }, 'a late worker has caught up');
    }
    for (const publishing of this.#publishing) {
      if (edition < publishing.edition || !publishing.awaited.has(pid)) continue;
      publishing.applied.push({ worker, ms });
      this.#strike(publishing, pid);
    }
  }

  /** Says so once, until the worker has caught up. */
  #noteLate({ worker, pid }: PublishResult['stragglers'][number], { revision, edition }: Publishing): void {
    if (!this.#late.has(pid)) {
      const fields = { worker, workerPid: pid, revision, has: this.#workers.get(pid)?.revision };
      this.#log?.warn(fields, 'a worker has not applied a revision in time; until it does, it serves by an older one, or not at all');
    }
    this.#late.set(pid, edition);
  }

  /** Waits for `pid` no longer, and settles when nothing is left to wait for. */
  #strike(publishing: Publishing, pid: number | undefined): void {
    if (pid !== undefined) publishing.awaited.delete(pid);
    if (publishing.stored && publishing.awaited.size === 0) publishing.settle();
  }

  #stragglers(publishing: Publishing): PublishResult['stragglers'] {
    return this.workers()
      .filter(({ pid }) => publishing.awaited.has(pid))
      .map(({ id, pid }) => ({ worker: id, pid }));
  }
}

function settleIfComplete(collecting: Collecting): void {
  if (collecting.awaited.size === 0) collecting.settle();
}
