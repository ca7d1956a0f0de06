import { array, assert, constantFrom, nat, property, record, tuple } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { countSlots, moveSlots, ownerOfSlot, rollBackSlots, serviceSeed, slotCount, slotOf, type SlotTable } from '../../src/core/slots.ts';
import { firstDifference, naiveMove, naiveTable, slotsOf, type Weights } from './naive-slots.ts';

const pools = ['a', 'b', 'c', 'd'];
const weigh = (...weights: readonly number[]): Weights => weights.map((weight, index) => ({ id: pools[index]!, weight }));
const total = (weights: Weights): number => weights.reduce((sum, { weight }) => sum + weight, 0);
const countOf = (table: SlotTable, pool: string): number => countSlots(table.runs).get(pool) ?? 0;

/** The owner of every slot, as an index of {@link pools}. */
function ownersOf({ runs }: SlotTable): Uint8Array {
  const slots = new Uint8Array(slotCount);
  let end = 0;
  for (const { length, owners } of runs) slots.fill(pools.indexOf(owners.at(-1)!.pool), end, (end += length));
  return slots;
}

/** How many slots have another owner. */
function moved(before: SlotTable, after: SlotTable): number {
  const owners = ownersOf(after);
  return ownersOf(before).reduce((sum, owner, slot) => (owner === owners[slot] ? sum : sum + 1), 0);
}

/** `½ · Σ |Δ|` of the counts, and of the exact shares in slots. */
function differences(before: SlotTable, after: SlotTable, from: Weights, to: Weights) {
  const half = (of: (id: string) => number): number => to.reduce((sum, { id }) => sum + Math.abs(of(id)) / 2, 0);
  const share = (weights: Weights, id: string): number => (slotCount * weights.find((pool) => pool.id === id)!.weight) / total(weights);
  return { counts: half((id) => countOf(after, id) - countOf(before, id)), shares: half((id) => share(to, id) - share(from, id)) };
}

/** The tables along a walk, each from the one before; the first is cut anew. */
function walk(steps: readonly Weights[], from?: SlotTable, revision = 1): SlotTable[] {
  const tables: SlotTable[] = [];
  for (const [index, weights] of steps.entries()) tables.push(moveSlots(tables.at(-1) ?? from, weights, revision + index));
  return tables;
}

const someWeights = (count: number, max = 100) =>
  array(nat(max), { minLength: count, maxLength: count }).map((weights) =>
    weights.every((weight) => weight === 0) ? weigh(1, ...weights.slice(1)) : weigh(...weights),
  );

describe('a first table', () => {
  test.each([
    { weights: weigh(100, 0), runs: [['a', 65_536]] },
    {
      weights: weigh(99, 1),
      runs: [
        ['a', 64_881],
        ['b', 655],
      ],
    },
    {
      weights: weigh(1, 1, 1),
      runs: [
        ['a', 21_846],
        ['b', 21_845],
        ['c', 21_845],
      ],
    },
    { weights: weigh(0, 0), runs: [['a', 65_536]] },
    { weights: weigh(1_000_000, 1), runs: [['a', 65_536]] },
  ])('of $weights is cut by shares, in order: $runs', ({ weights, runs }) => {
    expect(moveSlots(undefined, weights, 7)).toEqual({
      runs: runs.map(([pool, length]) => ({ length, owners: [{ pool, since: 0 }] })),
      keptSince: {},
    });
  });
});

