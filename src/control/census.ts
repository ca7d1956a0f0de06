import { mergeReports, type FleetReading } from '../core/merge-reports.ts';
import type { WorkerReport } from '../core/reports.ts';
import type { Fleet } from './ports.ts';

/**
 * Reads the totals of the whole fleet such that no count ever runs backwards: a worker that does not answer in time counts with what
 * it said last, and one that has died counts once, through `fleet.departed()`.
 */
export class Census {
  readonly #fleet: Fleet;
  /** By process id, because a replacement takes over its predecessor's slot but not its counts. */
  #lastSaid = new Map<number, WorkerReport>();

  constructor(fleet: Fleet) {
    this.#fleet = fleet;
  }

  async read(timeoutMs: number): Promise<FleetReading> {
    const pidBefore = new Map(this.#fleet.workers().map((worker) => [worker.id, worker.pid]));
    const reports = await this.#fleet.collect(timeoutMs);

    // From here on in one turn: who lives and who has departed must be one and the same moment, or a count would be missed or doubled.
    const living = this.#fleet.workers();
    const lastSaid = new Map<number, WorkerReport>();
    for (const { id, pid } of living) {
      // A slot that changed hands meanwhile: the report may be the predecessor's, which departed() holds already.
      const fresh = pidBefore.get(id) === pid ? reports.get(id) : undefined;
      const report = fresh ?? this.#lastSaid.get(pid);
      if (report !== undefined) lastSaid.set(pid, report);
    }
    this.#lastSaid = lastSaid;
    return {
      workers: living.map(({ id, pid, revision }) => ({ id, pid, revision, report: lastSaid.get(pid) })),
      totals: mergeReports(lastSaid.values(), this.#fleet.departed()),
    };
  }
}
