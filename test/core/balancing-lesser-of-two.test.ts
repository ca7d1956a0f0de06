import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createBalancer } from '../../src/core/balancing.ts';
import { PeakEwma } from '../../src/core/peak-ewma.ts';
import { candidatesWith, countsOf, equalCandidates, type PlainCandidate, randomFrom, runClients } from './balancing-candidates.ts';

const lesserOfTwo = (candidates: readonly PlainCandidate[]) => createBalancer({ kind: 'p2c-ewma' }, candidates, 0);

/** Draws the candidate of this place first, of two that are equal in weight. */
const drawing = (index: number) => () => 0.25 + index / 2;

test.each([
  // Equally fast, or nearly so, or not known to be otherwise: requests decide.
  { first: {}, second: {}, goes: 'first' },
  { first: { latency: 20 }, second: { latency: 10 }, goes: 'first' },
  { first: { latency: 10 }, second: { latency: 20, inFlight: 5 }, goes: 'first' },
  { first: { latency: 10, inFlight: 1 }, second: { latency: 20 }, goes: 'second' },
  { first: { latency: 10, inFlight: 3 }, second: { latency: 12, inFlight: 3 }, goes: 'first' },
  { first: { latency: 10, inFlight: 4 }, second: { latency: 12, inFlight: 3 }, goes: 'second' },
  { first: { inFlight: 1, share: 0.5 }, second: { inFlight: 1 }, goes: 'second' },
  { first: { inFlight: 1 }, second: { share: 0.5 }, goes: 'first' },
  { first: { latency: 500 }, second: {}, goes: 'first' },
  { first: {}, second: { latency: 500 }, goes: 'first' },
  { first: { inFlight: 1 }, second: { latency: 500 }, goes: 'second' },
  // One is much slower: that decides, until the other has its hands full.
  { first: { latency: 21 }, second: { latency: 10 }, goes: 'second' },
  { first: { latency: 100 }, second: { latency: 10, inFlight: 8 }, goes: 'second' },
  { first: { latency: 100 }, second: { latency: 10, inFlight: 9 }, goes: 'first' },
  { first: { latency: 10, inFlight: 9 }, second: { latency: 100 }, goes: 'first' },
  { first: { latency: 10, inFlight: 10 }, second: { latency: 100 }, goes: 'second' },
])('of $first, drawn first, and $second, the $goes one goes', ({ first, second, goes }) => {
  for (const index of [0, 1]) {
    const candidates = index === 0 ? candidatesWith(first, second) : candidatesWith(second, first);
    expect(lesserOfTwo(candidates).pick(-1, 0, drawing(index))).toBe(candidates[goes === 'first' ? index : 1 - index]);
  }
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
  for (const [index, candidate] of candidates.entries()) candidate.latency = 3 ** (index + 1);
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

describe('with latencies as they are observed', () => {
  /** A candidate whose answers take as long as it says at the time, and what is known of them. */
  class Observed {
    readonly known = new PeakEwma();
    readonly takesMs: () => number;
    readonly weight: number;

    constructor(weight: number, takesMs: () => number) {
      this.weight = weight;
      this.takesMs = takesMs;
    }
  }

  /** Sends one request every `gapMs`; each ends when it has taken its time. Counts those sent after `fromMs`. */
  function run(observed: readonly Observed[], gapMs: number, requests: number, { fromMs = 0, seed = 1, startMs = 0 } = {}): number[] {
    const candidates = candidatesWith(...observed.map(({ known, weight }) => ({ weight, latency: (nowMs: number) => known.at(nowMs) })));
    const balancer = lesserOfTwo(candidates);
    const random = randomFrom(seed);
    const counts = candidates.map(() => 0);
    let running: { index: number; tookMs: number; endMs: number }[] = [];
    for (let request = 0; request < requests; request++) {
      const nowMs = startMs + request * gapMs;
      for (const { index, tookMs, endMs } of running.filter((one) => one.endMs <= nowMs)) {
        candidates[index]!.inFlight -= 1;
        observed[index]!.known.observe(tookMs, endMs);
      }
      running = running.filter(({ endMs }) => endMs > nowMs);
      const index = candidates.indexOf(balancer.pick(-1, nowMs, random)!);
      candidates[index]!.inFlight += 1;
      const tookMs = observed[index]!.takesMs();
      running.push({ index, tookMs, endMs: nowMs + tookMs });
      if (nowMs >= fromMs) counts[index]! += 1;
    }
    return counts;
  }

  const about = (ms: number, random: () => number) => () => ms * (0.7 + 0.6 * random());

  test('one request after the other, counts follow the weights where latencies are within 30%', () => {
    const weights = fc.array(fc.integer({ min: 1, max: 10 }), { minLength: 2, maxLength: 5 });
    fc.assert(
      fc.property(weights, fc.integer(), (each, seed) => {
        const random = randomFrom(seed);
        const counts = run(
          each.map((weight) => new Observed(weight, about(20, random))),
          30,
          2000,
          { seed },
        );
        const total = each.reduce((sum, weight) => sum + weight, 0);
        // Five standard deviations of a draw of 2000.
        for (const [index, count] of counts.entries()) expect(Math.abs(count / 2000 - each[index]! / total)).toBeLessThan(0.056);
      }),
      { numRuns: 50 },
    );
  });

  test.each([{ gapMs: 18 }, { gapMs: 10 }, { gapMs: 3 }, { gapMs: 0.5 }])(
    'so they do, more or less, with a request every $gapMs ms that takes about 20 ms',
    ({ gapMs }) => {
      const random = randomFrom(8);
      const counts = run(
        [1, 3].map((weight) => new Observed(weight, about(20, random))),
        gapMs,
        4000,
      );
      expect(counts[0]! / 4000).toBeGreaterThan(0.18);
      expect(counts[0]! / 4000).toBeLessThan(0.3);
    },
  );

  test.each([{ gapMs: 200 }, { gapMs: 20 }, { gapMs: 5 }])(
    'a candidate ten times slower gets clearly less, and is tried again and again, with a request every $gapMs ms',
    ({ gapMs }) => {
      const counts = run([new Observed(1, () => 100), new Observed(1, () => 10)], gapMs, 120_000 / gapMs);
      expect(counts[0]!).toBeLessThan(counts[1]! / 5);
      expect(counts[0]!).toBeGreaterThan(2);
    },
  );

  test.each([{ peakMs: 40 }, { peakMs: 500 }, { peakMs: 5000 }])(
    'one that was slow once ($peakMs ms) has its part again as soon as that has faded to twice what the other takes, and nothing before',
    ({ peakMs }) => {
      const slow = new Observed(1, () => 10);
      const fast = new Observed(1, () => 10);
      fast.known.observe(10, 0);
      slow.known.observe(peakMs, 0);
      // It fades by 1/e in 10 s; the steady one is known to take 10 ms.
      const fadedMs = 10_000 * Math.log(peakMs / 20);
      expect(run([slow, fast], 20, fadedMs / 20 - 1)[0]).toBe(0);
      const [again] = run([slow, fast], 20, 50, { startMs: fadedMs + 20 });
      expect(again).toBeGreaterThan(10);
      expect(again).toBeLessThan(40);
    },
  );
});

test.each([{ share: 0.5 }, { share: 0.1 }])('one that is given $share of its weight has that of a trickle, too', ({ share }) => {
  const candidates = candidatesWith({ latency: 10 }, { latency: 10, share });
  const [whole, reduced] = countsOf(lesserOfTwo(candidates), candidates, 10_000);
  expect(reduced! / whole!).toBeGreaterThan(0.8 * share);
  expect(reduced! / whole!).toBeLessThan(1.2 * share);
});

test('where all are given little, requests go by weight', () => {
  const candidates = candidatesWith({ weight: 3, share: 0.01 }, { weight: 1, share: 0.01 });
  expect(Math.abs(countsOf(lesserOfTwo(candidates), candidates, 10_000)[0]! - 7500)).toBeLessThan(300);
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
