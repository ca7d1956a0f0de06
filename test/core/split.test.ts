import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SplitSequence } from '../../src/core/split.ts';

const weightsOf = (...weights: number[]) => weights.map((weight, index) => ({ id: `pool-${index}`, weight }));

/** Deterministic pseudo-random numbers, so that a failure can be replayed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function picks(weights: readonly number[], requests: number, seed: number): number[] {
  const random = randomFrom(seed);
  const sequence = new SplitSequence(weightsOf(...weights), undefined, random);
  return Array.from({ length: requests }, () => sequence.pick(random));
}

const countsOf = (sequence: readonly number[], pools: number) =>
  Array.from({ length: pools }, (_, pool) => sequence.filter((pick) => pick === pool).length);

const someWeights = fc.array(fc.oneof(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 1000 })), { minLength: 1, maxLength: 8 });

/**
 * The naive version: whole-number arithmetic and no cleverness. A pick is legal when, of `n` requests, no pool has had more than
 * `n · share` rounded up, nor less than that rounded down.
 */
function firstIllegalPick(weights: readonly number[], sequence: readonly number[]): string | undefined {
  const total = BigInt(weights.reduce((sum, weight) => sum + weight, 0));
  const had = weights.map(() => 0n);
  for (const [index, pick] of sequence.entries()) {
    had[pick]! += 1n;
    for (const [pool, weight] of weights.entries()) {
      const due = BigInt(index + 1) * BigInt(weight);
      const floor = due / total;
      const ceiling = (due + total - 1n) / total;
      if (had[pool]! < floor || had[pool]! > ceiling)
        return `after ${index + 1} requests pool ${pool} has had ${had[pool]}, not ${floor}..${ceiling}`;
    }
  }
  return undefined;
}

describe('an exact split', () => {
  test.each([
    { weights: [99, 1], requests: 10_000, expected: [9900, 100] },
    { weights: [90, 9, 1], requests: 10_000, expected: [9000, 900, 100] },
    { weights: [1, 1, 1], requests: 9999, expected: [3333, 3333, 3333] },
    { weights: [0, 7], requests: 50, expected: [0, 50] },
    { weights: [997, 2, 1], requests: 100_000, expected: [99_700, 200, 100] },
  ])('gives $expected of $requests requests to pools of weight $weights', ({ weights, requests, expected }) => {
    expect(countsOf(picks(weights, requests, 1), weights.length)).toEqual(expected);
  });

  test('never leaves the bounds of the naive version, after any number of requests', () => {
    fc.assert(
      fc.property(someWeights, fc.integer(), (weights, seed) => {
        fc.pre(weights.some((weight) => weight > 0));
        expect(firstIllegalPick(weights, picks(weights, 2000, seed))).toBeUndefined();
      }),
      { numRuns: 300 },
    );
  });

  test('stays within two of the share in every window', () => {
    fc.assert(
      fc.property(someWeights, fc.integer(), fc.nat(900), fc.integer({ min: 1, max: 1000 }), (weights, seed, start, length) => {
        const total = weights.reduce((sum, weight) => sum + weight, 0);
        fc.pre(total > 0);
        const window = picks(weights, 2000, seed).slice(start, start + length);
        for (const [pool, count] of countsOf(window, weights.length).entries()) {
          expect(Math.abs(count - (length * weights[pool]!) / total)).toBeLessThanOrEqual(2);
        }
      }),
      { numRuns: 300 },
    );
  });

  test('sends nothing anywhere when every weight is 0', () => {
    expect(new SplitSequence(weightsOf(0, 0), undefined, () => 0.5).pick(() => 0.5)).toBe(-1);
  });

  test('does not fall into step with a page that always makes ten requests', () => {
    const sequence = picks([90, 10], 10_000, 7);
    const byPosition = Array.from(
      { length: 10 },
      (_, position) => sequence.filter((pick, index) => pick === 1 && index % 10 === position).length,
    );
    // 1,000 canary picks over ten positions: about 100 each; in step they would be 1,000 and nine times 0.
    for (const count of byPosition) expect(count).toBeGreaterThan(50);
  });

  test('gives every pool of a three-way split its turn at any position', () => {
    const sequence = picks([90, 9, 1], 100_000, 11);
    for (const pool of [1, 2]) {
      const byPosition = Array.from(
        { length: 10 },
        (_, position) => sequence.filter((pick, index) => pick === pool && index % 10 === position).length,
      );
      const mean = byPosition.reduce((sum, count) => sum + count, 0) / 10;
      for (const count of byPosition) expect(count).toBeGreaterThan(mean * 0.5);
    }
  });
});