describe('a ramp', () => {
  const usual = [0, 1, 5, 25, 50, 100].map((green) => weigh(100 - green, green));

  test('from 0 to 100 changes the pool of each of a million clients exactly once, and each step takes its share of them', () => {
    const seed = serviceSeed('shop');
    const clients = Uint16Array.from({ length: 1_000_000 }, (_, n) => slotOf(`client-${n}`, seed));
    const tables = walk(usual).map(ownersOf);
    const flips = new Uint8Array(slotCount);
    for (const [index, owners] of tables.entries()) {
      for (let slot = 0; slot < slotCount; slot++) if (index > 0 && owners[slot] !== tables[index - 1]![slot]) flips[slot]! += 1;
    }
    expect(clients.every((slot) => flips[slot] === 1)).toBe(true);
    for (const [index, owners] of tables.entries()) {
      const onGreen = clients.reduce((sum, slot) => sum + (owners[slot] === 1 ? 1 : 0), 0);
      // Slots hold 15 clients each, more or less; four deviations of the split of a million by chance are 2,000.
      expect(Math.abs(onGreen / 10_000 - usual[index]![1]!.weight)).toBeLessThan(0.2);
    }
  });

  test('takes as few runs as steps', () => {
    expect(walk(usual).map(({ runs }) => runs.length)).toEqual([1, 2, 3, 4, 5, 5]);
  });

  test('in any steps, to and fro, and back gives the very table from before', () => {
    assert(
      property(nat(1000), array(nat(1000), { maxLength: 6 }), (start, steps) => {
        const tables = walk([start, ...steps, start].map((step) => weigh(1000 - step, step)));
        expect(tables.at(-1)).toEqual(tables[0]);
      }),
      { numRuns: 50 },
    );
  });

  test('of two pools from any table, above it and back, gives the very table from before', () => {
    const green = (weight: number): Weights => weigh(1000 - weight, weight);
    assert(
      property(array(nat(1000), { maxLength: 4 }), nat(1000), array(nat(1000), { minLength: 1, maxLength: 6 }), (past, start, steps) => {
        const before = walk([0, ...past, start].map(green)).at(-1)!;
        const above = steps.map((step) => start + Math.round((step / 1000) * (1000 - start)));
        const after = walk([...above, start].map(green), before, 10).at(-1)!;
        expect(after).toEqual(before);
      }),
      { numRuns: 50 },
    );
  });

  test('of two pools from any table, whatever way, gives every slot back to whom it belonged', () => {
    const green = (weight: number): Weights => weigh(1000 - weight, weight);
    assert(
      property(array(nat(1000), { maxLength: 4 }), nat(1000), array(nat(1000), { minLength: 1, maxLength: 6 }), (past, start, steps) => {
        const before = walk([...past, start].map(green)).at(-1)!;
        const after = walk([...steps, start].map(green), before, 10).at(-1)!;
        expect(moved(before, after)).toBe(0);
      }),
      { numRuns: 50 },
    );
  });

  test('of a third pool, to and fro, and back gives the very table from before', () => {
    assert(
      property(tuple(nat(900), nat(900)), nat(100), array(nat(100), { minLength: 1, maxLength: 6 }), ([a, b], start, steps) => {
        const third = (weight: number): Weights => weigh(a + 100, b + 100, 10 * weight);
        const tables = walk([start, ...steps, start].map(third));
        expect(tables.at(-1)).toEqual(tables[0]);
      }),
      { numRuns: 50 },
    );
  });

  test('of a third pool and back gives the very table from before, too, where the share of another is rounded otherwise meanwhile', () => {
    const tables = walk([4288, 7568, 7265, 4288].map((weight) => weigh(2, 12_625, weight)));
    // 7.75 slots, 6.49, 6.59, and 7.75 again, which 7 would fit as well.
    expect(tables.map((table) => countOf(table, 'a'))).toEqual([8, 7, 7, 8]);
    expect(tables.at(-1)).toEqual(tables[0]);
  });

  test.each([1, 10_000])('of two of three pools leaves the third alone, however its share is rounded (weights times %i)', (scale) => {
    assert(
      property(nat(99), nat(100), array(nat(100), { minLength: 1, maxLength: 6 }), (c, start, steps) => {
        const tables = walk([start, ...steps].map((step) => weigh((100 - step) * scale, step * scale, c + 1)));
        const slotsOfC = tables.map((table) => ownersOf(table).map((owner) => (owner === 2 ? 1 : 0)));
        for (const slots of slotsOfC) expect(Buffer.compare(slots, slotsOfC[0]!)).toBe(0);
      }),
      { numRuns: 25 },
    );
  });
});

test('two of three pools that trade leave a third alone whose share was rounded down to nothing', () => {
  const tables = walk([0, 1, 12, 50].map((step) => weigh((100 - step) * 10_000, step * 10_000, 6)));
  expect(tables.map((table) => countOf(table, 'c'))).toEqual([0, 0, 0, 0]);
});

