import { describe, expect, test } from 'vitest';
import type { Command } from '../../src/control/ports.ts';
import type { Json, JsonObject } from '../../src/core/json.ts';
import { accepted, demoWith, openBench, options, type Bench } from './support.ts';

const undo: Command = { kind: 'undo' };
const restore = (revision: number): Command => ({ kind: 'restore', revision });
const green: Json = { targets: ['http://127.0.0.1:3002'] };

/** A control plane at this time, with a service that gives drains ten seconds. */
async function openAt(atMs: number, blue: JsonObject = { targets: ['http://127.0.0.1:3001', 'http://127.0.0.1:3003'] }) {
  const clock = { atMs, nowMs: () => clock.atMs };
  const bench = await openBench({ clock }, demoWith({ pools: { blue, green }, timeouts: { drain: '10s' } }));
  return { ...bench, clock, run: async (command: Command) => accepted(await bench.controller.execute(command, options)) };
}

const at = (ms: number): string => new Date(ms).toISOString();
const setTo = (state: 'ready' | 'drain' | 'maint', untilMs?: number, target?: string): Command => ({
  kind: 'state',
  service: 'demo',
  pool: 'blue',
  target,
  state,
  drainUntil: untilMs === undefined ? undefined : at(untilMs),
});

/** State and deadline of the pool, and of its first target. */
function standing({ controller }: Bench): unknown[] {
  const [pool] = controller.model().services[0]!.pools;
  return [pool, pool!.targets[0]].map((home) => [home!.state, home!.drainUntilMs]);
}

const ready = ['ready', undefined];

describe.each<{ back: string; command: Command }>([
  { back: 'undo', command: undo },
  { back: 'restore', command: restore(2) },
])('$back to what was taken out', ({ command }) => {
  test.each(['drain', 'maint'] as const)('and is ready now gives what runs there the time that a %s has', async (state) => {
    const bench = await openAt(50_000);
    await bench.run(setTo(state, 51_000));
    bench.clock.atMs = 60_000;
    await bench.run(setTo('ready'));
    await bench.run(command);
    expect(standing(bench)).toEqual([[state, 70_000], ready]);
  });

  test('holds for a target, too', async () => {
    const bench = await openAt(50_000);
    await bench.run(setTo('drain', 51_000, '127.0.0.1:3001'));
    bench.clock.atMs = 60_000;
    await bench.run(setTo('ready', undefined, '127.0.0.1:3001'));
    await bench.run(command);
    expect(standing(bench)).toEqual([ready, ['drain', 70_000]]);
  });

  test('holds for a target that had been removed meanwhile, on which something may still run', async () => {
    const bench = await openAt(50_000);
    await bench.run(setTo('maint', 51_000, '127.0.0.1:3001'));
    await bench.run({ kind: 'deleteTarget', service: 'demo', pool: 'blue', target: '127.0.0.1:3001' });
    await bench.run(command);
    expect(standing(bench)).toEqual([ready, ['maint', 60_000]]);
  });

  test('takes no time away that was given', async () => {
    const bench = await openAt(50_000);
    await bench.run(setTo('drain', 100_000));
    await bench.run(setTo('ready'));
    await bench.run(command);
    expect(standing(bench)).toEqual([['drain', 100_000], ready]);
  });

  test('by another deadline than now does not end at once what runs', async () => {
    const bench = await openAt(50_000);
    await bench.run(setTo('drain', 51_000));
    bench.clock.atMs = 60_000;
    await bench.run(setTo('drain', 900_000));
    await bench.run(command);
    expect(standing(bench)).toEqual([['drain', 70_000], ready]);
  });

  test('until the same time as now leaves the deadline alone', async () => {
    const bench = await openAt(50_000);
    await bench.run(setTo('drain', 51_000));
    await bench.run({ kind: 'weights', service: 'demo', weights: { blue: 1, green: 1 }, others: 'zero' });
    bench.clock.atMs = 60_000;
    await bench.run(command);
    expect(standing(bench)).toEqual([['drain', 51_000], ready]);
  });
});

test('without a deadline has none afterwards either', async () => {
  const bench = await openAt(50_000, { targets: [{ url: 'http://127.0.0.1:3001', state: 'drain' }], state: 'maint' });
  await bench.run(setTo('ready'));
  await bench.run(setTo('ready', undefined, '127.0.0.1:3001'));
  await bench.run(restore(1));
  expect(standing(bench)).toEqual([
    ['maint', undefined],
    ['drain', undefined],
  ]);
});

test('undo goes on further back from a drain that it has given a new deadline', async () => {
  const bench = await openAt(50_000);
  await bench.run(setTo('drain', 51_000));
  bench.clock.atMs = 60_000;
  await bench.run(setTo('ready'));
  await bench.run(undo);
  expect(await bench.run(undo)).toMatchObject({ revision: 5, changed: true });
  expect(standing(bench)).toEqual([ready, ready]);
});
