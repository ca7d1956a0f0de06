import { expect, test } from 'vitest';
import { openController } from '../../src/control/controller.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { accepted, benchParts, demoDocument, demoOf, demoWith, openBench, options, rejected, weightsOf } from './support.ts';

const weights = (blue: number, green: number) => ({ kind: 'weights', service: 'demo', weights: { blue, green }, others: 'zero' }) as const;

test('an empty store starts with the file as revision 1', async () => {
  const { controller, parts } = await openBench();
  expect(controller.current()).toEqual({
    number: 1,
    document: demoDocument,
    createdAtMs: 1000,
    actor: 'file',
    action: 'file',
    reason: '',
    undoTo: undefined,
    fileDocument: demoDocument,
    slots: {},
  });
  expect(parts.fleet.published).toEqual([]);
  await controller.republish(1000);
  expect(parts.fleet.published).toEqual([controller.snapshot()]);
});

test('a restart with the same file resumes the last revision', async () => {
  const store = new MemoryStore();
  const before = await openBench({ store });
  await before.controller.execute(weights(50, 50), options);
  const after = await openBench({ store });
  expect(after.controller.current()).toEqual(before.controller.current());
  expect(after.controller.current().number).toBe(2);
});

test('a restart without a file, as control does by itself, resumes the last revision', async () => {
  const store = new MemoryStore();
  const before = await openBench({ store });
  await before.controller.execute(weights(50, 50), options);
  const after = await openBench({ store }, 'none');
  expect(after.controller.current()).toEqual(before.controller.current());
});

test('a restart with a changed file keeps what was changed live and takes what was changed in the file', async () => {
  const store = new MemoryStore();
  await (await openBench({ store })).controller.execute(weights(50, 50), options);
  const { controller } = await openBench({ store }, demoWith({ debugHeaders: true }));
  expect(controller.current()).toMatchObject({
    number: 3,
    action: 'file',
    actor: 'file',
    undoTo: 2,
    fileDocument: demoWith({ debugHeaders: true }),
  });
  expect(controller.current().document).toEqual(demoWith({ debugHeaders: true, weights: { blue: 50, green: 50 } }));
});

test('where both changed the same thing, the file wins', async () => {
  const store = new MemoryStore();
  await (await openBench({ store })).controller.execute(weights(50, 50), options);
  const { controller } = await openBench({ store }, demoWith({ weights: { blue: 1, green: 2 } }));
  expect(weightsOf(controller)).toEqual({ blue: 1, green: 2 });
});

test('a file that came to say what is already in force is the base of the next merge', async () => {
  const store = new MemoryStore();
  await (await openBench({ store })).controller.execute(weights(50, 50), options);
  const second = await openBench({ store }, demoWith({ weights: { blue: 50, green: 50 } }));
  await second.controller.execute(weights(10, 90), options);
  const third = await openBench({ store }, demoWith({ weights: { blue: 50, green: 50 } }));
  expect(weightsOf(third.controller)).toEqual({ blue: 10, green: 90 });
});

test('what is fixed while Sluice runs comes from the file', async () => {
  const store = new MemoryStore();
  const before = await openBench({ store }, demoWith({}, { workers: 1, log: { access: true } }));
  await before.controller.execute(weights(50, 50), options);
  const moved = { workers: 4, listeners: [{ name: 'web', address: '127.0.0.1:9090' }] };
  const { controller } = await openBench({ store }, demoWith({}, moved));
  expect(controller.current().document).toEqual(demoWith({ weights: { blue: 50, green: 50 } }, moved));

  // Going back to a revision with other fixed parts moves the traffic and leaves them; time-outs are not fixed, and come back.
  await controller.execute({ kind: 'restore', revision: 1 }, options);
  const listeners = [{ name: 'web', address: '127.0.0.1:9090', timeouts: { head: '10s' } }];
  expect(controller.current().document).toEqual(demoWith({}, { ...moved, listeners }));
});

test('an undo right after a restart that changed only fixed parts goes to the change before it', async () => {
  const store = new MemoryStore();
  await (await openBench({ store })).controller.execute(weights(50, 50), options);
  const { controller } = await openBench({ store }, demoWith({}, { workers: 4 }));
  await controller.execute({ kind: 'undo' }, options);
  expect(weightsOf(controller)).toEqual({ blue: 100, green: 0 });
  expect(controller.current().document['workers']).toBe(4);
});

test('a file and live changes that do not fit together stop the start, with the problems and the way out', async () => {
  const store = new MemoryStore();
  const before = await openBench({ store });
  const canary = { pools: { canary: { targets: ['http://127.0.0.1:3003'] } }, weights: { blue: 90, canary: 10 } };
  accepted(
    await before.controller.execute(
      { kind: 'putService', service: 'other', document: { pools: { blue: { targets: [] } }, weights: { blue: 1 } } },
      options,
    ),
  );
  accepted(await before.controller.execute({ kind: 'patchService', service: 'demo', patch: canary }, options));
  accepted(
    await before.controller.execute({ kind: 'patch', patch: { routes: [{ service: 'other' }], services: { demo: null } } }, options),
  );
  const changed = { ...demoDocument, routes: [{ match: { path: '/x' }, service: 'demo' }] };
  expect(await openController(benchParts({ store }), changed)).toMatchObject({
    kind: 'rejected',
    message:
      'The config file and the changes made since it was last applied (up to revision 4) do not fit together. ' +
      'Change the file so that they do, or move the data directory away to start from the file alone.',
    problems: [{ pointer: '/routes/0/service' }],
  });
  expect((await store.latest())?.number).toBe(4);
});

