import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { interpret } from '../../config/interpret.ts';
import { proposeChange, type Change, type Standing } from '../../src/core/change.ts';
import type { Json, JsonObject } from '../../src/core/json.ts';

const until = '2026-05-01T12:00:00.000Z';

/** A service that says no more than it must: what changes leave of it is compared to the letter. */
const demo: JsonObject = {
  pools: {
    blue: { targets: ['http://10.0.0.1:3000', { id: 'b2', url: 'http://10.0.0.2:3000', weight: 2 }] },
    green: { targets: ['http://10.0.1.1'] },
    old: { targets: [] },
    shadow: { targets: [] },
    spare: { targets: [] },
    canary: { targets: [] },
  },
  weights: { blue: 90, green: 10 },
  fallback: 'spare',
  overrides: [{ match: { headers: { 'x-canary': '1' } }, pool: 'canary' }],
  mirrors: [{ pool: 'shadow', percent: 10 }],
};

function standing(service: JsonObject = demo): Standing {
  const document = { services: { demo: service, other: { pools: { only: { targets: [] } } } }, routes: [{ service: 'demo' }] };
  const meaning = interpret(document);
  if (meaning.kind === 'invalid') throw new Error(JSON.stringify(meaning.problems));
  return { document, model: meaning.model };
}

/** The service after the change, which is valid and changes nothing else; or the refusal. */
function after(change: Change, service: JsonObject = demo): unknown {
  const current = standing(service);
  const proposal = proposeChange(current, change);
  if (proposal.kind === 'rejected') return `${proposal.code}: ${proposal.message}`;
  expect(interpret(proposal.document)).toHaveProperty('kind', 'valid');
  const { demo: changed, ...others } = proposal.document['services'] as JsonObject;
  expect({ ...proposal.document, services: { demo: service, ...others } }).toEqual(current.document);
  return changed;
}

const withPool = (id: string, pool: Json): JsonObject => ({ ...demo, pools: { ...(demo['pools'] as JsonObject), [id]: pool } });
const withTargets = (...targets: Json[]): JsonObject => withPool('blue', { targets });
const without = (object: Json | undefined, key: string): JsonObject => {
  const { [key]: _gone, ...rest } = object as JsonObject;
  return rest;
};
const first = 'http://10.0.0.1:3000';
const second: JsonObject = { id: 'b2', url: 'http://10.0.0.2:3000', weight: 2 };

const putPool = (pool: string, document: JsonObject): Change => ({ kind: 'putPool', service: 'demo', pool, document });
const deletePool = (pool: string): Change => ({ kind: 'deletePool', service: 'demo', pool });
const putTarget = (target: string, document: JsonObject): Change => ({
  kind: 'putTarget',
  service: 'demo',
  pool: 'blue',
  target,
  document,
});
const deleteTarget = (target: string): Change => ({ kind: 'deleteTarget', service: 'demo', pool: 'blue', target });
const state = (word: 'ready' | 'drain' | 'maint', target?: string, pool = 'blue'): Change => ({
  kind: 'state',
  service: 'demo',
  pool,
  target,
  state: word,
  drainUntil: word === 'ready' ? undefined : until,
});
const lists = (kind: 'mirrors' | 'overrides', ...list: Json[]): Change => ({ kind, service: 'demo', list });

