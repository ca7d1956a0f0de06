import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createBalancer } from '../../src/core/balancing.ts';
import { PeakEwma } from '../../src/core/peak-ewma.ts';
import { candidatesWith, countsOf, equalCandidates, type PlainCandidate, randomFrom, runClients } from './balancing-candidates.ts';

const lesserOfTwo = (candidates: readonly PlainCandidate[]) => createBalancer({ kind: 'p2c-ewma' }, candidates, 0);

test('of two equal in weight it is the one that the naive version finds', () => {
  const some = fc.record({
    latency: fc.double({ min: 0.01, max: 1000, noNaN: true }),
    inFlight: fc.nat(20),
    share: fc.double({ min: 0.01, max: 1, noNaN: true }),
  });
  const costOf = ({ latency, inFlight, share }: PlainCandidate) => ((latency as number) * (inFlight + 1)) / (share as number);
  fc.assert(
    fc.property(some, some, fc.integer(), (one, other, seed) => {
      const [first, second] = candidatesWith(one, other);
      fc.pre(Math.abs(costOf(first!) - costOf(second!)) > 1e-6);
      const picked = lesserOfTwo([first!, second!]).pick(-1, 0, randomFrom(seed));
      expect(picked).toBe(costOf(first!) < costOf(second!) ? first : second);
    }),
  );
});

test.each([
  { weights: [1, 1, 1, 1], latency: 0 },
  { weights: [3, 1], latency: 20 },
  { weights: [5, 3, 2], latency: 20 },
  { weights: [98, 1, 1], latency: 20 },
])('of idle and equally fast candidates, counts follow the weights $weights', ({ weights, latency }) => {
  const candidates = candidatesWith(...weights.map((weight) => ({ weight, latency })));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  for (const [index, count] of countsOf(lesserOfTwo(candidates), candidates, 20_000).entries()) {
    expect(Math.abs(count / 20_000 - weights[index]! / total)).toBeLessThan(0.02);
  }
});

test.each([3, 10])('two different ones are drawn: the slowest of %i is never picked', (count) => {
  const candidates = equalCandidates(count);
  for (const [index, candidate] of candidates.entries()) candidate.latency = 10 + index;
  const counts = countsOf(lesserOfTwo(candidates), candidates, 2000);
  expect(counts.at(-1)).toBe(0);
  expect(counts).toEqual(counts.toSorted((a, b) => b - a));
  expect(counts.at(-2)).toBeGreaterThan(0);
});

test('a slow candidate does not get nearly all because it has nearly all the weight', () => {
  const candidates = candidatesWith({ weight: 1000, latency: 500 }, { latency: 1 }, { latency: 1 });
  const counts = countsOf(lesserOfTwo(candidates), candidates, 2000);
  expect(counts[0]).toBe(0);
  expect(Math.abs(counts[1]! - counts[2]!)).toBeLessThan(300);
});

test('busy candidates have requests in proportion to their weights', () => {
  const candidates = candidatesWith({ weight: 3, latency: 10 }, { weight: 1, latency: 10 });
  let requests = 0;
  runClients(lesserOfTwo(candidates), 80, 2000, () => {
    if (++requests >= 80) expect(Math.abs(candidates[0]!.inFlight - 60)).toBeLessThanOrEqual(4);
  });
});

test('a new candidate is tried, among others that are known to be fast', () => {
  const candidates = candidatesWith({ latency: 5 }, { latency: 5 }, {});
  expect(countsOf(lesserOfTwo(candidates), candidates, 300)[2]).toBeGreaterThan(50);
});

test.each([{ latency: 5 }, { latency: 0 }])(
  'a new candidate that never answers is not given many more than the others have (latency $latency)',
  ({ latency }) => {
    const candidates = candidatesWith({ latency }, { latency }, {});
    const [, , silent] = candidates;
    const balancer = lesserOfTwo(candidates);
    const random = randomFrom(5);
    const running: PlainCandidate[] = [];
    for (let request = 0; request < 2000; request++) {
      if (running.length === 10) running.shift()!.inFlight -= 1;
      const picked = balancer.pick(-1, 0, random)!;
      picked.inFlight += 1;
      if (picked !== silent) running.push(picked);
      expect(silent!.inFlight).toBeLessThanOrEqual(10);
    }
  },
);

test('a candidate that was slow once is left alone, tried again after a while, and has its part when it is fast', () => {
  const latencies = [new PeakEwma(), new PeakEwma()];
  const candidates = candidatesWith(...latencies.map((latency) => ({ latency: (nowMs: number) => latency.at(nowMs) })));
  const balancer = lesserOfTwo(candidates);
  const random = randomFrom(6);
  let nowMs = 0;
  const runSecond = () => {
    const counts = [0, 0];
    for (let request = 0; request < 100; request++) {
      nowMs += 10;
      const index = candidates.indexOf(balancer.pick(-1, nowMs, random)!);
      counts[index]! += 1;
      latencies[index]!.observe(10, nowMs);
    }
    return counts;
  };
  latencies[0]!.observe(10, nowMs);
  latencies[1]!.observe(5000, nowMs);
  for (let second = 0; second < 30; second++) expect(runSecond()).toEqual([100, 0]);
  for (let second = 0; second < 60; second++) runSecond();
  expect(runSecond()[1]).toBeGreaterThan(20);
});

test.each([
  { share: 0.5, atMost: 0.4 },
  { share: 0.1, atMost: 0.3 },
])('one of three that is given $share of its weight gets less than the others', ({ share, atMost }) => {
  const candidates = candidatesWith({ latency: 10 }, { latency: 10 }, { latency: 10, share });
  const counts = candidates.map(() => 0);
  const balancer = lesserOfTwo(candidates);
  const running: PlainCandidate[] = [];
  const random = randomFrom(7);
  for (let request = 0; request < 4000; request++) {
    if (running.length === 30) running.splice(Math.floor(random() * 30), 1)[0]!.inFlight -= 1;
    const picked = balancer.pick(-1, 0, random)!;
    picked.inFlight += 1;
    running.push(picked);
    counts[candidates.indexOf(picked)]! += 1;
  }
  expect(counts[2]! / counts[0]!).toBeLessThan(share + atMost * share);
  expect(counts[2]! / counts[0]!).toBeGreaterThan(share - atMost * share);
});