test('a file that removes the pool with all traffic stops the start, and is refused while Sluice runs', async () => {
  const store = new MemoryStore();
  const before = await openBench({ store });
  await before.controller.execute({ kind: 'switch', service: 'demo', to: 'green' }, options);
  const pools = { blue: { targets: ['http://127.0.0.1:3001'] }, v3: { targets: ['http://127.0.0.1:3003'] } };
  const file = demoWith({ pools, weights: { blue: 100, v3: 0 } });
  const problems = [{ pointer: '/services/demo/weights', message: expect.stringContaining('switch to another pool first') }];
  expect(await openController(benchParts({ store }), file)).toMatchObject({ kind: 'rejected', problems });
  expect(rejected(await before.controller.applyFile(file, options))).toMatchObject({ code: 'INVALID', problems });
  expect((await store.latest())?.number).toBe(2);

  await before.controller.execute({ kind: 'switch', service: 'demo', to: 'blue' }, options);
  expect(accepted(await before.controller.applyFile(file, options)).revision).toBe(4);
  expect(weightsOf(before.controller)).toEqual({ blue: 100 });
});

test('what the file changes is saved when control begins, not before', async () => {
  const store = new MemoryStore();
  await openBench({ store });
  const parts = benchParts({ store });
  const opened = await openController(parts, demoWith({ weights: { blue: 1, green: 1 } }));
  if (opened.kind === 'rejected') throw new Error(opened.message);
  expect((await store.latest())?.number).toBe(1);
  expect(opened.snapshot().revision).toBe(2);
  await opened.begin();
  expect(await store.latest()).toEqual(opened.current());
  expect(parts.fleet.published).toEqual([]);
});

test('control that comes back leaves a file that was applied since as it is', async () => {
  const store = new MemoryStore();
  const before = await openBench({ store });
  await before.controller.applyFile(demoWith({ weights: { blue: 0, green: 100 } }), options);
  const after = await openBench({ store }, 'none');
  expect(weightsOf(after.controller)).toEqual({ blue: 0, green: 100 });
});

test('an empty store without a file is no start', async () => {
  await expect(openBench({}, 'none')).rejects.toThrow('The store is empty and no config file is given; start with a config file.');
});

test('a saved revision that this version does not take stops the start', async () => {
  const store = new MemoryStore();
  await openBench({ store });
  const refuse = { interpret: () => ({ kind: 'invalid', problems: [{ pointer: '/services', message: 'no longer possible' }] }) as const };
  expect(await openController(benchParts({ store, ...refuse }), demoDocument)).toEqual({
    kind: 'rejected',
    code: 'INVALID',
    message:
      'Revision 1 in the store is not valid for this version of Sluice. Run the version that saved it, or move the data directory away ' +
      'to start from the config file alone.',
    problems: [{ pointer: '/services', message: 'no longer possible' }],
  });
});

test('a file applied while Sluice runs is merged likewise, and refused where it changes what is fixed', async () => {
  const { controller, parts } = await openBench();
  await controller.execute(weights(50, 50), options);
  const reply = accepted(await controller.applyFile(demoWith({ debugHeaders: true }), { ...options, actor: 'file' }));
  expect(reply).toMatchObject({ revision: 3, changed: true });
  expect(controller.current().document).toEqual(demoWith({ debugHeaders: true, weights: { blue: 50, green: 50 } }));
  expect(parts.fleet.published.at(-1)?.revision).toBe(3);
  expect(accepted(await controller.applyFile(demoWith({ debugHeaders: true }), options)).changed).toBe(false);
  expect(controller.current().number).toBe(3);
  expect(rejected(await controller.applyFile(demoWith({}, { workers: 9 }), options)).code).toBe('NEEDS_RESTART');
});

test('a restart with a file that gives a drain up begins, although its deadline was set live', async () => {
  const store = new MemoryStore();
  const pools = (green: JsonObject) => ({ pools: { blue: { targets: [] }, green: { targets: [], ...green } } });
  const { controller: before } = await openBench({ store }, demoWith(pools({ state: 'drain' })));
  const drainUntil = '2026-05-01T12:00:00.000Z';
  await before.execute({ kind: 'state', service: 'demo', pool: 'green', target: undefined, state: 'drain', drainUntil }, options);
  const { controller } = await openBench({ store }, demoWith(pools({})));
  expect(controller.model().services[0]!.pools[1]).toMatchObject({ state: 'ready', drainUntilMs: undefined });
});

test('a restart with a file that adds a target leaves what is in maintenance and what was added live', async () => {
  const store = new MemoryStore();
  const [a, b, c] = ['http://127.0.0.1:3001', 'http://127.0.0.1:3002', 'http://127.0.0.1:3003'];
  const file = (...targets: string[]) => demoWith({ pools: { blue: { targets }, green: { targets: [] } } });
  const { controller: before } = await openBench({ store }, file(a));
  const place = { service: 'demo', pool: 'blue' };
  await before.execute({ kind: 'state', ...place, target: '127.0.0.1:3001', state: 'maint', drainUntil: undefined }, options);
  await before.execute({ kind: 'putTarget', ...place, target: '127.0.0.1:3002', document: { url: b } }, options);
  const { controller } = await openBench({ store }, file(a, c));
  expect(demoOf(controller.current().document)).toMatchObject({ pools: { blue: { targets: [{ url: a, state: 'maint' }, c, b] } } });
});