describe('a pool', () => {
  test.each<{ name: string; change: Change; gives: JsonObject }>([
    {
      name: 'is added, without weight',
      change: putPool('red', { targets: ['http://10.0.2.1'] }),
      gives: withPool('red', { targets: ['http://10.0.2.1'] }),
    },
    {
      name: 'is replaced whole',
      change: putPool('green', { targets: [], slowStart: '5s' }),
      gives: withPool('green', { targets: [], slowStart: '5s' }),
    },
    { name: 'is removed', change: deletePool('old'), gives: { ...demo, pools: without(demo['pools'], 'old') } },
  ])('$name', ({ change, gives }) => {
    expect(after(change)).toEqual(gives);
  });

  test('that is the second gets 0, where the only one had no need of a weight', () => {
    const pools = { blue: { targets: [first] } };
    expect(after(putPool('green', { targets: [] }), { pools })).toEqual({
      pools: { ...pools, green: { targets: [] } },
      weights: { blue: 100, green: 0 },
    });
    // Weights that are written stay as they are.
    expect(after(putPool('green', { targets: [] }), { pools, weights: { blue: 7 } })).toHaveProperty('weights', { blue: 7 });
    // Replacing the only one needs none either.
    expect(after(putPool('blue', { targets: [] }), { pools })).toEqual({ pools: { blue: { targets: [] } } });
  });

  test('takes its written weight of 0 with it', () => {
    const weights = { blue: 1, green: 0 };
    expect(after(deletePool('green'), { ...demo, weights })).toEqual({
      ...demo,
      pools: without(demo['pools'], 'green'),
      weights: { blue: 1 },
    });
  });

  test.each([
    {
      pool: 'green',
      says: 'it has the weight 10; move its weight away first, for example by switching to "blue".',
    },
    { pool: 'spare', says: 'it is the fallback; name another pool in "fallback", or none.' },
    { pool: 'canary', says: 'an override names it; change "overrides" first.' },
    { pool: 'shadow', says: 'a mirror copies to it; change "mirrors" first.' },
  ])('that is needed is not removed: $says', ({ pool, says }) => {
    expect(after(deletePool(pool))).toBe(`POOL_IN_USE: Pool "${pool}" of service "demo" cannot be removed: ${says}`);
  });

  test('that is needed in several ways is told all of them', () => {
    const service = { ...demo, mirrors: [], fallback: 'green', overrides: [{ match: {}, pool: 'green' }] };
    expect(after(deletePool('green'), service)).toBe(
      'POOL_IN_USE: Pool "green" of service "demo" cannot be removed: it has the weight 10; move its weight away first, for example by switching to "blue"; ' +
        'it is the fallback; name another pool in "fallback", or none; an override names it; change "overrides" first.',
    );
  });

  test('that is the only one is not removed', () => {
    expect(after(deletePool('blue'), { pools: { blue: { targets: [] } } })).toBe(
      'POOL_IN_USE: Pool "blue" of service "demo" cannot be removed: it is the only pool; to remove it, remove the service, or add another pool and switch to it first.',
    );
  });
});

describe('a target', () => {
  test.each<{ name: string; change: Change; gives: JsonObject }>([
    {
      name: 'is added under the name of its address as a bare URL',
      change: putTarget('10.0.0.3:80', { url: 'http://10.0.0.3' }),
      gives: withTargets(first, second, 'http://10.0.0.3'),
    },
    {
      name: 'is added under a name of its own',
      change: putTarget('b3', { url: 'http://10.0.0.3' }),
      gives: withTargets(first, second, { id: 'b3', url: 'http://10.0.0.3' }),
    },
    {
      name: 'may say its name again',
      change: putTarget('b3', { id: 'b3', url: 'http://10.0.0.3' }),
      gives: withTargets(first, second, { id: 'b3', url: 'http://10.0.0.3' }),
    },
    {
      name: 'stays in its place when it changes',
      change: putTarget('10.0.0.1:3000', { url: first, weight: 5 }),
      gives: withTargets({ url: first, weight: 5 }, second),
    },
    {
      name: 'that moves keeps its name',
      change: putTarget('10.0.0.1:3000', { url: 'http://10.9.9.9' }),
      gives: withTargets({ id: '10.0.0.1:3000', url: 'http://10.9.9.9' }, second),
    },
    {
      name: 'with an IPv6 address has it in brackets',
      change: putTarget('[fd00::7]:3000', { url: 'http://[FD00:0::7]:3000' }),
      gives: withTargets(first, second, 'http://[FD00:0::7]:3000'),
    },
    { name: 'is removed', change: deleteTarget('10.0.0.1:3000'), gives: withTargets(second) },
    { name: 'with a name is removed by it', change: deleteTarget('b2'), gives: withTargets(first) },
  ])('$name', ({ change, gives }) => {
    expect(after(change)).toEqual(gives);
  });

  test('cannot be called otherwise in the body than in the path', () => {
    const refusal = proposeChange(standing(), putTarget('b3', { id: 'b4', url: 'http://10.0.0.3' }));
    expect(refusal).toMatchObject({
      code: 'INVALID',
      problems: [
        { pointer: '/services/demo/pools/blue/targets/2/id', message: 'expected "b3", the id in the path, found "b4"; leave it out' },
      ],
    });
  });
});

