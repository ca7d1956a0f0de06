import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compileRotation } from '../../src/core/rotation.ts';

test.each([
  { weights: [1, 1, 1], rotation: [0, 1, 2] },
  { weights: [5, 5], rotation: [0, 1] },
  { weights: [2, 1], rotation: [0, 0, 1] },
  { weights: [1, 2], rotation: [1, 1, 0] },
  { weights: [4, 1, 1], rotation: [0, 0, 1, 0, 0, 2] },
  { weights: [3, 1, 1, 1], rotation: [0, 1, 0, 2, 0, 3] },
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

test('after any number of visits, round after round, every item has had its share to within one', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 60 })), { maxLength: 12 }), (weights) => {
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      const rotation = compileRotation(weights);
      const had = weights.map(() => 0);
      for (const [index, item] of [...rotation, ...rotation].entries()) {
        had[item]! += 1;
        const off = weights.map((weight, other) => Math.abs(had[other]! * total - (index + 1) * weight));
        expect(Math.max(...off)).toBeLessThan(total);
      }
    }),
    { numRuns: 500 },
  );
});

test.each([
  { weights: [10, ...ones(10)], longest: 1 },
  { weights: [100, ...ones(100)], longest: 1 },
  { weights: [4, 1, 1], longest: 2 },
  { weights: [50, 1, 1], longest: 25 },
  { weights: [20, ...ones(10)], longest: 2 },
  { weights: [5, 4, 3, 2, 1], longest: 1 },
])('of weights $weights none has more than $longest visits in a row', ({ weights, longest }) => {
  const rotation = compileRotation(weights);
  expect(longestRun([...rotation, ...rotation])).toBe(longest);
});

test('weights without a common measure are rounded, and none is forgotten', () => {
  const weights = Array.from({ length: 1000 }, (_, index) => 1 + ((index * 7919) % 1000));
  const rotation = compileRotation(weights);
  expect(rotation.length).toBeLessThan(20_000);
  expect(new Set(rotation).size).toBe(1000);
});

function ones(count: number): number[] {
  return Array.from({ length: count }, () => 1);
}

function longestRun(visits: readonly number[]): number {
  let longest = 0;
  let run = 0;
  for (const [index, item] of visits.entries()) {
    run = item === visits[index - 1] ? run + 1 : 1;
    longest = Math.max(longest, run);
  }
  return longest;
}
