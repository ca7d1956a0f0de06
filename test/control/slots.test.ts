import { array, assert, asyncProperty, constant, nat, oneof, record } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { interpret } from '../../config/interpret.ts';
import type { Command, Revision } from '../../src/control/ports.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { countSlots, moveSlots, slotCount, type SlotTable } from '../../src/core/slots.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { accepted, demoDocument, demoOf, demoWith, openBench, options, weightsOf } from './support.ts';

const sticky = demoWith({ sticky: {} });
const weights = (blue: number, green: number): Command => ({ kind: 'weights', service: 'demo', weights: { blue, green }, others: 'zero' });
const patch = (service: JsonObject): Command => ({ kind: 'patchService', service: 'demo', patch: service });
const undo: Command = { kind: 'undo' };
const restore = (revision: number): Command => ({ kind: 'restore', revision });

const tableOf = ({ slots }: Revision): SlotTable => slots['demo']!;
const countsIn = (revision: Revision): Record<string, number> => Object.fromEntries(countSlots(tableOf(revision).runs));
const pair = (blue: number, green: number) => [
  { id: 'blue', weight: blue },
  { id: 'green', weight: green },
];

describe('the slots of a revision', () => {
  test('are those of its sticky services, moved from the revision before', async () => {
    const { controller } = await openBench({}, sticky);
    const first = moveSlots(undefined, pair(100, 0), 1);
    expect(controller.current().slots).toEqual({ demo: first });
    await controller.execute(weights(90, 10), options);
    expect(controller.current().slots).toEqual({ demo: moveSlots(first, pair(90, 10), 2) });
    expect(await controller.revision(2)).toEqual(controller.current());
  });

  test('are none where no service is sticky, begin when one becomes so, and end when it no longer is', async () => {
    const { controller } = await openBench();
    await controller.execute(weights(90, 10), options);
    expect(controller.current().slots).toEqual({});
    await controller.execute(patch({ sticky: {} }), options);
    expect(controller.current().slots).toEqual({ demo: moveSlots(undefined, pair(90, 10), 3) });
    await controller.execute(patch({ sticky: null }), options);
    expect(controller.current().slots).toEqual({});
  });

  test('stay where a change has nothing to do with weights', async () => {
    const { controller } = await openBench({}, sticky);
    await controller.execute(weights(90, 10), options);
    const before = controller.current().slots;
    await controller.execute(patch({ debugHeaders: true }), options);
    expect(controller.current().number).toBe(3);
    expect(controller.current().slots).toEqual(before);
  });

  test('leave a pool that an operator takes out, and come back to it with it', async () => {
    const { controller } = await openBench({}, demoWith({ sticky: {}, weights: { blue: 50, green: 50 } }));
    const before = controller.current().slots;
    accepted(await controller.execute(patch({ pools: { green: { state: 'drain' } } }), options));
    expect(countsIn(controller.current())).toEqual({ blue: slotCount });
    accepted(await controller.execute(patch({ pools: { green: { state: 'ready' } } }), options));
    expect(controller.current().slots).toEqual(before);
  });

  test('are what the workers are sent', async () => {
    const { controller, parts } = await openBench({}, sticky);
    await controller.execute(weights(75, 25), options);
    const compiled = parts.fleet.published.at(-1)?.services[0]?.sticky;
    expect(compiled).toMatchObject({ slotEnds: [49_152, 65_536], slotPools: [0, 1], keptSince: [0, 0] });
  });

  test('of a dry run are nobody’s', async () => {
    const { controller } = await openBench({}, sticky);
    const before = controller.current();
    await controller.execute(weights(50, 50), { ...options, dryRun: true });
    expect(controller.current()).toBe(before);
  });

  test('are there for a service that is called like something every object has', async () => {
    const services = JSON.parse(JSON.stringify({ constructor: demoOf(sticky) }));
    const { controller } = await openBench({}, { ...demoDocument, services, routes: [{ service: 'constructor' }] });
    expect(Object.keys(controller.current().slots)).toEqual(['constructor']);
    accepted(await controller.execute({ kind: 'weights', service: 'constructor', weights: { green: 1 }, others: 'zero' }, options));
    expect(countSlots(controller.current().slots['constructor']!.runs)).toEqual(new Map([['green', slotCount]]));
  });
});

