/**
 * How a worker tells its totals again and again without saying everything again: the first telling is whole, those that follow name only what
 * has changed since. Totals stay absolute, so a telling is a report with fewer entries, and laying it over what was known gives the report.
 */
import type { PoolReport, ServiceReport, WorkerReport } from './reports.ts';

/** Tellings of one worker build on each other: none may be left out, and their order counts. The first is whole. */
export interface Telling {
  /** It stands in place of everything that was told before. Otherwise it leaves out services, pools and targets that are as they were. */
  readonly isWhole: boolean;
  readonly report: WorkerReport;
}

/** What is known after a telling. What has not changed stays the very same object, so that others see at a glance where to look. */
export function heard(before: WorkerReport | undefined, { isWhole, report }: Telling): WorkerReport {
  if (isWhole || before === undefined) return report;
  return { ...report, services: overlay(before.services, report.services, overlayService) };
}

function overlayService(before: ServiceReport, told: ServiceReport): ServiceReport {
  return { ...told, pools: overlay(before.pools, told.pools, overlayPool) };
}

function overlayPool(before: PoolReport, told: PoolReport): PoolReport {
  return { ...told, targets: overlay(before.targets, told.targets, (_, target) => target) };
}

/** In the order of `before`; what is new comes last. */
function overlay<T extends { readonly id: string }>(
  before: readonly T[],
  told: readonly T[],
  merge: (before: T, told: T) => T,
): readonly T[] {
  if (told.length === 0) return before;
  const left = new Map(told.map((part) => [part.id, part]));
  const merged = before.map((part) => {
    const change = left.get(part.id);
    if (change === undefined) return part;
    left.delete(part.id);
    return merge(part, change);
  });
  return [...merged, ...left.values()];
}
