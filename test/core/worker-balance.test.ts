import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Candidate, handOverTo, makeRoomAt } from '../../src/core/worker-balance.ts';

const unlimited = { room: Infinity, spare: Infinity };

test.each([
  { own: 0, others: [0, 0, 0], to: undefined },
  { own: 1, others: [0, 0, 0], to: undefined }, // few connections are never worth moving
  { own: 5, others: [0, 0, 0], to: 2 },
  { own: 20, others: [16, 16, 12], to: undefined },
  { own: 30, others: [16, 8, 10], to: 3 },
  { own: 1000, others: [], to: undefined }, // a single worker keeps everything
])('a worker with $own connections, the others with $others, hands a new one to $to', ({ own, others, to }) => {
  const candidates = others.map((connections, index) => ({ worker: index + 2, connections, ...unlimited }));
  expect(handOverTo(own, candidates)).toBe(to);
});

test.each([
  { spare: [0, 1, 1], to: 4 },
  { spare: [0, 1, 0], to: 3 },
  { spare: [0, -1, 0], to: undefined }, // it keeps what the others have no room for
])('only those with room to spare get some of it: with $spare it is $to', ({ spare, to }) => {
  const connections = [1, 9, 4];
  const candidates = spare.map((each, index) => ({ worker: index + 2, connections: connections[index]!, room: 5, spare: each }));
  expect(handOverTo(30, candidates)).toBe(to);
});

test('a connection never goes to a worker that has as many, however few the others have that are full', () => {
  const full = { worker: 2, connections: 0, room: 0, spare: 0 };
  expect(handOverTo(30, [full, { worker: 3, connections: 30, ...unlimited }])).toBeUndefined();
  expect(handOverTo(30, [full, { worker: 3, connections: 29, ...unlimited }])).toBe(3);
});

test('however connections come in, nobody ends above 1.5 times a share of 8 or more, even when news is late', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 16 }),
      fc.array(fc.record({ taker: fc.nat(15), burst: fc.integer({ min: 1, max: 64 }) }), { minLength: 1, maxLength: 40 }),
      (workers, arrivals) => {
        const connections = Array.from({ length: workers }, () => 0);
        for (const { taker, burst } of arrivals) {
          // One worker takes a burst alone, and knows the others as they were before it.
          const worker = taker % workers;
          const known: Candidate[] = connections.flatMap((count, other) =>
            other === worker ? [] : [{ worker: other, connections: count, ...unlimited }],
          );
          for (let connection = 0; connection < burst; connection++) {
            const to = handOverTo(connections[worker]!, known) ?? worker;
            connections[to]! += 1;
            const other = known.findIndex((candidate) => candidate.worker === to);
            if (other >= 0) known[other] = { worker: to, connections: known[other]!.connections + 1, ...unlimited };
          }
        }
        const total = connections.reduce((sum, count) => sum + count, 0);
        if (total >= 8 * workers) expect(Math.max(...connections)).toBeLessThanOrEqual((1.5 * total) / workers);
      },
    ),
  );
});

test.each([
  { rooms: [0, 3, 1], fullAt: [], to: 4 }, // the least busy of those that have room
  { rooms: [0, 3, 0], fullAt: [], to: 3 },
  { rooms: [0, 0, 0], fullAt: [], to: undefined },
  { rooms: [9, 3, 1], fullAt: [2, 4], to: 3 },
  { rooms: [9, 3, 1], fullAt: [2, 3, 4], to: undefined },
])('where there is no room, with $rooms elsewhere, and none found at $fullAt, a connection goes to $to', ({ rooms, fullAt, to }) => {
  const connections = [1, 9, 4];
  const candidates = rooms.map((room, index) => ({ worker: index + 2, connections: connections[index]!, room, spare: 0 }));
  expect(makeRoomAt(candidates, fullAt)).toBe(to);
});

test('however a burst falls, as many are let in as there is room for in all, and the rest is turned away', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 2, maxLength: 8 }),
      fc.array(fc.nat(7), { minLength: 1, maxLength: 120 }),
      (parts, arrivals) => {
        const open = parts.map(() => 0);
        // What each knows of the others never changes: news is later than the burst.
        const handed = parts.map(() => parts.map(() => 0));
        let turnedAway = 0;
        const arrive = (worker: number, fullAt: readonly number[]): void => {
          if (open[worker]! < parts[worker]!) {
            open[worker]! += 1;
            return;
          }
          const others = parts.flatMap((part, other): Candidate[] =>
            other === worker ? [] : [{ worker: other, connections: 0, room: part - handed[worker]![other]!, spare: 0 }],
          );
          const to = makeRoomAt(others, fullAt);
          if (to === undefined) turnedAway++;
          else {
            handed[worker]![to]! += 1;
            arrive(to, [...fullAt, worker]);
          }
        };
        for (const arrival of arrivals) arrive(arrival % parts.length, []);
        const room = parts.reduce((sum, part) => sum + part, 0);
        expect(turnedAway).toBe(Math.max(0, arrivals.length - room));
      },
    ),
  );
});