describe('a state', () => {
  const drained = { state: 'drain', drainUntil: until };
  test.each<{ name: string; change: Change; from?: JsonObject; gives: JsonObject }>([
    { name: 'of a pool', change: state('drain'), gives: withPool('blue', { targets: [first, second], ...drained }) },
    {
      name: 'of a pool in place of another',
      change: state('maint'),
      from: withPool('blue', { state: 'drain', targets: [] }),
      gives: withPool('blue', { targets: [], state: 'maint', drainUntil: until }),
    },
    {
      name: 'ready, which is what a pool is that says nothing',
      change: state('ready'),
      from: withPool('blue', { targets: [], ...drained }),
      gives: withPool('blue', { targets: [] }),
    },
    {
      name: 'of a target that was a URL',
      change: state('drain', '10.0.0.1:3000'),
      gives: withTargets({ url: first, ...drained }, second),
    },
    {
      name: 'of a target with a name',
      change: state('maint', 'b2'),
      gives: withTargets(first, { ...second, state: 'maint', drainUntil: until }),
    },
    {
      name: 'ready, which makes a target the URL that it was',
      change: state('ready', '10.0.0.1:3000'),
      from: withTargets({ url: first, ...drained }, second),
      gives: withTargets(first, second),
    },
  ])('$name', ({ change, from, gives }) => {
    expect(after(change, from)).toEqual(gives);
  });

  test('asked for again keeps its deadline, unless another is given', () => {
    const later = '2026-05-01T13:00:00.000Z';
    const pool = withPool('blue', { targets: [first, second], ...drained });
    const target = withTargets({ url: first, ...drained }, second);
    const again = (given: boolean, word: 'drain' | 'maint', id?: string): Change =>
      ({ ...state(word, id), drainUntil: later, isDeadlineGiven: given }) as Change;
    expect(after(again(false, 'drain'), pool)).toEqual(pool);
    expect(after(again(false, 'drain', '10.0.0.1:3000'), target)).toEqual(target);
    expect(after(again(true, 'drain'), pool)).toEqual(withPool('blue', { targets: [first, second], state: 'drain', drainUntil: later }));
    expect(after(again(true, 'drain', '10.0.0.1:3000'), target)).toEqual(
      withTargets({ url: first, state: 'drain', drainUntil: later }, second),
    );
    // Another state is another matter.
    expect(after(again(false, 'maint'), pool)).toEqual(withPool('blue', { targets: [first, second], state: 'maint', drainUntil: later }));
    expect(after(again(false, 'drain'))).toEqual(withPool('blue', { targets: [first, second], state: 'drain', drainUntil: later }));
  });

  test('without a deadline is one that ends nothing', () => {
    const change: Change = { kind: 'state', service: 'demo', pool: 'old', target: undefined, state: 'maint', drainUntil: undefined };
    expect(after(change)).toEqual(withPool('old', { targets: [], state: 'maint' }));
  });

  test('that is taken back leaves what was there before, whatever targets are called and wherever they are', () => {
    const word = fc.constantFrom('drain', 'maint');
    const target = fc.record(
      { url: fc.nat(5).map((n) => `http://10.0.0.${n}:80`), id: fc.constantFrom('a', 'b', 'c'), weight: fc.nat(3) },
      { requiredKeys: ['url'] },
    );
    const key = ({ url, id }: { url: string; id?: string }): string => id ?? url.slice('http://'.length);
    const targets = fc.uniqueArray(target, { minLength: 1, maxLength: 4, selector: key });
    fc.assert(
      fc.property(targets, fc.nat(3), word, (list, at, to) => {
        const chosen = list[at % list.length]!;
        // As a person would write it.
        const written = list.map((entry): Json => (Object.keys(entry).length === 1 ? entry.url : { ...entry }));
        const before = withTargets(...written);
        const taken = after(state(to, key(chosen)), before) as JsonObject;
        expect(after(state('ready', key(chosen)), taken)).toEqual(before);
      }),
      { numRuns: 50 },
    );
  });
});

