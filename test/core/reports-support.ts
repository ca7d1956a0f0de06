import fc from 'fast-check';
import type { MirrorReport, PoolReport, ServiceReport, TargetReport, WorkerReport } from '../../src/core/reports.ts';

const count = fc.nat(3);
const counts = fc.dictionary(fc.constantFrom('200', '404', 'other'), fc.integer({ min: 1, max: 9 }));

const target: fc.Arbitrary<TargetReport> = fc.record({
  id: fc.constantFrom('a', 'b', 'c'),
  inFlight: count,
  streaming: count,
  upgraded: count,
  available: fc.boolean(),
  ejected: fc.boolean(),
  ejections: count,
  codes: counts,
});

const mirror: fc.Arbitrary<MirrorReport> = fc.record({
  pool: fc.constantFrom('shadow', 'dark'),
  sent: count,
  dropped: counts,
  inFlight: count,
});

const pool: fc.Arbitrary<PoolReport> = fc.record({
  id: fc.constantFrom('blue', 'green'),
  targets: several(target),
  durations: fc.record({ counts: fc.array(count, { minLength: 2, maxLength: 2 }), sumMs: count }),
  picked: count,
  queued: count,
  clients: fc.option(fc.uint8Array({ minLength: 2, maxLength: 2 }), { nil: undefined }),
});

const service: fc.Arbitrary<ServiceReport> = fc.record({
  id: fc.constantFrom('shop', 'blog', 'münze'),
  retries: count,
  retriesRefused: count,
  rescued: count,
  decisions: counts,
  mirrors: fc.uniqueArray(mirror, { maxLength: 2, selector: (one) => one.pool }),
  pools: several(pool),
});

/** Small ones of few names, so that two of them have much in common. */
export const anyReport: fc.Arbitrary<WorkerReport> = fc.record({
  revision: count,
  connections: count,
  acceptPauses: count,
  inFlight: count,
  services: several(service),
  terminations: counts,
});

function several<T extends { readonly id: string }>(one: fc.Arbitrary<T>): fc.Arbitrary<T[]> {
  return fc.uniqueArray(one, { maxLength: 3, selector: ({ id }) => id });
}
