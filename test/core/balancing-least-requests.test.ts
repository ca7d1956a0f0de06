import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createBalancer } from '../../src/core/balancing.ts';
import { candidatesWith, countsOf, equalCandidates, type PlainCandidate, runClients, weightSum } from './balancing-candidates.ts';

const leastRequests = (candidates: readonly PlainCandidate[], start = 0) => createBalancer({ kind: 'least-requests' }, candidates, start);

const loadOf = ({ inFlight, weight, share }: PlainCandidate) => (inFlight + 1) / (weight * (share as number));

test('of busy candidates it is the one that the naive version finds', () => {
  const busy = fc.record({
    weight: fc.integer({ min: 0, max: 5 }),
    open: fc.boolean(),
    inFlight: fc.integer({ min: 1, max: 20 }),
    inFlightMax: fc.constantFrom(10, Infinity),
    share: fc.constantFrom(0.1, 0.5, 1),
  });
  fc.assert(
    fc.property(fc.array(fc.array(busy, { minLength: 6, maxLength: 6 }), { minLength: 1, maxLength: 5 }), (rounds) => {
      const candidates = equalCandidates(6);
      const balancer = leastRequests(candidates, 0.9);
      for (const round of rounds) {
        for (const [index, fields] of round.entries()) Object.assign(candidates[index]!, fields);
        const eligible = candidates.filter(({ open, weight, hasRoom }) => open && weight > 0 && hasRoom);
        const picked = balancer.pick(-1, 0, Math.random);
        if (eligible.length === 0) expect(picked).toBeUndefined();
        else expect(loadOf(picked!)).toBe(Math.min(...eligible.map(loadOf)));
      }
    }),
  );
});

test('equals have the same to within one at any time, idle or busy', () => {
  for (const inFlight of [0, 3]) {
    const candidates = equalCandidates(7);
    for (const candidate of candidates) candidate.inFlight = inFlight;
    const balancer = leastRequests(candidates, 0.5);
    const counts = candidates.map(() => 0);
    for (let pick = 0; pick < 100; pick++) {
      counts[candidates.indexOf(balancer.pick(-1, 0, Math.random)!)]! += 1;
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
    }
  }
});

test('the start says who is first', () => {
  const candidates = equalCandidates(4);
  for (const [index, candidate] of candidates.entries()) {
    expect(leastRequests(candidates, index / 4).pick(-1, 0, Math.random)).toBe(candidate);
  }
});

test('an idle candidate goes before equal ones that are busy', () => {
  const candidates = candidatesWith({ inFlight: 1 }, { inFlight: 1 }, {}, { inFlight: 1 });
  expect(countsOf(leastRequests(candidates), candidates, 20)).toEqual([0, 0, 20, 0]);
});

test.each([
  { each: [{ weight: 3 }, { weight: 1 }], counts: [750, 250] },
  { each: [{ weight: 5 }, { weight: 3 }, { weight: 2 }], counts: [500, 300, 200] },
  { each: [{}, { share: 0.25 }], counts: [800, 200] },
  { each: [{ weight: 99 }, { weight: 1 }], counts: [990, 10] },
])('a trickle of requests to $each is spread as $counts', ({ each, counts }) => {
  const candidates = candidatesWith(...each);
  for (const [index, count] of countsOf(leastRequests(candidates), candidates, 1000).entries()) {
    expect(Math.abs(count - counts[index]!)).toBeLessThanOrEqual(2);
  }
});

test('under load everybody has requests in proportion to weight and share', () => {
  const candidates = candidatesWith({ weight: 3 }, { weight: 1 }, { weight: 2, share: 0.5 });
  let requests = 0;
  runClients(leastRequests(candidates), 50, 2000, () => {
    if (++requests < 50) return;
    for (const { inFlight, weight, share } of candidates) {
      // One may have ended that the balancer could give to anybody.
      expect(Math.abs(inFlight - (50 * weight * (share as number)) / 5)).toBeLessThan(8);
    }
  });
  expect(weightSum(candidates)).toBe(6);
});

test('an idle candidate of small weight has no more than its turns while the others are busy with little', () => {
  const candidates = candidatesWith({ weight: 99, inFlight: 1 }, { weight: 1 });
  expect(Math.abs(countsOf(leastRequests(candidates), candidates, 1000)[1]! - 10)).toBeLessThanOrEqual(1);
});

test('what a candidate had while the others were busy does not count against it later', () => {
  const candidates = candidatesWith({ weight: 3, inFlight: 10 }, { weight: 1 });
  const balancer = leastRequests(candidates);
  expect(countsOf(balancer, candidates, 1000)[1]).toBe(1000);
  candidates[0]!.inFlight = 0;
  expect(Math.abs(countsOf(balancer, candidates, 100)[1]! - 25)).toBeLessThanOrEqual(2);
});

test('turns that a busy candidate could not take are not made up for later', () => {
  const candidates = candidatesWith({}, { inFlight: 1 });
  const balancer = leastRequests(candidates);
  countsOf(balancer, candidates, 1000);
  candidates[1]!.inFlight = 0;
  const counts = countsOf(balancer, candidates, 10);
  expect(Math.abs(counts[0]! - counts[1]!)).toBeLessThanOrEqual(2);
});
