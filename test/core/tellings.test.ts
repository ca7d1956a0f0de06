import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { WorkerReport } from '../../src/core/reports.ts';
import { heard } from '../../src/core/tellings.ts';
import { anyReport } from './reports-support.ts';

interface Part {
  readonly id: string;
}

const byId = (a: Part, b: Part): number => a.id.localeCompare(b.id);

/** Entry by entry, by names: what is told in place of what was known. */
function naive(before: WorkerReport, told: WorkerReport): WorkerReport {
  const lay = <T extends Part>(under: readonly T[], over: readonly T[], merge: (a: T, b: T) => T): readonly T[] =>
    [...new Set([...under, ...over].map(({ id }) => id))]
      .map((id) => {
        const [a, b] = [under.find((part) => part.id === id), over.find((part) => part.id === id)];
        return a === undefined || b === undefined ? (a ?? b)! : merge(a, b);
      })
      .toSorted(byId);
  return {
    ...told,
    services: lay(before.services, told.services, (service, toldService) => ({
      ...toldService,
      pools: lay(service.pools, toldService.pools, (pool, toldPool) => ({
        ...toldPool,
        targets: lay(pool.targets, toldPool.targets, (_, target) => target),
      })),
    })),
  };
}

/** The same whatever order the parts are in. */
const sorted = (report: WorkerReport): WorkerReport => naive(report, report);

test('what has changed is laid over what was known', () => {
  fc.assert(
    fc.property(anyReport, anyReport, (before, told) => {
      const services = told.services.toReversed();
      expect(sorted(heard(before, { isWhole: false, report: { ...told, services } }))).toEqual(sorted(naive(before, told)));
    }),
  );
});

test('what is whole stands in place of everything, and so does what comes first', () => {
  fc.assert(
    fc.property(anyReport, anyReport, (before, told) => {
      expect(heard(before, { isWhole: true, report: told })).toBe(told);
      expect(heard(undefined, { isWhole: false, report: told })).toBe(told);
    }),
  );
});

test('what was not told of stays the very same, in its place', () => {
  fc.assert(
    fc.property(anyReport, anyReport, (before, told) => {
      const after = heard(before, { isWhole: false, report: told });
      const names = new Set(told.services.map(({ id }) => id));
      for (const [place, service] of before.services.entries()) {
        expect(after.services[place]!.id).toBe(service.id);
        if (!names.has(service.id)) expect(after.services[place]).toBe(service);
      }
    }),
  );
});
