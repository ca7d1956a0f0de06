import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createBalancer } from '../../src/core/balancing.ts';
import type { Balancer } from '../../src/core/balancing/balancer.ts';
import { hashText } from '../../src/core/hash.ts';
import { candidatesWith, countsOf, equalCandidates, PlainCandidate, randomFrom, weightSum } from './balancing-candidates.ts';

const byHash = (candidates: readonly PlainCandidate[], start = 0) =>
  createBalancer({ kind: 'hash', key: { from: 'address' } }, candidates, start);

const keys = Array.from({ length: 4000 }, (_, key) => hashText(`client-${key}`, 7));

/** Where each of the keys goes, while nothing is in flight. */
const placesOf = (balancer: Balancer<PlainCandidate>, nowMs = 0) => keys.map((key) => balancer.pick(key, nowMs, Math.random)!.id);

const partOf = (places: readonly string[], { id }: PlainCandidate) => places.filter((place) => place === id).length / places.length;

test('the same key goes to the same candidate, in every worker and in any order of the list', () => {
  const candidates = candidatesWith({}, { weight: 3 }, { weight: 2 }, {}, { weight: 5 });
  const places = placesOf(byHash(candidates));
  expect(placesOf(byHash(candidates, 0.7))).toEqual(places);
  expect(placesOf(byHash(candidates.toReversed()))).toEqual(places);
});

test('keys are spread by weight', () => {
  const candidates = candidatesWith({}, { weight: 3 }, { weight: 0 }, { weight: 6 });
  const places = placesOf(byHash(candidates));
  for (const candidate of candidates) expect(Math.abs(partOf(places, candidate) - candidate.weight / 10)).toBeLessThan(0.04);
});

test('keys whose hashes are multiples of the length of the table apart are spread all the same', () => {
  const candidates = equalCandidates(4);
  const balancer = byHash(candidates);
  const places = Array.from({ length: 4000 }, (_, key) => balancer.pick(key * 65_537 + 5, 0, Math.random)!.id);
  for (const candidate of candidates) expect(Math.abs(partOf(places, candidate) - 0.25)).toBeLessThan(0.04);
});

test.each([2, 3, 10])(
  'of %i candidates, closing one moves its keys and no others, to all the rest; opening it brings them back',
  (count) => {
    const candidates = equalCandidates(count);
    const balancer = byHash(candidates);
    const before = placesOf(balancer);
    const closed = candidates[1]!;
    closed.open = false;
    balancer.refresh();
    const during = placesOf(balancer);
    const moved = during.filter((_, key) => before[key] === closed.id);
    expect(moved).not.toContain(closed.id);
    expect(during.filter((place, key) => place !== before[key])).toEqual(moved);
    for (const candidate of candidates) {
      if (candidate !== closed) expect(Math.abs(partOf(moved, candidate) - 1 / (count - 1))).toBeLessThan(0.1);
    }
    closed.open = true;
    balancer.refresh();
    expect(placesOf(balancer)).toEqual(before);
  },
);

test('a full candidate gives its keys away like a closed one', () => {
  const candidates = equalCandidates(5);
  const balancer = byHash(candidates);
  candidates[2]!.inFlightMax = 0;
  const full = placesOf(balancer);
  candidates[2]!.open = false;
  balancer.refresh();
  expect(placesOf(balancer)).toEqual(full);
});

test('while most are closed, keys are still spread over those that are not', () => {
  const candidates = equalCandidates(64);
  for (const [index, candidate] of candidates.entries()) candidate.open = index % 16 === 0;
  const places = placesOf(byHash(candidates));
  for (const candidate of candidates) if (candidate.open) expect(Math.abs(partOf(places, candidate) - 0.25)).toBeLessThan(0.06);
});

test('no candidate ever has more than 1.25 times its share of what is in flight, rounded up', () => {
  const event = fc.oneof(fc.record({ key: fc.nat(3) }), fc.record({ finished: fc.nat() }));
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 15 }),
      fc.array(event, { maxLength: 150 }),
      fc.nat(14),
      (weights, events, closed) => {
        const candidates = candidatesWith(...weights.map((weight, index) => ({ weight, open: index !== closed || weights.length === 1 })));
        const open = candidates.filter((candidate) => candidate.open);
        const balancer = byHash(candidates);
        const running: PlainCandidate[] = [];
        for (const each of events) {
          if ('finished' in each) {
            if (running.length > 0) running.splice(each.finished % running.length, 1)[0]!.inFlight -= 1;
            continue;
          }
          const picked = balancer.pick(keys[each.key]!, 0, Math.random)!;
          picked.inFlight += 1;
          running.push(picked);
          expect(picked.inFlight).toBeLessThanOrEqual(Math.ceil((1.25 * picked.weight * running.length) / weightSum(open)));
        }
      },
    ),
    { numRuns: 50 },
  );
});

test('a key stays where it is as long as the bound lets it', () => {
  const candidates = candidatesWith({}, {}, { weight: 2 });
  for (const key of keys.slice(0, 20)) {
    for (const candidate of candidates) candidate.inFlight = 0;
    const balancer = byHash(candidates);
    const home = balancer.pick(key, 0, Math.random)!;
    for (let requests = 1; requests <= 50; requests++) {
      balancer.pick(key, 0, Math.random)!.inFlight += 1;
      expect(home.inFlight).toBe(Math.ceil((1.25 * home.weight * requests) / 4));
    }
  }
});

