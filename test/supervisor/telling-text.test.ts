import fc from 'fast-check';
import { expect, test } from 'vitest';
import { heard } from '../../src/core/tellings.ts';
import { readTelling, readTellings, writeTelling } from '../../src/supervisor/telling-text.ts';
import { anyReport } from '../core/reports-support.ts';

test('a telling is read as it was written', () => {
  fc.assert(
    fc.property(anyReport, fc.boolean(), (report, isWhole) => {
      expect(readTelling(writeTelling({ isWhole, report }))).toEqual({ isWhole, report });
    }),
  );
});

test('several tellings, one after the other, give what is known after the last', () => {
  fc.assert(
    fc.property(anyReport, fc.array(anyReport, { maxLength: 3 }), (first, others) => {
      const tellings = [{ isWhole: true, report: first }, ...others.map((report) => ({ isWhole: false, report }))];
      const known = others.reduce((before, report) => heard(before, { isWhole: false, report }), first);
      expect(readTellings(tellings.map(writeTelling))).toEqual(known);
    }),
  );
  expect(readTellings([])).toBeUndefined();
});
