import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compileRotation } from '../../src/core/rotation.ts';

test.each([
  { weights: [1, 1, 1], rotation: [0, 1, 2] },
  { weights: [5, 5], rotation: [0, 1] },
  { weights: [2, 1], rotation: [0, 1, 0] },
  { weights: [4, 1, 1], rotation: [0, 0, 1, 2, 0, 0] },
  { weights: [0, 3], rotation: [1] },
  { weights: [0, 0], rotation: [] },
  { weights: [], rotation: [] },
])('weights $weights are visited in the order $rotation', ({ weights, rotation }) => {
  expect(compileRotation(weights)).toEqual(rotation);
});

test('one round visits every item exactly as often as its weight asks', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 20 }), (weights) => {
      const rotation = compileRotation(weights);
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      for (const [item, weight] of weights.entries()) {
        expect(rotation.filter((visit) => visit === item).length * total).toBe(weight * rotation.length);
      }
    }),
  );
});

test('weights without a common measure are rounded, and none is forgotten', () => {
  const weights = Array.from({ length: 1000 }, (_, index) => 1 + ((index * 7919) % 1000));
  const rotation = compileRotation(weights);
  expect(rotation.length).toBeLessThan(20_000);
  expect(new Set(rotation).size).toBe(1000);
});
