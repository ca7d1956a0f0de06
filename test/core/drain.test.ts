import fc from 'fast-check';
import { expect, test } from 'vitest';
import { closingSpreadMs, dueToClose } from '../../src/core/drain.ts';

const deadlineMs = 30_000;

test.each([
  { remaining: 1000, afterMs: -1, due: 0 }, // the deadline has not passed
  { remaining: 0, afterMs: 0, due: 0 },
  { remaining: 7, afterMs: 0, due: 7 }, // a handful need not wait
  { remaining: 12, afterMs: 0, due: 10 },
  { remaining: 500, afterMs: 0, due: 10 },
  { remaining: 501, afterMs: 0, due: 11 },
  { remaining: 50_000, afterMs: 0, due: 1000 },
  { remaining: 50_000, afterMs: 99, due: 1000 }, // ticks fall between full tenths of a second
  { remaining: 50_000, afterMs: 4000, due: 5000 }, // ticks were left out
  { remaining: 50_000, afterMs: 4800, due: 25_000 },
  { remaining: 50_000, afterMs: 4900, due: 50_000 }, // the last tick within the time
  { remaining: 50_000, afterMs: 60_000, due: 50_000 },
])('$afterMs ms after the deadline, $due of $remaining are due', ({ remaining, afterMs, due }) => {
  expect(dueToClose(remaining, deadlineMs, deadlineMs + afterMs)).toBe(due);
});

test('tick by tick none is closed early, all are in time, and no tick closes more than its part', () => {
  const counts = fc.oneof(fc.nat(600), fc.nat(200_000));
  fc.assert(
    fc.property(counts, fc.nat(99), (count, phaseMs) => {
      let remaining = count;
      for (let nowMs = deadlineMs - 200 + phaseMs; nowMs < deadlineMs + closingSpreadMs; nowMs += 100) {
        const due = dueToClose(remaining, deadlineMs, nowMs);
        if (nowMs < deadlineMs) expect(due).toBe(0);
        expect(due).toBeLessThanOrEqual(Math.max(10, Math.ceil(count / 50)));
        remaining -= due;
      }
      expect(remaining).toBe(0);
    }),
  );
});

test('ticks that come late, or not at all, leave nothing over', () => {
  fc.assert(
    fc.property(fc.nat(100_000), fc.array(fc.integer({ min: 100, max: 3000 }), { maxLength: 60 }), (count, gaps) => {
      let [remaining, nowMs] = [count, deadlineMs];
      for (const gapMs of [0, ...gaps, closingSpreadMs]) {
        nowMs += gapMs;
        const due = dueToClose(remaining, deadlineMs, nowMs);
        expect(due).toBeGreaterThanOrEqual(Math.min(remaining, 10));
        expect(due).toBeLessThanOrEqual(remaining);
        remaining -= due;
      }
      expect(remaining).toBe(0);
    }),
  );
});
