import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createBalancer } from '../../src/core/balancing.ts';
import { candidatesWith, countsOf, equalCandidates, type PlainCandidate, weightSum } from './balancing-candidates.ts';

const roundRobin = (candidates: readonly PlainCandidate[], start = 0) => createBalancer({ kind: 'round-robin' }, candidates, start);

const someWeights = fc.array(fc.oneof(fc.constant(1), fc.nat(20)), { minLength: 1, maxLength: 10 });

/** The naive version: whoever is furthest behind its weight gets the next; how far the counts may be from the weights is read off both. */
function furthestBehind(weights: readonly number[], picks: number): number[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const counts = weights.map(() => 0);
  for (let pick = 1; pick <= picks; pick++) {
    const behind = weights.map((weight, index) => (weight === 0 ? -Infinity : pick * weight - counts[index]! * total));
    counts[behind.indexOf(Math.max(...behind))]! += 1;
  }
  return counts;
}

test('equal candidates go in turn, from the start on', () => {
  const candidates = equalCandidates(4);
  const balancer = roundRobin(candidates, 0.5);
  const picked = Array.from({ length: 9 }, () => candidates.indexOf(balancer.pick(-1, 0, Math.random)!));
  expect(picked).toEqual([2, 3, 0, 1, 2, 3, 0, 1, 2]);
});

test('counts follow the weights to within one, and are those of the naive version after whole rounds', () => {
  fc.assert(
    fc.property(someWeights, fc.nat(200), (weights, picks) => {
      fc.pre(weights.some((weight) => weight > 0));
      const candidates = candidatesWith(...weights.map((weight) => ({ weight })));
      const total = weightSum(candidates);
      const balancer = roundRobin(candidates);
      const counts = countsOf(balancer, candidates, picks);
      for (const [index, weight] of weights.entries()) expect(Math.abs(counts[index]! - (picks * weight) / total)).toBeLessThan(1);
      const rest = countsOf(balancer, candidates, total - (picks % total));
      const sums = counts.map((count, index) => count + rest[index]!);
      const whole = sums.reduce((sum, count) => sum + count, 0);
      expect(sums).toEqual(furthestBehind(weights, whole));
    }),
  );
});

test('wherever it starts, a round visits everybody by weight', () => {
  fc.assert(
    fc.property(someWeights, fc.double({ min: 0, max: 0.9999, noNaN: true }), (weights, start) => {
      fc.pre(weights.some((weight) => weight > 0));
      const candidates = candidatesWith(...weights.map((weight) => ({ weight })));
      expect(countsOf(roundRobin(candidates, start), candidates, weightSum(candidates))).toEqual(weights);
    }),
  );
});

test.each([
  { weights: [1, 1, 1, 1, 1], name: 'equal weights' },
  { weights: Array.from({ length: 49 }, () => 1), name: 'as many as do not divide without rounding' },
  { weights: [5, 3, 2, 1, 1], name: 'different weights' },
])('a refresh before every pick does not change the turns of $name', ({ weights }) => {
  const candidates = candidatesWith(...weights.map((weight) => ({ weight })));
  const refreshed = roundRobin(candidates);
  const left = roundRobin(candidates);
  for (let pick = 0; pick < 100; pick++) {
    refreshed.refresh();
    expect(refreshed.pick(-1, 0, Math.random)).toBe(left.pick(-1, 0, Math.random));
  }
});

test.each([0, 1, 3, 5])(
  'while candidate %i closes and opens at every pick, the others have the same, and it what its half of the time is worth',
  (flapping) => {
    const candidates = equalCandidates(6);
    const balancer = roundRobin(candidates);
    const counts = candidates.map(() => 0);
    for (let pick = 0; pick < 1100; pick++) {
      candidates[flapping]!.open = pick % 2 === 0;
      balancer.refresh();
      counts[candidates.indexOf(balancer.pick(-1, 0, Math.random)!)]! += 1;
    }
    // Half of the picks go to five, half to six.
    const [fair, own] = [550 / 5 + 550 / 6, 550 / 6];
    for (const [index, count] of counts.entries()) expect(Math.abs(count - (index === flapping ? own : fair))).toBeLessThan(12);
  },
);