describe('a state that is not named when something is replaced', () => {
  const taken = { state: 'maint', drainUntil: until };
  const target = withTargets({ url: first, ...taken }, second);
  const pool = withPool('blue', { targets: [{ url: first, ...taken }, second], state: 'drain', drainUntil: until });
  test.each<{ name: string; from: JsonObject; change: Change; gives: JsonObject }>([
    {
      name: 'stays with the target',
      from: target,
      change: putTarget('10.0.0.1:3000', { url: first, weight: 5 }),
      gives: withTargets({ url: first, weight: 5, ...taken }, second),
    },
    {
      name: 'stays with a target that moves',
      from: target,
      change: putTarget('10.0.0.1:3000', { url: 'http://10.9.9.9' }),
      gives: withTargets({ id: '10.0.0.1:3000', url: 'http://10.9.9.9', ...taken }, second),
    },
    {
      name: 'stays with the target that is sent as its URL alone',
      from: target,
      change: putTarget('10.0.0.1:3000', { url: first }),
      gives: target,
    },
    {
      name: 'is no longer there when another is named, with its deadline where that is ready',
      from: target,
      change: putTarget('10.0.0.1:3000', { url: first, state: 'ready' }),
      gives: withTargets({ url: first, state: 'ready' }, second),
    },
    {
      name: 'lends its deadline to another that names none',
      from: target,
      change: putTarget('10.0.0.1:3000', { url: first, state: 'drain' }),
      gives: withTargets({ url: first, state: 'drain', drainUntil: until }, second),
    },
    {
      name: 'may be given another deadline',
      from: target,
      change: putTarget('10.0.0.1:3000', { url: first, drainUntil: '2027-01-01T00:00:00Z' }),
      gives: withTargets({ url: first, state: 'maint', drainUntil: '2027-01-01T00:00:00Z' }, second),
    },
    {
      name: 'stays with a pool and with its targets, whatever their order and way of writing',
      from: pool,
      change: putPool('blue', { targets: [second, 'http://10.0.0.3', first], slowStart: '5s' }),
      gives: withPool('blue', {
        targets: [second, 'http://10.0.0.3', { url: first, ...taken }],
        slowStart: '5s',
        state: 'drain',
        drainUntil: until,
      }),
    },
    {
      name: 'is no reason to write a target otherwise than it was sent',
      from: demo,
      change: putPool('blue', { targets: [first, second], slowStart: '5s' }),
      gives: withPool('blue', { targets: [first, second], slowStart: '5s' }),
    },
    {
      name: 'of a pool is named, and those of its targets are not',
      from: pool,
      change: putPool('blue', { targets: [first], state: 'ready' }),
      gives: withPool('blue', { targets: [{ url: first, ...taken }], state: 'ready' }),
    },
  ])('$name', ({ from, change, gives }) => {
    expect(after(change, from)).toEqual(gives);
  });

  test('leaves what is no list of targets for the schema to refuse', () => {
    const proposal = proposeChange(standing(pool), putPool('blue', { targets: 'none' }));
    expect(JSON.stringify(proposal)).toContain('"targets":"none"');
  });
});

