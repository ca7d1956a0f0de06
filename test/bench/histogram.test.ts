import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Histogram } from '../../bench/histogram.ts';

function histogramOf(values: readonly number[]): Histogram {
  const histogram = new Histogram();
  for (const value of values) histogram.add(value);
  return histogram;
}

/** The value at that rank, read off the sorted list. */
function quantileOf(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(1, Math.ceil(sorted.length * share)) - 1]!;
}

describe('a histogram of latencies', () => {
  test('says the quantiles that the sorted list has: exactly below 2,048 µs, never less and within 0.1% above', () => {
    const anyUs = fc.oneof(fc.nat(3000), fc.nat(3_600_000_000));
    fc.assert(
      fc.property(fc.array(anyUs, { minLength: 1, maxLength: 200 }), fc.constantFrom(0.5, 0.9, 0.99, 0.999, 1), (values, share) => {
        const exact = quantileOf(values, share);
        const said = histogramOf(values).quantile(share);
        expect(said).toBeGreaterThanOrEqual(exact);
        expect(said).toBeLessThanOrEqual(exact < 2048 ? exact : exact * 1.001);
      }),
    );
  });

  test('counts fractions of a microsecond down, and what is longer than an hour', () => {
    const histogram = histogramOf([0.4, 1.9, 1e12]);
    expect(histogram.total).toBe(3);
    expect(histogram.quantile(0.3)).toBe(0);
    expect(histogram.quantile(0.6)).toBe(1);
    expect(histogram.quantile(1)).toBeGreaterThan(3_600_000_000);
  });

  test('that is empty has no quantiles', () => {
    expect(new Histogram().quantile(0.5)).toBeNaN();
  });
});
