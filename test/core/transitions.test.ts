import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { OperatorState } from '../../src/core/model.ts';
import type { TargetReport, WorkerReport } from '../../src/core/reports.ts';
import type { CompiledTarget, Snapshot } from '../../src/core/snapshot.ts';
import { drainsBetween, isSettled, transitionsBetween, type Look } from '../../src/core/transitions.ts';

interface Target {
  /** Undefined: it is not in the snapshot. */
  readonly state?: OperatorState | undefined;
  /** What workers say of it; undefined: nothing. */
  readonly said?: Partial<TargetReport> | undefined;
}

const quiet: Omit<TargetReport, 'id'> = {
  inFlight: 0,
  streaming: 0,
  upgraded: 0,
  available: true,
  ejected: false,
  ejections: 0,
  codes: {},
};

/** A look at one pool with these targets. Of a snapshot, only what is looked at is there. */
function look(targets: Readonly<Record<string, Target>>, revision = 7): Look {
  const entries = Object.entries(targets);
  const compiled = entries.flatMap(([id, { state }]) => (state === undefined ? [] : [{ id, state } as CompiledTarget]));
  const said = entries.flatMap(([id, target]) => (target.said === undefined ? [] : [{ ...quiet, ...target.said, id }]));
  const pool = { id: 'blue', targets: said, durations: { counts: [], sumMs: 0 }, picked: 0, queued: 0, clients: undefined };
  const service = { id: 'demo', pools: [pool], retries: 0, retriesRefused: 0, rescued: 0, decisions: {}, mirrors: [] };
  const totals: WorkerReport = { revision, connections: 0, acceptPauses: 0, inFlight: 0, services: [service], terminations: {} };
  const snapshot = { revision, services: [{ id: 'demo', pools: [{ id: 'blue', targets: compiled }] }] } as unknown as Snapshot;
  return { snapshot, totals, workers: [{ report: totals }] };
}

function told(before: Readonly<Record<string, Target>>, after: Readonly<Record<string, Target>>): string[] {
  const looks = [look(before), look(after, 8)] as const;
  return [...transitionsBetween(...looks), ...drainsBetween(...looks)].map(
    ({ kind, service, pool, target, from, to, cause }) => `${kind} ${service}/${pool}/${target}: ${from} -> ${to} (${cause})`,
  );
}

const ready = (said?: Partial<TargetReport>): Target => ({ state: 'ready', said });
const drain = (inFlight?: number): Target => ({ state: 'drain', said: inFlight === undefined ? undefined : { inFlight } });
const maint = (inFlight?: number): Target => ({ state: 'maint', said: inFlight === undefined ? undefined : { inFlight } });
const removed = (inFlight: number): Target => ({ said: { inFlight } });
const gone: Target = {};

const ejection = 'ejection demo/blue/a: available -> ejected (connections failed)';
const readmission = 'ejection demo/blue/a: ejected -> readmitted (no worker leaves it out any more)';
const over = (from: string): string => `drain demo/blue/a: ${from} -> drained (nothing runs there any more)`;
const state = (from: string, to: string, target = 'a'): string => `state demo/blue/${target}: ${from} -> ${to} (revision 8)`;

test('services that are as they were are passed over, and nothing is missed by it', () => {
  // Few of each, so that often little has changed.
  const said = fc.record({ inFlight: fc.nat(1), ejected: fc.boolean(), ejections: fc.nat(1) });
  const target = fc.record({ state: fc.constantFrom('ready', 'drain', undefined), said: fc.option(said, { nil: undefined }) });
  const targets = fc.dictionary(fc.constantFrom('a', 'b'), target, { minKeys: 1 });
  fc.assert(
    fc.property(targets, targets, (was, is) => {
      const before = look(was);
      const after = { ...look(is), snapshot: before.snapshot };
      // Another object with the same in it: every service is looked at.
      const compared = { ...after, snapshot: { ...before.snapshot } };
      expect(transitionsBetween(before, after)).toEqual(transitionsBetween(before, compared));
      expect(drainsBetween(before, after)).toEqual(drainsBetween(before, compared));
    }),
    { numRuns: 3000 },
  );
});