describe('any move', () => {
  /** Counts are less than one slot off, so of n pools at most so much is moved more or less than the shares say. */
  const slack = (count: number): number => 2 * Math.floor(count / 2);

  test.each([2, 3, 4])('of %i pools takes what the counts say, no more, and what the shares say to within a slot or two', (count) => {
    assert(
      property(array(someWeights(count), { minLength: 2, maxLength: 8 }), (steps) => {
        const tables = walk(steps);
        for (let index = 1; index < steps.length; index++) {
          const [before, after] = [tables[index - 1]!, tables[index]!];
          const { counts, shares } = differences(before, after, steps[index - 1]!, steps[index]!);
          expect(moved(before, after)).toBe(counts);
          expect(Math.abs(counts - shares)).toBeLessThan(slack(count));
        }
      }),
      { numRuns: 15 },
    );
  });

  test('gives every pool its share to within less than one slot, and none that has no weight', () => {
    assert(
      property(array(someWeights(4, 1_000_000), { minLength: 1, maxLength: 8 }), (steps) => {
        for (const [index, table] of walk(steps).entries()) {
          const weights = steps[index]!;
          const { runs } = table;
          expect(runs.reduce((sum, { length }) => sum + length, 0)).toBe(slotCount);
          for (const { id, weight } of weights) {
            expect(Math.abs(countOf(table, id) - (slotCount * weight) / total(weights))).toBeLessThan(1);
            if (weight === 0) expect(countOf(table, id)).toBe(0);
          }
        }
      }),
      { numRuns: 100 },
    );
  });

  test('leaves runs that are none of them empty, none like its neighbour, and no pool twice in a past that begins at 0', () => {
    assert(
      property(array(someWeights(4), { minLength: 2, maxLength: 12 }), (steps) => {
        const { runs } = walk(steps).at(-1)!;
        for (const [index, { length, owners }] of runs.entries()) {
          expect(length).toBeGreaterThan(0);
          expect(owners).not.toEqual(runs[index - 1]?.owners);
          expect(new Set(owners.map(({ pool }) => pool)).size).toBe(owners.length);
          expect(owners[0]!.since).toBe(0);
        }
      }),
      { numRuns: 50 },
    );
  });

  test('that asks for the same shares moves nothing', () => {
    assert(
      property(array(someWeights(3), { minLength: 1, maxLength: 5 }), nat(8), (steps, times) => {
        const table = walk(steps).at(-1)!;
        const same = steps.at(-1)!.map(({ id, weight }) => ({ id, weight: weight * (times + 1) }));
        expect(moveSlots(table, same, 99)).toEqual(table);
      }),
      { numRuns: 50 },
    );
  });

  test('of less than two slots may leave the table as it is, though an earlier state of it would fit as well', () => {
    const [first, second, third] = walk([weigh(990_000, 10_000), weigh(989_984, 10_016), weigh(989_992, 10_008)]);
    expect([first, second].map((table) => countOf(table!, 'b'))).toEqual([655, 656]);
    expect(third).toEqual(second);
  });

  test('to no weight takes the last slot', () => {
    expect(countOf(walk([weigh(65_535, 1), weigh(65_535, 0)]).at(-1)!, 'b')).toBe(0);
  });

  test('goes no longer way to have an earlier state back', () => {
    const tables = walk([weigh(2, 1, 1), weigh(1, 2, 1), weigh(2, 2, 0), weigh(2, 1, 1)]);
    expect(moved(tables[2]!, tables[3]!)).toBe(slotCount / 4);
    // So here going back by weights alone does not bring everybody back; a restore takes the table as it was saved.
    expect(moved(tables[0]!, tables[3]!)).toBe(slotCount / 2);
  });

  test('with every weight 0 moves nothing', () => {
    const table = walk([weigh(50, 50), weigh(30, 70)]).at(-1)!;
    expect(moveSlots(table, weigh(0, 0), 3)).toEqual(table);
  });

  test('does what a table with one entry per slot does', () => {
    const presence = record({ weights: array(nat(20), { minLength: 4, maxLength: 4 }), without: constantFrom(-1, -1, -1, 0, 1, 2, 3) });
    assert(
      property(array(presence, { minLength: 2, maxLength: 5 }), (steps) => {
        let table: SlotTable | undefined;
        let naive = naiveTable();
        for (const [index, { weights, without }] of steps.entries()) {
          const present = weigh(...weights).filter((_, pool) => pool !== without);
          const before = table;
          table = moveSlots(before, present, index + 1);
          naive = before === undefined ? slotsOf(table) : naiveMove(naive, present, table, index + 1);
          expect(firstDifference(slotsOf(table), naive)).toBe(-1);
        }
      }),
      { numRuns: 8 },
    );
  });
});

