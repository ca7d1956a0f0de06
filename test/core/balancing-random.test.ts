import fc from 'fast-check';
import { expect, test } from 'vitest';
import { WeightedDraw } from '../../src/core/balancing/weighted-draw.ts';
import { createBalancer } from '../../src/core/balancing.ts';
import { candidatesWith, countsOf } from './balancing-candidates.ts';

test('of evenly spread points, every index is drawn by as many as its weight asks', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 1000 })), { minLength: 1, maxLength: 12 }),
      (weights) => {
        const draw = new WeightedDraw(weights);
        const total = weights.reduce((sum, weight) => sum + weight, 0);
        const points = 5000;
        const counts = weights.map(() => 0);
        for (let point = 0; point < points; point++) counts[draw.indexAt((point + 0.5) / points)]! += 1;
        // An index owns a piece of each place at most; each piece is counted to within one.
        for (const [index, weight] of weights.entries()) {
          expect(Math.abs(counts[index]! - (points * weight) / total)).toBeLessThanOrEqual(weights.length + 1);
        }
      },
    ),
  );
});

test.each([
  { each: [{}, {}, {}, {}], parts: [0.25, 0.25, 0.25, 0.25] },
  { each: [{ weight: 7 }, { weight: 2 }, { weight: 1 }, { weight: 0 }], parts: [0.7, 0.2, 0.1, 0] },
  { each: [{}, { share: 0.25 }], parts: [0.8, 0.2] },
  { each: [{ weight: 2, share: 0.5 }, { weight: 1 }, { weight: 4, share: 0.25 }], parts: [1 / 3, 1 / 3, 1 / 3] },
  { each: [{ share: 0.1 }, { share: 0.1 }], parts: [0.5, 0.5] },
  { each: [{ share: 0.02 }, { share: 0.01 }, { weight: 0 }], parts: [0.67, 0.33, 0] },
  { each: [{ weight: 5, inFlightMax: 0 }, { weight: 3 }, { weight: 1 }], parts: [0, 0.75, 0.25] },
  { each: [{ weight: 997, inFlightMax: 0 }, { weight: 2 }, { weight: 1 }], parts: [0, 0.67, 0.33] },
  { each: [{ weight: 997, inFlightMax: 0 }, { weight: 4, share: 0.25 }, { weight: 2 }], parts: [0, 0.33, 0.67] },
])('$each get the parts $parts', ({ each, parts }) => {
  const candidates = candidatesWith(...each);
  const picks = 20_000;
  const counts = countsOf(createBalancer({ kind: 'random' }, candidates, 0), candidates, picks);
  // Five times what chance makes them differ by, and a hundredth for parts that are not exact.
  for (const [index, part] of parts.entries()) {
    expect(Math.abs(counts[index]! / picks - part)).toBeLessThan(part === 0 ? Number.MIN_VALUE : 5 * Math.sqrt(0.25 / picks) + 0.01);
  }
});
