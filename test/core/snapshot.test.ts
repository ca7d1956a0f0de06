import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Model } from '../../src/core/model.ts';
import { compileSnapshot } from '../../src/core/snapshot.ts';

/** A model with a pool per list of target weights, each in a service of its own. */
function modelOf(pools: readonly (readonly number[])[]): Model {
  return {
    listeners: [],
    routes: [],
    services: pools.map((weights, index) => ({
      id: `service-${index}`,
      pools: [
        { id: 'blue', targets: weights.map((weight, target) => ({ id: `t${target}`, address: { host: `h${target}`, port: 80 }, weight })) },
      ],
      weights: { blue: 1 },
      retry: { attempts: 0 },
      timeouts: { connectMs: 0, responseMs: 0, idleMs: 0, requestMs: 0 },
      debugHeaders: false,
    })),
  };
}

const poolsOfWeights = fc.array(fc.array(fc.nat(3), { maxLength: 4 }), { maxLength: 5 });

test('a snapshot does not depend on the one before it', () => {
  fc.assert(
    fc.property(poolsOfWeights, poolsOfWeights, (before, after) => {
      const earlier = modelOf(before);
      const model = modelOf(after);
      const snapshot = compileSnapshot(model, 2, { model: earlier, snapshot: compileSnapshot(earlier, 1) });
      expect(snapshot).toEqual(compileSnapshot(model, 2));
    }),
  );
});

test('what does not change is not compiled again', () => {
  const earlier = modelOf([[5, 3, 1], [2]]);
  const before = compileSnapshot(earlier, 1);
  const after = compileSnapshot(
    modelOf([
      [5, 3, 1],
      [1, 1],
      [5, 3, 1],
    ]),
    2,
    { model: earlier, snapshot: before },
  );
  const rotations = after.services.map((service) => service.pools[0]!.rotation);
  expect(rotations[0]).toBe(before.services[0]!.pools[0]!.rotation);
  expect(rotations[2]).toBe(rotations[0]);
  expect(rotations[1]).toEqual([0, 1]);
});