describe('slots go', () => {
  const runs = (table: SlotTable): string[] =>
    table.runs.map(({ length, owners }) => `${length} ${owners.map(({ pool, since }) => `${pool}${since}`).join(' ')}`);
  const last = (...steps: readonly Weights[]): string[] => runs(walk(steps).at(-1)!);

  test('from the highest down', () => {
    expect(last(weigh(4, 0), weigh(3, 1), weigh(2, 2))).toEqual(['32768 a0', '16384 a0 b3', '16384 a0 b2']);
  });

  test('back to whom they belonged, those moved last first, and of those the lowest first', () => {
    expect(last(weigh(4, 0), weigh(3, 1), weigh(1, 3), weigh(2, 2))).toEqual(['32768 a0', '16384 a0 b3', '16384 a0 b2']);
  });

  test('back in the order in which they were moved, not in that of where they are', () => {
    const steps = [weigh(2, 2, 0), weigh(1, 3, 0), weigh(1, 2, 1), weigh(1, 1, 2), weigh(2, 3, 3)];
    expect(last(...steps)).toEqual(['16384 a0', '16384 a0 b2 c3', '24576 b0', '8192 b0 c4']);
  });

  test('back to an owner further down, and those between are forgotten', () => {
    expect(last(weigh(1, 0, 0), weigh(0, 1, 0), weigh(0, 0, 1))).toEqual(['65536 a0 b2 c3']);
    expect(last(weigh(1, 0, 0), weigh(0, 1, 0), weigh(0, 0, 1), weigh(1, 0, 1))).toEqual(['32768 a0', '32768 a0 b2 c3']);
  });

  test('to others only when their former owners have had theirs', () => {
    expect(last(weigh(2, 2, 0), weigh(0, 4, 0), weigh(1, 0, 3))).toEqual(['16384 a0', '16384 a0 b2 c3', '32768 b0 c3']);
  });

  test('away from a pool that no longer exists, to their former owners where these grow', () => {
    const table = walk([weigh(2, 1, 1), weigh(1, 1, 2)]).at(-1)!;
    expect(runs(table)).toEqual(['16384 a0', '16384 a0 c2', '16384 b0', '16384 c0']);
    expect(runs(moveSlots(table, weigh(1, 1), 3))).toEqual(['32768 a0', '32768 b0']);
  });

  test('nowhere but back where every weight is 0 and their pool no longer exists', () => {
    const table = walk([weigh(1, 1, 2), weigh(0, 2, 2)]).at(-1)!;
    expect(runs(table)).toEqual(['16384 a0 b2', '16384 b0', '32768 c0']);
    const withoutB = [
      { id: 'a', weight: 0 },
      { id: 'c', weight: 0 },
    ];
    expect(runs(moveSlots(table, withoutB, 3))).toEqual(['32768 a0', '32768 c0']);
  });

  test('and a pool that is gone takes its name and its time with it', () => {
    const table = { ...walk([weigh(1, 0), weigh(0, 1)]).at(-1)!, keptSince: { a: 2, b: 2 } };
    expect(moveSlots(table, [{ id: 'b', weight: 1 }], 3)).toEqual({
      runs: [{ length: slotCount, owners: [{ pool: 'b', since: 0 }] }],
      keptSince: { b: 2 },
    });
  });
});

test('a thousand steps of four pools leave a table that is still small', () => {
  let seed = 1;
  const random = (): number => (seed = Math.imul(seed, 48_271) >>> 1) % 101;
  const steps = Array.from({ length: 1000 }, () => weigh(random(), random(), random(), random() + 1));
  const { runs } = walk(steps).at(-1)!;
  expect(runs.length).toBeLessThan(500);
});

describe('gone back', () => {
  const [first, second] = walk([weigh(100, 0), weigh(60, 40)]) as [SlotTable, SlotTable];

  test('a table is the saved one, and pools that shrink thereby are not kept from then on', () => {
    expect(rollBackSlots(second, first, 3)).toEqual({ runs: first.runs, keptSince: { b: 3 } });
    expect(rollBackSlots(first, second, 3)).toEqual({ runs: second.runs, keptSince: { a: 3 } });
  });

  test('what was rolled back before stays so, whichever of the two tables knows of it', () => {
    const current = { ...second, keptSince: { a: 5, b: 6 } };
    expect(rollBackSlots(current, { ...first, keptSince: { a: 4, c: 2 } }, 9).keptSince).toEqual({ a: 5, b: 9, c: 2 });
    expect(rollBackSlots(undefined, first, 9)).toEqual(first);
  });
});

test('a slot is found in the run that holds it, whatever the runs', () => {
  assert(
    property(array(nat(slotCount - 2), { maxLength: 40 }), nat(slotCount - 1), (ends, slot) => {
      const slotEnds = [...new Set([...ends.map((end) => end + 1), slotCount])].toSorted((a, b) => a - b);
      expect(ownerOfSlot(slotEnds, slot)).toBe(slotEnds.findIndex((end) => slot < end));
      for (const [run, end] of slotEnds.entries()) expect(ownerOfSlot(slotEnds, end - 1)).toBe(run);
    }),
  );
});

test('the first hundredth of the clients of one service are not those of another', () => {
  const inFirst = (service: string): Set<number> =>
    new Set(Array.from({ length: 100_000 }, (_, n) => n).filter((n) => slotOf(`client-${n}`, serviceSeed(service)) < 656));
  const [shop, search] = [inFirst('shop'), inFirst('search')];
  // A hundredth of a hundredth by chance: about ten.
  expect(Math.abs(shop.size - 1000)).toBeLessThan(150);
  expect([...shop].filter((n) => search.has(n)).length).toBeLessThan(40);
});