describe('a new revision', () => {
  test('carries the credit over, so that a 1% canary under frequent revisions still gets 1%', () => {
    const random = randomFrom(3);
    let sequence: SplitSequence | undefined;
    let canary = 0;
    for (let revision = 0; revision < 1000; revision++) {
      sequence = new SplitSequence(weightsOf(99, 1), sequence, random);
      for (let request = 0; request < 10; request++) canary += sequence.pick(random);
    }
    expect(canary).toBeGreaterThanOrEqual(99);
    expect(canary).toBeLessThanOrEqual(101);
  });

  test('never finds a pool a whole request behind or ahead, whatever pools leave and come back', () => {
    const weights = fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 1000 })), {
      minLength: 6,
      maxLength: 6,
    });
    fc.assert(
      fc.property(fc.array(fc.tuple(weights, fc.nat(40)), { maxLength: 30 }), fc.integer(), (revisions, seed) => {
        const random = randomFrom(seed);
        let sequence: SplitSequence | undefined;
        for (const [arms, requests] of revisions) {
          sequence = new SplitSequence(weightsOf(...arms), sequence, random);
          for (let request = 0; request <= requests; request++) {
            if (request > 0) sequence.pick(random);
            const behind = arms.map((_, pool) => sequence!.behind(`pool-${pool}`));
            expect(Math.max(...behind.map(Math.abs))).toBeLessThan(1);
            expect(behind.reduce((sum, debt) => sum + debt, 0)).toBeCloseTo(0, 9);
          }
        }
      }),
      { numRuns: 1000 },
    );
  });

  test('keeps what a small pool is owed, among many whose weights change all the time', () => {
    const random = randomFrom(9);
    let sequence: SplitSequence | undefined;
    let canary = 0;
    for (let revision = 0; revision < 2000; revision++) {
      const others = revision % 2 === 0 ? [11, 11, 11, 11, 11, 11, 11, 11, 11] : [11, 11, 11, 11, 12, 10, 11, 11, 11];
      sequence = new SplitSequence(weightsOf(...others, 1), sequence, random);
      for (let request = 0; request < 10; request++) if (sequence.pick(random) === 9) canary += 1;
    }
    expect(Math.abs(canary - 200)).toBeLessThan(2);
  });

  test('keeps every pool within one of what all weights so far have added up to', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 3, maxLength: 3 }), fc.nat(50)), { maxLength: 30 }),
        fc.integer(),
        (revisions, seed) => {
          const random = randomFrom(seed);
          let sequence: SplitSequence | undefined;
          const due = [0, 0, 0];
          const had = [0, 0, 0];
          for (const [weights, requests] of revisions) {
            sequence = new SplitSequence(weightsOf(...weights), sequence, random);
            const total = weights.reduce((sum, weight) => sum + weight, 0);
            for (let request = 0; request < requests; request++) {
              had[sequence.pick(random)]! += 1;
              for (const [pool, weight] of weights.entries()) due[pool]! += weight / total;
              for (const pool of due.keys()) expect(Math.abs(due[pool]! - had[pool]!)).toBeLessThan(1.0001);
            }
          }
        },
      ),
    );
  });
});
