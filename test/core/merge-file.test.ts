import { expect, test } from 'vitest';
import type { JsonObject } from '../../src/core/json.ts';
import { mergeFile } from '../../src/core/merge-file.ts';

/** A document with one service of these pools and weights; `undefined` leaves the weights out. */
function doc(pools: string, weights: JsonObject | undefined, more: JsonObject = {}): JsonObject {
  const targets = Object.fromEntries(pools.split(' ').map((id) => [id, { targets: [`http://${id}:80`] }]));
  return { services: { demo: { pools: targets, ...(weights === undefined ? {} : { weights }), ...more } } };
}

test.each<{ name: string; base: JsonObject | undefined; live: JsonObject; file: JsonObject; merged: JsonObject }>([
  {
    name: 'weights are one value: two scales are never mixed',
    base: doc('blue green', { blue: 1, green: 0 }),
    live: doc('blue green', { blue: 990, green: 10 }),
    file: doc('blue green', { blue: 1, green: 1 }),
    merged: doc('blue green', { blue: 1, green: 1 }),
  },
  {
    name: 'a file that changes something else leaves the weights that are in force',
    base: doc('blue green', { blue: 1, green: 0 }),
    live: doc('blue green', { blue: 990, green: 10 }),
    file: doc('blue green', { blue: 1, green: 0 }, { debugHeaders: true }),
    merged: doc('blue green', { blue: 990, green: 10 }, { debugHeaders: true }),
  },
  {
    name: 'a pool that is added with weight 0 changes no weight',
    base: doc('blue green', { blue: 100, green: 0 }),
    live: doc('blue green', { blue: 0, green: 100 }),
    file: doc('blue green v3', { blue: 100, green: 0, v3: 0 }),
    merged: doc('blue green v3', { blue: 0, green: 100 }),
  },
  {
    name: 'a pool that is added with a weight brings the whole map',
    base: doc('blue green', { blue: 100, green: 0 }),
    live: doc('blue green', { blue: 0, green: 100 }),
    file: doc('blue green v3', { blue: 100, green: 0, v3: 1 }),
    merged: doc('blue green v3', { blue: 100, green: 0, v3: 1 }),
  },
  {
    name: 'a pool without traffic is removed',
    base: doc('blue green', { blue: 100, green: 0 }),
    live: doc('blue green', { blue: 50, green: 0 }),
    file: doc('blue', { blue: 100 }),
    merged: doc('blue', { blue: 50 }),
  },
  {
    name: 'a pool with some of the traffic is removed, and the others have it all',
    base: doc('blue green', { blue: 100, green: 0 }),
    live: doc('blue green', { blue: 90, green: 10 }),
    file: doc('blue', { blue: 100 }),
    merged: doc('blue', { blue: 90 }),
  },
  {
    name: 'the pool with all traffic is removed, and the file says where it goes',
    base: doc('blue green', { blue: 100, green: 0 }),
    live: doc('blue green', { blue: 0, green: 100 }),
    file: doc('blue v3', { blue: 0, v3: 1 }),
    merged: doc('blue v3', { blue: 0, v3: 1 }),
  },
  {
    name: 'the only pool is replaced in the file, and what was added live keeps its traffic',
    base: doc('blue', undefined),
    live: doc('blue green', { blue: 0, green: 100 }),
    file: doc('v3', undefined),
    merged: doc('green v3', { green: 100 }),
  },
  {
    name: 'a file that gives weights up, with the pools that needed them, leaves them to the default',
    base: doc('blue green', { blue: 100, green: 0 }),
    live: doc('blue green', { blue: 50, green: 50 }),
    file: doc('blue', undefined),
    merged: doc('blue', undefined),
  },
  {
    name: 'a service without any traffic stays so',
    base: doc('blue green', { blue: 100, green: 0 }),
    live: doc('blue green', { blue: 0, green: 0 }),
    file: doc('blue', { blue: 100 }),
    merged: doc('blue', { blue: 0 }),
  },
  {
    name: 'a service that was removed live and changed in the file is the file’s as a whole',
    base: doc('blue green', { blue: 100, green: 0 }),
    live: { services: {} },
    file: doc('blue green', { blue: 100, green: 0 }, { debugHeaders: true }),
    merged: doc('blue green', { blue: 100, green: 0 }, { debugHeaders: true }),
  },
  {
    name: 'a service that is only in force stays as it is',
    base: { services: {} },
    live: doc('blue', { blue: 5 }),
    file: { services: {}, routes: [] },
    merged: { ...doc('blue', { blue: 5 }), routes: [] },
  },
  {
    name: 'without a file before, the file wins where both say something',
    base: undefined,
    live: doc('blue green', { blue: 5, green: 5 }),
    file: doc('blue green', { blue: 1, green: 0 }),
    merged: doc('blue green', { blue: 1, green: 0 }),
  },
])('$name', ({ base, live, file, merged }) => {
  const merge = mergeFile(base, live, file);
  expect(merge).toEqual({ kind: 'merged', document: merged });
  expect(JSON.stringify(merge)).not.toContain('undefined');
});

test('a file that removes the pool with all traffic, and gives no new weights, is refused with the way out', () => {
  const base = doc('blue green old', { blue: 100, green: 0 });
  const live = doc('blue green old', { blue: 0, green: 100 });
  expect(mergeFile(base, live, doc('blue v3', { blue: 100, v3: 0 }))).toEqual({
    kind: 'conflict',
    problems: [
      {
        pointer: '/services/demo/weights',
        message:
          'all traffic of the service is on what the file removes (pool "green"), and the file\'s weights are those it had before; ' +
          'switch to another pool first, or change the weights in the file, for example { blue: 1, v3: 0 }',
      },
    ],
  });
});
