import { MergeMemory, mergeReports, type FleetReading } from '../core/merge-reports.ts';
import type { WorkerReport } from '../core/reports.ts';
import type { Fleet } from './ports.ts';

/** A worker's answer, and which of our questions it answers. */
interface Said {
  readonly question: number;
  readonly report: WorkerReport;
}

/**
 * Reads the totals of the whole fleet such that no count ever runs backwards: a worker that does not answer in time counts with what
 * it said last, and one that has died counts once, through `fleet.departed()`.
 */
export class Census {
  readonly #fleet: Fleet;
  /** By process id, because a replacement takes over its predecessor's slot but not its counts. */
  #lastSaid: Map<number, Said>;
  #questions = 0;
  readonly #memory = new MergeMemory();

  constructor(fleet: Fleet) {
    this.#fleet = fleet;
    this.#lastSaid = new Map([...fleet.toldBefore()].map(([pid, report]) => [pid, { question: 0, report }]));
  }

  async read(timeoutMs: number): Promise<FleetReading> {
    const question = ++this.#questions;
    const pidBefore = new Map(this.#fleet.workers().map((worker) => [worker.id, worker.pid]));
    const reports = await this.#fleet.collect(timeoutMs);

    // From here on in one turn: who lives and who has departed must be one and the same moment, or a count would be missed or doubled.
    const living = this.#fleet.workers();
    const lastSaid = new Map<number, Said>();
    for (const { id, pid } of living) {
      // A slot that changed hands meanwhile: the report may be the predecessor's, which departed() holds already.
      const report = pidBefore.get(id) === pid ? reports.get(id) : undefined;
      const said = later(this.#lastSaid.get(pid), report === undefined ? undefined : { question, report });
      if (said !== undefined) lastSaid.set(pid, said);
    }
    this.#lastSaid = lastSaid;
    return {
      workers: living.map(({ id, pid, revision }) => ({ id, pid, revision, report: lastSaid.get(pid)?.report })),
      totals: mergeReports(
        [...lastSaid.values()].map(({ report }) => report),
        this.#fleet.departed(),
        this.#memory,
      ),
    };
  }
}

/** Readings overlap, and the one that waits for a stuck worker ends after one that was begun later: its answers are old by then. */
function later(a: Said | undefined, b: Said | undefined): Said | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a.question > b.question ? a : b;
}
