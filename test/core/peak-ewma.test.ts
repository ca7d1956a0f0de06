import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PeakEwma } from '../../src/core/peak-ewma.ts';

const observed = (...observations: readonly (readonly [latencyMs: number, nowMs: number])[]) => {
  const latency = new PeakEwma();
  for (const [latencyMs, nowMs] of observations) latency.observe(latencyMs, nowMs);
  return latency;
};

test('nothing is known before the first observation, at any time', () => {
  expect(new PeakEwma().at(0)).toBe(0);
  expect(new PeakEwma().at(1e9)).toBe(0);
});

test.each([
  { afterMs: 0, leftMs: 100 },
  { afterMs: 10_000, leftMs: 100 / Math.E },
  { afterMs: 20_000, leftMs: 100 / Math.E ** 2 },
  { afterMs: 10_000 * Math.LN2, leftMs: 50 },
])('of 100 ms, $leftMs ms are left after $afterMs ms', ({ afterMs, leftMs }) => {
  expect(observed([100, 5000]).at(5000 + afterMs)).toBeCloseTo(leftMs, 9);
});

test('a peak counts at once and in full', () => {
  expect(observed([10, 0], [500, 1]).at(1)).toBe(500);
});

test.each([
  { sinceMs: 0, leftMs: 100 },
  { sinceMs: 10_000 * Math.LN2, leftMs: 50 },
  { sinceMs: 1e9, leftMs: 10 },
])('10 ms, $sinceMs ms after 100 ms, leave $leftMs ms', ({ sinceMs, leftMs }) => {
  expect(observed([100, 0], [10, sinceMs]).at(sinceMs)).toBeCloseTo(leftMs, 9);
});

test('observations do not change how fast a peak fades', () => {
  const often = observed([100, 0], [1, 1000], [20, 3000], [1, 9000]);
  expect(often.at(10_000)).toBeCloseTo(observed([100, 0]).at(10_000), 9);
});

test('steady observations bring it down to what they say', () => {
  const latency = observed([5000, 0]);
  for (let nowMs = 100; nowMs <= 200_000; nowMs += 100) latency.observe(20, nowMs);
  expect(latency.at(200_000)).toBeCloseTo(20, 3);
});

test('what was observed is never forgotten to 0, however fast it was and however long ago', () => {
  expect(observed([0, 0]).at(0)).toBeGreaterThan(0);
  expect(observed([100, 0]).at(1e12)).toBeGreaterThan(0);
});

test('a clock that goes backwards changes nothing', () => {
  expect(observed([100, 5000]).at(4000)).toBe(100);
  expect(observed([100, 5000], [10, 4000]).at(4000)).toBe(100);
});

test('after an observation it is between that and the highest so far', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.integer({ min: 1, max: 10_000 }), fc.nat(60_000)), { minLength: 1 }), (steps) => {
      const latency = new PeakEwma();
      let nowMs = 0;
      let highest = 0;
      for (const [latencyMs, waitMs] of steps) {
        nowMs += waitMs;
        highest = Math.max(highest, latencyMs);
        latency.observe(latencyMs, nowMs);
        expect(latency.at(nowMs)).toBeGreaterThanOrEqual(latencyMs * (1 - 1e-12));
        expect(latency.at(nowMs)).toBeLessThanOrEqual(highest * (1 + 1e-12));
      }
    }),
  );
});