test('the round goes on where it was when one closes', () => {
  const candidates = equalCandidates(10);
  const balancer = roundRobin(candidates);
  const picked = () => candidates.indexOf(balancer.pick(-1, 0, Math.random)!);
  expect([picked(), picked(), picked(), picked(), picked()]).toEqual([0, 1, 2, 3, 4]);
  candidates[0]!.open = false;
  balancer.refresh();
  expect([picked(), picked(), picked(), picked(), picked(), picked()]).toEqual([5, 6, 7, 8, 9, 1]);
});

test('a candidate without room is passed over, and the others go on in turn', () => {
  const candidates = equalCandidates(4);
  candidates[1]!.inFlightMax = 0;
  expect(countsOf(roundRobin(candidates), candidates, 300)).toEqual([100, 0, 100, 100]);
});

test.each([
  { each: [{ share: 1 }, { share: 0.25 }], picks: 500, counts: [400, 100] },
  { each: [{ share: 1 }, { share: 0.4 }], picks: 700, counts: [500, 200] },
  { each: [{ share: 1 }, { share: 1 }, { share: 0.5 }], picks: 500, counts: [200, 200, 100] },
  { each: [{ weight: 2 }, { weight: 2, share: 0.5 }], picks: 300, counts: [200, 100] },
  { each: [{ share: 0.1 }, { share: 0.1 }, { share: 0.1 }, { share: 0.1 }], picks: 400, counts: [100, 100, 100, 100] },
  { each: [{ share: 0.4 }, { share: 0.1 }], picks: 500, counts: [400, 100] },
  { each: [{ share: 0.01 }], picks: 20, counts: [20] },
])('$each get $counts of $picks', ({ each, picks, counts }) => {
  const candidates = candidatesWith(...each);
  for (const [index, count] of countsOf(roundRobin(candidates), candidates, picks).entries()) {
    expect(Math.abs(count - counts[index]!)).toBeLessThanOrEqual(2);
  }
});

test('of many that all have just begun, nobody is far ahead of the others', () => {
  const candidates = equalCandidates(50);
  for (const candidate of candidates) candidate.share = 0.1;
  const balancer = roundRobin(candidates);
  const counts = candidates.map(() => 0);
  for (let pick = 0; pick < 1000; pick++) {
    counts[candidates.indexOf(balancer.pick(-1, 0, Math.random)!)]! += 1;
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(2);
  }
});

test('one that has collected a whole turn, but has no room, waits with it', () => {
  const candidates = candidatesWith({ share: 0.125 }, { share: 0.125 }, { share: 0.125 });
  const balancer = roundRobin(candidates);
  expect(balancer.pick(-1, 0, Math.random)).toBe(candidates[0]);
  candidates[1]!.inFlightMax = candidates[2]!.inFlightMax = 0;
  expect(countsOf(balancer, candidates, 10)).toEqual([10, 0, 0]);
  candidates[2]!.inFlightMax = Infinity;
  expect(balancer.pick(-1, 0, Math.random)).toBe(candidates[2]);
});

test('the share is that of the time of the pick', () => {
  const candidates = candidatesWith({}, { share: (nowMs) => nowMs / 1000 });
  const balancer = roundRobin(candidates);
  expect(Math.abs(countsOf(balancer, candidates, 110, { nowMs: 100 })[1]! - 10)).toBeLessThanOrEqual(1);
  expect(Math.abs(countsOf(balancer, candidates, 150, { nowMs: 500 })[1]! - 50)).toBeLessThanOrEqual(1);
  expect(Math.abs(countsOf(balancer, candidates, 200, { nowMs: 1000 })[1]! - 100)).toBeLessThanOrEqual(1);
});