describe('a list', () => {
  const mirror = { pool: 'old', percent: 5 };
  test('replaces the one before', () => {
    expect(after(lists('mirrors', mirror))).toEqual({ ...demo, mirrors: [mirror] });
    expect(after(lists('overrides', { match: {}, pool: 'old' }))).toEqual({ ...demo, overrides: [{ match: {}, pool: 'old' }] });
  });

  test('that is empty is none', () => {
    expect(after(lists('mirrors'))).toEqual(without(demo, 'mirrors'));
    expect(after(lists('overrides'))).toEqual(without(demo, 'overrides'));
  });
});

test.each<{ change: Change; from?: JsonObject }>([
  { change: putPool('old', { targets: [] }) },
  { change: putTarget('10.0.0.1:3000', { url: first }) },
  { change: putTarget('10.0.0.1:3000', { url: first }), from: withTargets({ url: first }) },
  { change: putTarget('b2', without(second, 'id')) },
  { change: state('ready') },
  { change: state('ready', 'b2') },
  { change: state('ready', '10.0.0.1:3000'), from: withTargets({ id: '10.0.0.1:3000', url: first }) },
  { change: state('drain', '10.0.0.1:3000'), from: withTargets({ url: first, drainUntil: until, state: 'drain' }) },
  { change: lists('mirrors', ...(demo['mirrors'] as Json[])) },
  { change: lists('overrides', ...(demo['overrides'] as Json[])) },
  { change: lists('mirrors'), from: without(demo, 'mirrors') },
])('$change.kind of what is already so returns the very same document', ({ change, from }) => {
  const current = standing(from);
  const proposal = proposeChange(current, change);
  expect(proposal.kind === 'proposed' && proposal.document === current.document).toBe(true);
});

describe('what is not there', () => {
  const nowhere: Change[] = [
    { kind: 'putPool', service: 'dmo', pool: 'blue', document: { targets: [] } },
    { kind: 'deletePool', service: 'dmo', pool: 'blue' },
    { kind: 'putTarget', service: 'dmo', pool: 'blue', target: 'b2', document: {} },
    { kind: 'deleteTarget', service: 'dmo', pool: 'blue', target: 'b2' },
    { kind: 'state', service: 'dmo', pool: 'blue', target: undefined, state: 'ready', drainUntil: undefined },
    { kind: 'mirrors', service: 'dmo', list: [] },
  ];
  test.each(nowhere)('$kind names the nearest service', (change) => {
    expect(after(change)).toBe('SERVICE_NOT_FOUND: There is no service "dmo". Did you mean "demo"? There are demo and other.');
  });

  const pools: Change[] = [
    deletePool('gren'),
    { kind: 'putTarget', service: 'demo', pool: 'gren', target: 'b2', document: {} },
    { kind: 'deleteTarget', service: 'demo', pool: 'gren', target: 'b2' },
    state('drain', undefined, 'gren'),
    state('drain', 'b2', 'gren'),
  ];
  test.each(pools)('$kind names the nearest pool', (change) => {
    expect(after(change)).toMatch(/^POOL_NOT_FOUND: Service "demo" has no pool "gren"\. Did you mean "green"\?/);
  });

  test.each([deleteTarget('b3'), state('drain', 'b3')])('$kind names the nearest target', (change) => {
    expect(after(change)).toBe(
      'TARGET_NOT_FOUND: Pool "blue" of service "demo" has no target "b3". Did you mean "b2"? There are 10.0.0.1:3000 and b2.',
    );
  });

  test('an address that a name has been resolved to is known by the name', () => {
    expect(after(state('drain', 'b2@10.0.0.2'))).toBe(
      'TARGET_NOT_FOUND: Pool "blue" of service "demo" has no target "b2@10.0.0.2". It is one of the addresses that "b2" has been resolved to; what you set for "b2" holds for all of them.',
    );
  });
});

test('a pool named __proto__ becomes a key like any other, for the schema to refuse', () => {
  const proposal = proposeChange(standing(), putPool('__proto__', { targets: [] }));
  expect(JSON.stringify(proposal)).toContain('"__proto__":{"targets":[]}');
  expect({}).not.toHaveProperty('targets');
});
