import { mergeClients } from './clients.ts';
import { countsOf } from './counts.ts';
import type { DurationReport, MirrorReport, PoolReport, ServiceReport, TargetReport, WorkerReport } from './reports.ts';

/** One worker as it was read, and the totals of all. */
export interface FleetReading {
  readonly workers: readonly WorkerReading[];
  /** Workers that have died count with what they finished, never with what they had open. */
  readonly totals: WorkerReport;
}

export interface WorkerReading {
  readonly id: number;
  readonly pid: number;
  readonly revision: number;
  /** What it said last; undefined where it has not answered since it started. */
  readonly report: WorkerReport | undefined;
}

/** Sums of before: of what has not changed since, which is nearly all where there are thousands of targets, the sum is not worked out again. */
export class MergeMemory {
  #services = new Map<string, { readonly parts: readonly ServiceReport[]; readonly sum: ServiceReport }>();
  readonly #closed = new WeakMap<WorkerReport, WorkerReport>();

  /** The very same object as long as each part is the very same. */
  services(parts: readonly ServiceReport[]): ServiceReport[] {
    const before = this.#services;
    this.#services = new Map();
    const sums: ServiceReport[] = [];
    for (const [id, group] of Map.groupBy(parts, (part) => part.id)) {
      const known = before.get(id);
      const entry = known !== undefined && isSameList(known.parts, group) ? known : { parts: group, sum: mergeService(id, group) };
      this.#services.set(id, entry);
      sums.push(entry.sum);
    }
    return sums;
  }

  closed(report: WorkerReport): WorkerReport {
    let known = this.#closed.get(report);
    if (known === undefined) this.#closed.set(report, (known = closed(report)));
    return known;
  }
}

/**
 * The sum of several workers' totals. `departed` are those of workers that are gone: their counts stay, what they had open does not.
 * The revision is the lowest of the living, 0 without any. Services, pools and targets keep the order in which they are first met.
 * @param memory for whoever sums the same again and again
 */
export function mergeReports(
  living: Iterable<WorkerReport>,
  departed: Iterable<WorkerReport> = [],
  memory: MergeMemory = new MergeMemory(),
): WorkerReport {
  const alive = [...living];
  const all = [...alive, ...[...departed].map((report) => memory.closed(report))];
  return {
    revision: alive.length === 0 ? 0 : Math.min(...alive.map((report) => report.revision)),
    connections: sum(all.map((report) => report.connections)),
    acceptPauses: sum(all.map((report) => report.acceptPauses)),
    inFlight: sum(all.map((report) => report.inFlight)),
    services: memory.services(all.flatMap((report) => report.services)),
    terminations: mergeCounts(all.map((report) => report.terminations)),
  };
}

function mergeService(id: string, services: readonly ServiceReport[]): ServiceReport {
  if (services.length === 1) return services[0]!;
  return {
    id,
    pools: mergeById(
      services.flatMap((service) => service.pools),
      mergePool,
    ),
    retries: sum(services.map((service) => service.retries)),
    retriesRefused: sum(services.map((service) => service.retriesRefused)),
    rescued: sum(services.map((service) => service.rescued)),
    decisions: mergeCounts(services.map((service) => service.decisions)),
    mirrors: [
      ...Map.groupBy(
        services.flatMap((service) => service.mirrors),
        (mirror) => mirror.pool,
      ),
    ].map(mergeMirror),
  };
}

function mergePool(id: string, pools: readonly PoolReport[]): PoolReport {
  return {
    id,
    targets: mergeById(
      pools.flatMap((pool) => pool.targets),
      mergeTarget,
    ),
    durations: mergeDurations(pools.map((pool) => pool.durations)),
    picked: sum(pools.map((pool) => pool.picked)),
    queued: sum(pools.map((pool) => pool.queued)),
    clients: mergeClients(pools.flatMap((pool) => pool.clients ?? [])),
  };
}

function mergeMirror([pool, mirrors]: [string, readonly MirrorReport[]]): MirrorReport {
  return {
    pool,
    sent: sum(mirrors.map((mirror) => mirror.sent)),
    dropped: mergeCounts(mirrors.map((mirror) => mirror.dropped)),
    inFlight: sum(mirrors.map((mirror) => mirror.inFlight)),
  };
}

function mergeTarget(id: string, targets: readonly TargetReport[]): TargetReport {
  return {
    id,
    inFlight: sum(targets.map((target) => target.inFlight)),
    streaming: sum(targets.map((target) => target.streaming)),
    upgraded: sum(targets.map((target) => target.upgraded)),
    available: targets.some((target) => target.available),
    ejected: targets.some((target) => target.ejected),
    ejections: sum(targets.map((target) => target.ejections)),
    codes: mergeCounts(targets.map((target) => target.codes)),
  };
}

function mergeDurations(durations: readonly DurationReport[]): DurationReport {
  const length = Math.max(...durations.map((duration) => duration.counts.length));
  return {
    counts: Array.from({ length }, (_, bucket) => sum(durations.map((duration) => duration.counts[bucket] ?? 0))),
    sumMs: sum(durations.map((duration) => duration.sumMs)),
  };
}

function mergeById<T extends { readonly id: string }>(parts: readonly T[], merge: (id: string, parts: readonly T[]) => T): T[] {
  return [...Map.groupBy(parts, (part) => part.id)].map(([id, group]) => merge(id, group));
}

function isSameList(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((part, index) => part === b[index]);
}

function mergeCounts(counts: readonly Readonly<Record<string, number>>[]): Readonly<Record<string, number>> {
  if (counts.length === 1) return counts[0]!;
  const merged = new Map<string, number>();
  for (const part of counts) {
    for (const [key, count] of Object.entries(part)) merged.set(key, (merged.get(key) ?? 0) + count);
  }
  return countsOf(merged);
}

/** A worker's report without what it had open. */
function closed(report: WorkerReport): WorkerReport {
  return {
    ...report,
    connections: 0,
    inFlight: 0,
    services: report.services.map((service) => ({
      ...service,
      mirrors: service.mirrors.map((mirror) => ({ ...mirror, inFlight: 0 })),
      pools: service.pools.map((pool) => ({ ...pool, queued: 0, targets: pool.targets.map(closedTarget) })),
    })),
  };
}

function closedTarget(target: TargetReport): TargetReport {
  return { ...target, inFlight: 0, streaming: 0, upgraded: 0, available: false, ejected: false };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
