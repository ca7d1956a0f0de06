import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MergeMemory, mergeReports } from '../../src/core/merge-reports.ts';
import { heard } from '../../src/core/tellings.ts';
import { anyReport } from './reports-support.ts';

test('sums with a memory are those without, whatever was summed before', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ worker: fc.nat(2), dies: fc.boolean(), told: anyReport }), { maxLength: 8 }), (steps) => {
      const memory = new MergeMemory();
      const living = [0, 1, 2].map(() => mergeReports([]));
      let departed = mergeReports([]);
      for (const { worker, dies, told } of steps) {
        if (dies) departed = mergeReports([], [departed, living[worker]!]);
        living[worker] = dies ? told : heard(living[worker], { isWhole: false, report: told });
        expect(mergeReports(living, [departed], memory)).toEqual(mergeReports(living, [departed]));
      }
    }),
  );
});

test('a service of which nobody told anything new is the very same as before', () => {
  fc.assert(
    fc.property(anyReport, anyReport, anyReport, (one, other, told) => {
      const memory = new MergeMemory();
      const before = mergeReports([one, other], [], memory).services;
      const after = mergeReports([heard(one, { isWhole: false, report: told }), other], [], memory).services;
      const changed = new Set(told.services.map(({ id }) => id));
      for (const service of before) {
        if (!changed.has(service.id)) expect(after.find(({ id }) => id === service.id)).toBe(service);
      }
    }),
  );
});
