import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hashText } from '../../src/core/hash.ts';
import { buildMaglev } from '../../src/core/maglev.ts';

const idsOf = (count: number) => Array.from({ length: count }, (_, index) => `10.0.${index >> 8}.${index & 255}:8080`);
const equal = (count: number) => Array.from({ length: count }, () => 1);

function entriesOf(table: Iterable<number>, targets: number): number[] {
  const counts = Array.from({ length: targets }, () => 0);
  for (const index of table) counts[index]! += 1;
  return counts;
}

/** The naive version, for equal weights and a table of the smallest size: figure 2 of the paper, with whole permutations, the first entry last. */
function naiveTable(ids: readonly string[]): number[] {
  const size = 65_537;
  const inOrder = ids.toSorted();
  const permutations = inOrder.map((id) => {
    const offset = hashText(id, 0x6d61676c) % size;
    const skip = 1 + (hashText(id, 0x65762121) % (size - 1));
    return Array.from({ length: size }, (_, step) => (offset + step * skip) % size).toReversed();
  });
  const table = Array.from({ length: size }, () => -1);
  for (let filled = 0; filled < size;) {
    for (const [taker, permutation] of permutations.entries()) {
      if (filled === size) break;
      let place = permutation.pop()!;
      while (table[place] !== -1) place = permutation.pop()!;
      table[place] = ids.indexOf(inOrder[taker]!);
      filled++;
    }
  }
  return table;
}

test('with equal weights it is the table of the naive version', () => {
  const ids = ['green-2', 'green-1', 'green-3', 'blue'];
  expect([...buildMaglev(ids, equal(4))].join()).toBe(naiveTable(ids).join());
});

test.each([
  { targets: 1, length: 65_537 },
  { targets: 600, length: 65_537 },
  { targets: 700, length: 70_001 },
  { targets: 1000, length: 100_003 },
])('with $targets targets the table has $length entries', ({ targets, length }) => {
  expect(buildMaglev(idsOf(targets), equal(targets))).toHaveLength(length);
});

test.each([{ weights: [] }, { weights: [0] }, { weights: [0, 0] }])('with weights $weights it is empty', ({ weights }) => {
  expect(buildMaglev(idsOf(weights.length), weights)).toHaveLength(0);
});

test('every target has entries by its weight, to within its turns of one round', () => {
  const weights = fc.array(fc.oneof(fc.constant(0), fc.constant(1), fc.integer({ min: 1, max: 1000 })), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(weights, (some) => {
      fc.pre(some.some((weight) => weight > 0));
      const table = buildMaglev(idsOf(some.length), some);
      const total = some.reduce((sum, weight) => sum + weight, 0);
      const positive = some.filter((weight) => weight > 0).length;
      for (const [index, count] of entriesOf(table, some.length).entries()) {
        const turns = (some[index]! * positive) / total;
        expect(Math.abs(count - (some[index]! * table.length) / total)).toBeLessThanOrEqual(some[index] === 0 ? 0 : turns + 1);
      }
    }),
    { numRuns: 20 },
  );
});

test('the smallest weight among many large ones still has an entry', () => {
  const weights = [...Array.from({ length: 300 }, () => 1000), 1];
  expect(entriesOf(buildMaglev(idsOf(301), weights), 301).at(-1)).toBe(1);
});

test('the order of the list does not matter', () => {
  const ids = idsOf(20);
  const weights = ids.map((_, index) => 1 + (index % 3));
  const reversed = ids.toReversed();
  const table = [...buildMaglev(ids, weights)].map((index) => ids[index]);
  expect([...buildMaglev(reversed, weights.toReversed())].map((index) => reversed[index])).toEqual(table);
});

describe.each([
  { name: 'equal weights', weightAt: () => 1 },
  { name: 'weights of 1 to 5', weightAt: (index: number) => 1 + (index % 5) },
])('with $name', ({ weightAt }) => {
  test.each([5, 50])('removing one of %i targets moves few entries of the others', (count) => {
    const ids = idsOf(count);
    const weights = ids.map((_, index) => weightAt(index));
    const before = buildMaglev(ids, weights);
    const removed = Math.floor(count / 2);
    const left = ids.filter((_, index) => index !== removed);
    const after = buildMaglev(
      left,
      weights.filter((_, index) => index !== removed),
    );
    let moved = 0;
    for (const [entry, index] of before.entries()) if (index !== removed && ids[index] !== left[after[entry]!]) moved++;
    expect(moved / before.length).toBeLessThan(0.01);
    expect(entriesOf(before, count)[removed]).toBeGreaterThan(0);
  });
});
