import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createBalancer } from '../../src/core/balancing.ts';
import type { Balance } from '../../src/core/model.ts';
import { candidatesWith, equalCandidates, type PlainCandidate, randomFrom } from './balancing-candidates.ts';

const balances: readonly Balance[] = [
  { kind: 'round-robin' },
  { kind: 'least-requests' },
  { kind: 'p2c-ewma' },
  { kind: 'random' },
  { kind: 'hash', key: { from: 'address' } },
];

const someCandidate = fc.record({
  weight: fc.oneof(fc.constant(0), fc.constant(1), fc.integer({ min: 1, max: 1000 })),
  open: fc.boolean(),
  inFlightMax: fc.oneof(fc.constant(Infinity), fc.nat(2)),
  share: fc.oneof(fc.constant(1), fc.double({ min: 0.01, max: 1, noNaN: true })),
  latency: fc.oneof(fc.constant(0), fc.double({ min: 0.001, max: 10_000, noNaN: true })),
});

const someEvent = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('pick' as const), key: fc.oneof(fc.constant(-1), fc.nat(0xffff_ffff)) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('finish' as const, 'toggle' as const), of: fc.nat(20) }) },
);

const mayBePicked = ({ open, weight, hasRoom }: PlainCandidate) => open && weight > 0 && hasRoom;

describe.each(balances)('balance $kind', (balance) => {
  test('picks one that is open and has room, whenever there is one, whatever opens, closes, fills up and empties', () => {
    fc.assert(
      fc.property(
        fc.array(someCandidate, { maxLength: 8 }),
        fc.array(someEvent, { maxLength: 60 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        fc.integer(),
        (each, events, start, seed) => {
          const candidates = candidatesWith(...each);
          const random = randomFrom(seed);
          const balancer = createBalancer(balance, candidates, start);
          for (const event of events) {
            const candidate = event.kind === 'pick' ? undefined : candidates[event.of % candidates.length];
            if (event.kind === 'pick') {
              const before = candidates.filter(mayBePicked);
              const picked = balancer.pick(event.key, 0, random);
              expect(picked === undefined).toBe(before.length === 0);
              if (picked === undefined) continue;
              expect(before).toContain(picked);
              picked.inFlight += 1;
            } else if (candidate !== undefined && event.kind === 'finish') {
              candidate.inFlight = Math.max(0, candidate.inFlight - 1);
            } else if (candidate !== undefined) {
              candidate.open = !candidate.open;
              balancer.refresh();
            }
          }
        },
      ),
      { numRuns: balance.kind === 'hash' ? 100 : 300 },
    );
  });

  test.each([5, 100])('finds the only one of %i that has room', (count) => {
    const candidates = equalCandidates(count);
    const balancer = createBalancer(balance, candidates, 0.5);
    const random = randomFrom(2);
    for (const candidate of candidates) candidate.inFlightMax = 0;
    for (const candidate of candidates) {
      candidate.inFlightMax = 1;
      for (const key of [-1, 1, 0xffff_ffff]) expect(balancer.pick(key, 0, random)).toBe(candidate);
      candidate.inFlightMax = 0;
    }
  });

  test('gives a candidate that opens again requests, and in the meantime none', () => {
    const candidates = equalCandidates(4);
    const [flapping] = candidates;
    const balancer = createBalancer(balance, candidates, 0);
    const random = randomFrom(3);
    const picks = () => Array.from({ length: 100 }, (_, pick) => balancer.pick(pick % 2 === 0 ? -1 : pick * 0x1234567, 0, random));
    expect(picks()).toContain(flapping);
    flapping!.open = false;
    balancer.refresh();
    expect(picks()).not.toContain(flapping);
    flapping!.open = true;
    balancer.refresh();
    expect(picks()).toContain(flapping);
  });

  test('goes on after all were closed', () => {
    const candidates = equalCandidates(3);
    const balancer = createBalancer(balance, candidates, 0.4);
    const random = randomFrom(4);
    const setOpen = (open: boolean) => {
      for (const candidate of candidates) candidate.open = open;
      balancer.refresh();
    };
    balancer.pick(-1, 0, random);
    setOpen(false);
    expect(balancer.pick(-1, 0, random)).toBeUndefined();
    expect(balancer.pick(7, 0, random)).toBeUndefined();
    setOpen(true);
    expect(new Set(Array.from({ length: 50 }, () => balancer.pick(-1, 0, random))).size).toBe(3);
  });
});