test('among many candidates the bound holds to within a request, however requests come and go', () => {
  const candidates = equalCandidates(200);
  const balancer = byHash(candidates);
  const running: PlainCandidate[] = [];
  const random = randomFrom(8);
  for (let request = 0; request < 5000; request++) {
    if (running.length >= 1000) running.splice(Math.floor(random() * running.length), 1)[0]!.inFlight -= 1;
    const picked = balancer.pick(keys[Math.floor(random() ** 8 * 1000)]!, 0, random)!;
    picked.inFlight += 1;
    running.push(picked);
    expect(picked.inFlight).toBeLessThanOrEqual(Math.ceil((1.25 * running.length) / candidates.length + 0.1));
  }
});

test('what has ended meanwhile no longer lets a candidate have more', () => {
  const candidates = equalCandidates(200);
  const balancer = byHash(candidates);
  for (const candidate of candidates) candidate.inFlight = 50;
  balancer.pick(keys[0]!, 0, Math.random);
  for (const candidate of candidates) candidate.inFlight = 0;
  for (let request = 0; request < 10; request++) balancer.pick(keys[0]!, 1000, Math.random)!.inFlight += 1;
  expect(Math.max(...candidates.map(({ inFlight }) => inFlight))).toBe(1);
});

test('what those have that have closed does not let the others have more', () => {
  const candidates = equalCandidates(200);
  const balancer = byHash(candidates);
  for (const candidate of candidates) candidate.inFlight = 50;
  balancer.pick(keys[0]!, 0, Math.random);
  for (const [index, candidate] of candidates.entries()) {
    candidate.open = index % 2 === 0;
    if (candidate.open) candidate.inFlight = 0;
  }
  balancer.refresh();
  const picked = Array.from({ length: 10 }, () => {
    const candidate = balancer.pick(keys[0]!, 0, Math.random)!;
    candidate.inFlight += 1;
    return candidate;
  });
  expect(new Set(picked).size).toBe(10);
});

test('a key that had to leave an overloaded candidate comes back to it', () => {
  const candidates = equalCandidates(5);
  const balancer = byHash(candidates);
  const home = balancer.pick(keys[0]!, 0, Math.random)!;
  home.inFlight = 3;
  const other = balancer.pick(keys[0]!, 0, Math.random);
  expect(other).not.toBe(home);
  expect(balancer.pick(keys[0]!, 0, Math.random)).toBe(other);
  home.inFlight = 0;
  expect(balancer.pick(keys[0]!, 0, Math.random)).toBe(home);
});

test('a candidate in slow start has as many of its keys as its share says, and each comes back to it once', () => {
  const candidates = candidatesWith({}, {}, { share: (nowMs) => nowMs / 1000 }, {});
  const [, , starting] = candidates;
  const balancer = byHash(candidates);
  const whole = placesOf(balancer, 1000);
  let before = whole.map(() => false);
  for (const nowMs of [100, 250, 500, 900, 1000]) {
    const places = placesOf(balancer, nowMs);
    const isThere = places.map((place) => place === starting!.id);
    expect(isThere).toEqual(isThere.map((is, key) => is || before[key]!));
    expect(places.filter((place, key) => whole[key] !== starting!.id && place !== whole[key] && place !== starting!.id)).toEqual([]);
    const own = isThere.filter((is, key) => is && whole[key] === starting!.id).length / (partOf(whole, starting!) * keys.length);
    expect(Math.abs(own - nowMs / 1000)).toBeLessThan(0.06);
    before = isThere;
  }
  expect(placesOf(balancer, 1000)).toEqual(whole);
});

test('where all are in slow start, all have the keys that they will have', () => {
  const candidates = equalCandidates(6);
  const balancer = byHash(candidates);
  const whole = placesOf(balancer);
  for (const candidate of candidates) candidate.share = 0.1;
  expect(placesOf(balancer, 1000)).toEqual(whole);
});

test('of two that are both given little, the one that is given half of the other has half of its keys', () => {
  const candidates = equalCandidates(2);
  const balancer = byHash(candidates);
  const whole = placesOf(balancer);
  candidates[0]!.share = 0.2;
  candidates[1]!.share = 0.4;
  const places = placesOf(balancer, 1000);
  expect(Math.abs(partOf(places, candidates[0]!) - partOf(whole, candidates[0]!) / 2)).toBeLessThan(0.04);
  expect(places.filter((place, key) => whole[key] === candidates[1]!.id && place !== whole[key])).toEqual([]);
});

test('requests without a key go in turn', () => {
  const candidates = candidatesWith({}, { weight: 2 }, {});
  const balancer = byHash(candidates);
  expect(countsOf(balancer, candidates, 400)).toEqual([100, 200, 100]);
  candidates[1]!.open = false;
  balancer.refresh();
  expect(countsOf(balancer, candidates, 400)).toEqual([200, 0, 200]);
});

test('the table is computed at the first key, and not again when candidates close', () => {
  let reads = 0;
  class Named extends PlainCandidate {
    readonly name: string;

    constructor(name: string) {
      super(name);
      this.name = name;
      Object.defineProperty(this, 'id', { get: () => (reads++, name) });
    }
  }
  const candidates = [new Named('a'), new Named('b'), new Named('c')];
  const balancer = byHash(candidates);
  balancer.pick(-1, 0, Math.random);
  expect(reads).toBe(0);
  balancer.pick(1, 0, Math.random);
  const first = reads;
  expect(first).toBeGreaterThan(0);
  candidates[0]!.open = false;
  balancer.refresh();
  balancer.pick(1, 0, Math.random);
  expect(reads).toBe(first);
});
