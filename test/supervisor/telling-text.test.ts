import fc from 'fast-check';
import { expect, test } from 'vitest';
import { heard } from '../../src/core/tellings.ts';
import { readTelling, readTellings, TellingWriter, type ToldText, writeTelling } from '../../src/supervisor/telling-text.ts';
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

test('what has to be kept does not grow: everything is told again when the changes have become as long, and not before', () => {
  fc.assert(
    fc.property(anyReport, fc.array(anyReport, { minLength: 20, maxLength: 40 }), (everything, changes) => {
      const writer = new TellingWriter();
      let kept: ToldText[] = [];
      const lengthOf = (texts: readonly ToldText[]): number => texts.reduce((sum, { text }) => sum + text.length, 0);
      for (const report of changes) {
        const [whole, ...later] = kept;
        const isDue = whole === undefined || lengthOf(later) >= whole.text.length;
        const told = writer.write((wantsWhole) => ({ isWhole: wantsWhole, report: wantsWhole ? everything : report }));
        expect(told.isWhole).toBe(isDue);
        kept = told.isWhole ? [told] : [...kept, told];
      }
    }),
  );
});
