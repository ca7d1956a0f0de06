import fc from 'fast-check';
import { expect, test } from 'vitest';
import { handOverTo, type WorkerLoad } from '../../src/core/worker-balance.ts';

test.each([
  { own: 0, others: [0, 0, 0], to: undefined },
  { own: 1, others: [0, 0, 0], to: undefined }, // few connections are never worth moving
  { own: 5, others: [0, 0, 0], to: 2 },
  { own: 20, others: [16, 16, 12], to: undefined },
  { own: 30, others: [16, 8, 10], to: 3 },
  { own: 1000, others: [], to: undefined }, // a single worker keeps everything
])('a worker with $own connections, the others with $others, hands a new one to $to', ({ own, others, to }) => {
  const loads = others.map((connections, index) => ({ worker: index + 2, connections }));
  expect(handOverTo(own, loads)).toBe(to);
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
          const known: WorkerLoad[] = connections.flatMap((count, other) =>
            other === worker ? [] : [{ worker: other, connections: count }],
          );
          for (let connection = 0; connection < burst; connection++) {
            const to = handOverTo(connections[worker]!, known) ?? worker;
            connections[to]! += 1;
            const other = known.findIndex((load) => load.worker === to);
            if (other >= 0) known[other] = { worker: to, connections: known[other]!.connections + 1 };
          }
        }
        const total = connections.reduce((sum, count) => sum + count, 0);
        if (total >= 8 * workers) expect(Math.max(...connections)).toBeLessThanOrEqual((1.5 * total) / workers);
      },
    ),
  );
});