describe('going back', () => {
  /** Two ramps whose ways differ, so that where the slots are now cannot be told from the weights: revisions 1 to 4. */
  async function wander() {
    const file = demoWith({ sticky: {}, pools: { blue: { targets: [] }, green: { targets: [] }, grey: { targets: [] } } });
    const bench = await openBench({}, file);
    const shares = [
      { blue: 50, green: 50, grey: 0 },
      { blue: 50, green: 0, grey: 50 },
      { blue: 20, green: 60, grey: 20 },
    ];
    for (const share of shares) accepted(await bench.controller.execute(patch({ weights: share }), options));
    return bench;
  }

  test.each([
    [restore(3), 3],
    [restore(2), 2],
    [undo, 3],
  ])('by %j brings every client back to where it was', async (command, number) => {
    const { controller } = await wander();
    accepted(await controller.execute(command, options));
    const earlier = await controller.revision(number);
    expect(tableOf(controller.current()).runs).toEqual(tableOf(earlier!).runs);
  });

  test('by a restore and by an undo of it, again', async () => {
    const { controller } = await wander();
    const before = tableOf(controller.current()).runs;
    await controller.execute(restore(2), options);
    await controller.execute(undo, options);
    expect(tableOf(controller.current()).runs).toEqual(before);
  });

  test('moves clients at once who would be kept in the pools that shrink thereby', async () => {
    const { controller, parts } = await wander();
    await controller.execute(undo, options);
    expect(tableOf(controller.current()).keptSince).toEqual({ green: 5 });
    expect(parts.fleet.published.at(-1)?.services[0]?.sticky?.keptSince).toEqual([0, 5, 0]);
    // That stays so with what comes after, and for a way back to a revision that does not know of it yet.
    await controller.execute(patch({ weights: { blue: 10, green: 80, grey: 10 } }), options);
    expect(tableOf(controller.current()).keptSince).toEqual({ green: 5 });
    await controller.execute(restore(1), options);
    expect(tableOf(controller.current()).keptSince).toEqual({ green: 7, grey: 7 });
  });

  test('leaves everybody where they are where the shares are the same now', async () => {
    const file = demoWith({ sticky: {}, pools: { blue: { targets: [] }, green: { targets: [] }, grey: { targets: [] } } });
    const { controller } = await openBench({}, file);
    const shares = [
      { blue: 2, green: 1, grey: 1 },
      { blue: 1, green: 2, grey: 1 },
      { blue: 2, green: 2, grey: 0 },
      { blue: 4, green: 2, grey: 2 },
    ];
    for (const share of shares) accepted(await controller.execute(patch({ weights: share }), options));
    const before = controller.current().slots;
    expect((await controller.revision(2))?.slots).not.toEqual(before);
    accepted(await controller.execute(restore(2), options));
    expect(weightsOf(controller)).toEqual(shares[0]);
    expect(controller.current().slots).toEqual(before);
  });

  test('to a service that was deleted brings its clients back, too', async () => {
    const other = { pools: { old: { targets: [] }, new: { targets: [] } }, weights: { old: 1, new: 0 }, sticky: {} };
    const { controller } = await openBench();
    await controller.execute({ kind: 'putService', service: 'other', document: other }, options);
    await controller.execute({ kind: 'weights', service: 'other', weights: { old: 1, new: 1 }, others: 'zero' }, options);
    const before = controller.current().slots;
    await controller.execute({ kind: 'deleteService', service: 'other' }, options);
    expect(controller.current().slots).toEqual({});
    accepted(await controller.execute(undo, options));
    expect(controller.current().slots).toEqual(before);
  });

  test('to when a service was still sticky brings its clients back, whatever its weights are', async () => {
    const { controller } = await openBench({}, sticky);
    await controller.execute(weights(60, 40), options);
    await controller.execute(weights(60, 10), options);
    const before = controller.current().slots;
    await controller.execute(patch({ sticky: null }), options);
    await controller.execute(undo, options);
    expect(controller.current().slots).toEqual(before);
  });

  test('to before a service was sticky has no slots', async () => {
    const { controller } = await openBench();
    await controller.execute(patch({ sticky: {} }), options);
    await controller.execute(undo, options);
    expect(controller.current().slots).toEqual({});
  });
});

describe('a restart', () => {
  test('gives the same answers', async () => {
    const store = new MemoryStore();
    const before = await openBench({ store }, sticky);
    for (const green of [10, 40, 20]) await before.controller.execute(weights(100 - green, green), options);
    for (const file of [sticky, 'none'] as const) {
      const after = await openBench({ store }, file);
      expect(after.controller.current()).toEqual(before.controller.current());
      expect(after.controller.snapshot()).toEqual(before.controller.snapshot());
    }
  });

  test('with a changed file moves slots from where they were', async () => {
    const store = new MemoryStore();
    const before = await openBench({ store }, sticky);
    await before.controller.execute(weights(90, 10), options);
    const { controller } = await openBench({ store }, demoWith({ sticky: {}, weights: { blue: 80, green: 20 } }));
    expect(tableOf(controller.current())).toEqual(moveSlots(tableOf(before.controller.current()), pair(80, 20), 3));
  });

  test('with a revision that was saved without slots begins anew from its weights, and goes on from there', async () => {
    const store = new MemoryStore();
    const file = demoWith({ sticky: {}, weights: { blue: 70, green: 30 } });
    const before = await openBench({}, file);
    await store.commit({ ...before.controller.current(), slots: {} }, []);
    const { controller } = await openBench({ store }, file);
    const first = moveSlots(undefined, pair(70, 30), 0);
    expect(tableOf(controller.current())).toEqual(first);
    expect(controller.snapshot()).toEqual(before.controller.snapshot());
    await controller.execute(weights(60, 40), options);
    expect(tableOf(controller.current())).toEqual(moveSlots(first, pair(60, 40), 2));
  });
});

test('whatever is done, every slot has one owner, and every pool the slots of its weight', async () => {
  const command = oneof(
    record({
      kind: constant('weights' as const),
      service: constant('demo'),
      weights: record({ blue: nat(3), green: nat(3) }),
      others: constant('keep' as const),
    }),
    record({ kind: constant('restore' as const), revision: nat(8) }),
    constant(undo),
    nat(1).map((on) => patch({ debugHeaders: on === 1 })),
  );
  await assert(
    asyncProperty(array(command, { maxLength: 15 }), async (commands) => {
      const { controller } = await openBench({}, sticky);
      for (const one of commands) {
        await controller.execute(one, options);
        const meaning = interpret(controller.current().document);
        if (meaning.kind === 'invalid') throw new Error('what is in force is valid');
        const now = meaning.model.services[0]!.weights;
        const total = now['blue']! + now['green']!;
        const counts = countsIn(controller.current());
        expect((counts['blue'] ?? 0) + (counts['green'] ?? 0)).toBe(slotCount);
        for (const pool of ['blue', 'green']) {
          if (total > 0) expect(Math.abs((counts[pool] ?? 0) - (slotCount * now[pool]!) / total)).toBeLessThan(1);
        }
      }
    }),
    { numRuns: 60 },
  );
});
