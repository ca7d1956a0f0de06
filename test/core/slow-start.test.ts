import fc from 'fast-check';
import { expect, test } from 'vitest';
import { slowStartShare } from '../../src/core/slow-start.ts';

test.each([
  { elapsedMs: 0, share: 0.1 },
  { elapsedMs: 7500, share: 0.325 },
  { elapsedMs: 15_000, share: 0.55 },
  { elapsedMs: 27_000, share: 0.91 },
  { elapsedMs: 30_000, share: 1 },
  { elapsedMs: 1_000_000, share: 1 },
])('$elapsedMs ms into a start of 30 s a target is given $share of its weight', ({ elapsedMs, share }) => {
  expect(slowStartShare(5000, 30_000, 5000 + elapsedMs)).toBeCloseTo(share, 12);
});

test('without a slow start it is all of it at once', () => {
  expect(slowStartShare(5000, 0, 5000)).toBe(1);
});

test('whatever the clock does, the share stays above 0 and at most 1, and never falls as time goes on', () => {
  const ms = fc.integer({ min: -1e9, max: 1e9 });
  fc.assert(
    fc.property(ms, fc.nat(1e7), ms, ms, (sinceMs, durationMs, a, b) => {
      const [earlier, later] = [slowStartShare(sinceMs, durationMs, Math.min(a, b)), slowStartShare(sinceMs, durationMs, Math.max(a, b))];
      expect(earlier).toBeGreaterThan(0);
      expect(later).toBeLessThanOrEqual(1);
      expect(later).toBeGreaterThanOrEqual(earlier);
    }),
  );
});