describe('one target', () => {
  test.each<{ before: Target; after: Target; tells: string[] }>([
    { before: ready({}), after: ready({}), tells: [] },
    // Ejections.
    { before: ready({}), after: ready({ ejected: true, ejections: 1 }), tells: [ejection] },
    { before: ready({ ejected: true, ejections: 1 }), after: ready({ ejected: true, ejections: 1 }), tells: [] },
    { before: ready({ ejected: true, ejections: 1 }), after: ready({ ejected: true, ejections: 2 }), tells: [ejection] },
    { before: ready({ ejected: true, ejections: 1 }), after: ready({ ejections: 1 }), tells: [readmission] },
    { before: ready({ ejections: 1 }), after: ready({ ejections: 2 }), tells: [ejection, readmission] },
    // A worker that dies takes what it had ejected with it.
    { before: ready({ ejected: true, ejections: 3 }), after: ready(), tells: [readmission] },
    // States and drains.
    { before: ready({ inFlight: 2 }), after: drain(2), tells: [state('ready', 'drain')] },
    { before: drain(2), after: drain(1), tells: [] },
    { before: drain(1), after: drain(0), tells: [over('drain')] },
    { before: drain(1), after: drain(), tells: [over('drain')] },
    { before: drain(0), after: drain(0), tells: [] },
    { before: ready({}), after: maint(0), tells: [state('ready', 'maint'), over('maint')] },
    { before: drain(3), after: maint(3), tells: [state('drain', 'maint')] },
    { before: drain(0), after: maint(0), tells: [state('drain', 'maint')] },
    { before: maint(0), after: ready({}), tells: [state('maint', 'ready')] },
    // Somebody who stayed sends once more.
    { before: drain(0), after: drain(1), tells: [] },
    // Removals.
    { before: ready({ inFlight: 2 }), after: removed(2), tells: [] },
    { before: removed(2), after: removed(0), tells: [over('removed')] },
    { before: removed(2), after: gone, tells: [over('removed')] },
    { before: ready({}), after: gone, tells: [over('removed')] },
    { before: drain(0), after: gone, tells: [] },
    { before: gone, after: ready({ inFlight: 1 }), tells: [] },
    { before: gone, after: maint(0), tells: [] },
  ])('from $before to $after', ({ before, after, tells }) => {
    // A second target that stays as it is, so that the pool does not change as a whole.
    expect(told({ a: before, z: ready({}) }, { a: after, z: ready({}) })).toEqual(tells);
  });
});

test('a pool that is taken out as a whole is one event, and each of its targets is done for itself', () => {
  expect(told({ a: ready({}), b: ready({ inFlight: 1 }) }, { a: drain(0), b: drain(1) })).toEqual([
    state('ready', 'drain', ''),
    over('drain'),
  ]);
});

test('targets that change differently are told one by one', () => {
  const before = { a: ready({ inFlight: 1 }), b: ready({ inFlight: 1 }) };
  expect(told(before, { a: drain(1), b: maint(1) })).toEqual([state('ready', 'drain', 'a'), state('ready', 'maint', 'b')]);
  const three = { ...before, c: ready({}) };
  expect(told(three, { a: drain(1), b: drain(1), c: ready({}) })).toEqual([state('ready', 'drain', 'a'), state('ready', 'drain', 'b')]);
  expect(told(before, { a: drain(1), b: ready({ inFlight: 1 }) })).toEqual([state('ready', 'drain', 'a')]);
});

test('a pool or a service that is gone is drained when its last request is', () => {
  const running = look({ a: removed(1) });
  const totals = { ...running.totals, services: [] };
  const empty: Look = { ...running, snapshot: { revision: 8, services: [] } as unknown as Snapshot, totals };
  expect(drainsBetween(running, empty)).toMatchObject([{ kind: 'drain', target: 'a', from: 'removed', to: 'drained' }]);
});

test.each<{ said: (number | undefined)[]; settled: boolean }>([
  { said: [7, 7], settled: true },
  { said: [8, 7], settled: true },
  { said: [7, 6], settled: false },
  { said: [7, undefined], settled: false },
  { said: [], settled: true },
])('a look at revision 7 with workers that have said $said is settled: $settled', ({ said, settled }) => {
  const { totals, snapshot } = look({});
  const workers = said.map((revision) => ({ report: revision === undefined ? undefined : { ...totals, revision } }));
  expect(isSettled({ snapshot, totals, workers })).toBe(settled);
});
