import type { Fleet, PublishResult, WorkerState } from '../../src/control/ports.ts';
import { noConditions, type Conditions } from '../../src/core/conditions.ts';
import type { WorkerReport } from '../../src/core/reports.ts';
import type { FileTexts, ResolvedNames, Snapshot } from '../../src/core/snapshot.ts';

export const emptyReport: WorkerReport = { revision: 0, connections: 0, acceptPauses: 0, inFlight: 0, services: [], terminations: {} };

/** Workers that apply at once, except those that are stuck: a fleet without processes, to test what is above it. */
export class TestFleet implements Fleet {
  readonly supervisorPid = 100;
  /** Every snapshot in the order in which it was sent. */
  readonly published: Snapshot[] = [];
  /** Slots of workers that apply and answer nothing. */
  readonly stuck = new Set<number>();
  /** What workers say when asked, by slot. */
  readonly reports = new Map<number, WorkerReport>();
  gone: WorkerReport[] = [];
  /** What the control process before this one heard, by process id. */
  readonly before = new Map<number, WorkerReport>();
  /** What the control process before this one had resolved. */
  readonly resolvedBefore = new Map<string, readonly string[]>();
  #conditions = noConditions;
  #workers: WorkerState[];
  #waiting: (() => void)[] = [];
  #holding = false;

  constructor(count = 2) {
    this.#workers = Array.from({ length: count }, (_, index) => ({ id: index + 1, pid: 101 + index, revision: 0 }));
  }

  workers(): readonly WorkerState[] {
    return this.#workers;
  }

  async publish(snapshot: Snapshot): Promise<PublishResult> {
    this.published.push(snapshot);
    this.#workers = this.#workers.map((worker) => (this.stuck.has(worker.id) ? worker : { ...worker, revision: snapshot.revision }));
    if (this.#holding) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return {
      applied: this.#workers.filter(({ id }) => !this.stuck.has(id)).map(({ id }) => ({ worker: id, ms: 0.5 })),
      stragglers: this.#workers.filter(({ id }) => this.stuck.has(id)).map(({ id, pid }) => ({ worker: id, pid })),
    };
  }

  inform(conditions: Conditions): void {
    this.#conditions = conditions;
  }

  conditions(): Conditions {
    return this.#conditions;
  }

  addressesBefore(): ResolvedNames {
    return this.resolvedBefore;
  }

  filesBefore(): FileTexts {
    return new Map();
  }

  async collect(): Promise<ReadonlyMap<number, WorkerReport>> {
    return new Map([...this.reports].filter(([id]) => !this.stuck.has(id)));
  }

  toldBefore(): ReadonlyMap<number, WorkerReport> {
    return this.before;
  }

  departed(): readonly WorkerReport[] {
    return this.gone;
  }

  /** From now on acknowledgements are held back, until {@link release}. */
  hold(): void {
    this.#holding = true;
  }

  release(): void {
    this.#holding = false;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** A worker dies and another process takes over its slot. */
  replace(id: number): void {
    const last = this.reports.get(id);
    if (last !== undefined) this.gone.push(last);
    this.reports.delete(id);
    this.#workers = this.#workers.map((worker) => (worker.id === id ? { id, pid: worker.pid + 1000, revision: 0 } : worker));
  }
}
