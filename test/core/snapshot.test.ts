import { describe, expect, test } from 'vitest';
import type { Model, Pool, Service } from '../../src/core/model.ts';
import { slotCount } from '../../src/core/slots.ts';
import { bareSurroundings, compileSnapshot, type CompiledService, type Surroundings, writtenTarget } from '../../src/core/snapshot.ts';
import { aPool, aService, aTarget } from '../support/model.ts';

function compiled(changes: Partial<Service>, surroundings: Partial<Surroundings> = {}): CompiledService {
  const model: Model = { listeners: [], routes: [], services: [aService('shop', changes)] };
  return compileSnapshot(model, 7, { ...bareSurroundings, ...surroundings }).services[0]!;
}

const sticky = {
  key: { from: 'own', cookie: 'id' },
  target: false,
  onShrink: 'move',
  maxAgeMs: 1000,
  cookiePath: '/',
  sameSite: 'lax',
  secure: 'auto',
} as const;

describe('states', () => {
  test.each([
    { pool: 'ready', target: 'ready', state: 'ready' },
    { pool: 'drain', target: 'ready', state: 'drain' },
    { pool: 'ready', target: 'maint', state: 'maint' },
    { pool: 'maint', target: 'drain', state: 'maint' },
  ] as const)('a target that is to be $target in a pool that is to be $pool is $state', ({ pool, target, state }) => {
    const { pools } = compiled({ pools: [aPool('blue', { state: pool, targets: [aTarget('t', { state: target })] })] });
    expect(pools[0]!.targets[0]!.state).toBe(state);
  });

  test('the earlier of two deadlines counts', () => {
    const deadline = (own: number | undefined, ofPool: number | undefined) =>
      compiled({ pools: [aPool('blue', { drainUntilMs: ofPool, targets: [aTarget('t', { drainUntilMs: own })] })] }).pools[0]!.targets[0]!
        .drainUntilMs;
    expect([deadline(1, 2), deadline(2, 1), deadline(undefined, 3), deadline(3, undefined), deadline(undefined, undefined)]).toEqual([
      1,
      1,
      3,
      3,
      undefined,
    ]);
  });

  test.each([
    { states: ['ready', 'drain'], weights: [90, 10], counts: [90, 0] },
    { states: ['maint', 'ready'], weights: [90, 10], counts: [0, 10] },
    { states: ['drain', 'ready'], weights: [100, 0], counts: [100, 0] },
    { states: ['drain', 'maint'], weights: [90, 10], counts: [90, 10] },
  ] as const)('pools that are $states with weights $weights count as $counts', ({ states, weights, counts }) => {
    const pools: Pool[] = states.map((state, index) => aPool(`p${index}`, { state }));
    const service = compiled({ pools, weights: { p0: weights[0], p1: weights[1] } });
    expect(service.pools.map(({ weight }) => weight)).toEqual(counts);
  });
});

describe('names', () => {
  const pools = [aPool('blue', { targets: [aTarget('api', { address: { host: 'api.test', port: 81 }, weight: 3, state: 'drain' })] })];

  test('one that has been resolved is a target for each address, with everything else alike', () => {
    const addresses = new Map([['api.test', ['10.0.0.1', 'fd00::1']]]);
    const common = { weight: 3, state: 'drain', drainUntilMs: undefined };
    expect(compiled({ pools }, { addresses }).pools[0]!.targets).toEqual([
      { id: 'api@10.0.0.1', address: { host: '10.0.0.1', port: 81 }, ...common },
      { id: 'api@fd00::1', address: { host: 'fd00::1', port: 81 }, ...common },
    ]);
  });

  test('one that has not is left to whoever connects', () => {
    expect(compiled({ pools }).pools[0]!.targets.map(({ id, address }) => [id, address.host])).toEqual([['api', 'api.test']]);
  });

  test('is in the snapshot with its addresses, so that nobody has to ask again; others that are known are not', () => {
    const service = aService('shop', {
      pools: [...pools, aPool('green', { targets: [aTarget('b', { address: { host: 'b.test', port: 1 } })] })],
    });
    const addresses = new Map([
      ['api.test', ['10.0.0.1', 'fd00::1']],
      ['other.test', ['10.0.0.9']],
    ]);
    const snapshot = compileSnapshot({ listeners: [], services: [service], routes: [] }, 1, { ...bareSurroundings, addresses });
    expect(snapshot.addresses).toEqual(new Map([['api.test', ['10.0.0.1', 'fd00::1']]]));
    expect(structuredClone(snapshot)).toEqual(snapshot);
  });

  test.each([
    ['api@10.0.0.1', 'api'],
    ['api@fd00::1', 'api'],
    ['b1', 'b1'],
    ['b10', 'b10'],
    ['b100', undefined],
    ['me@home', 'me@home'],
    ['me@home@10.0.0.1', 'me@home'],
    ['me@10.0.0.1', undefined],
  ])('%s stands in the document as %s', (compiledId, id) => {
    const written = new Map(['b1', 'b10', 'api', 'me@home'].map((name) => [name, name]));
    expect(writtenTarget(written, compiledId)).toBe(id);
  });
});

test('pools are named by their place, and -1 is none', () => {
  const pools = [aPool('blue'), aPool('green'), aPool('shadow')];
  const match = { methods: [], headers: [], query: [], cookies: [], clients: [], percent: undefined };
  const service = compiled({
    pools,
    fallback: 'blue',
    overrides: [{ match, poolId: 'green' }],
    mirrors: [{ poolId: 'shadow', share: 0.1, unsafe: false }],
  });
  expect(service.fallback).toBe(0);
  expect(service.overrides[0]!.pool).toBe(1);
  expect(service.mirrors).toEqual([{ pool: 2, share: 0.1, unsafe: false }]);
  expect(compiled({ pools }).fallback).toBe(-1);
});

describe('slots', () => {
  const pools = [aPool('blue'), aPool('green')];

  test('are runs of one owner, and neighbours of one owner are one run', () => {
    const runs = [
      { length: 10, owners: [{ pool: 'blue', since: 0 }] },
      { length: 20, owners: [{ pool: 'green', since: 0 }] },
      {
        length: 30,
        owners: [
          { pool: 'blue', since: 0 },
          { pool: 'green', since: 4 },
        ],
      },
      { length: slotCount - 60, owners: [{ pool: 'blue', since: 0 }] },
    ];
    const service = compiled({ pools, sticky }, { slots: { shop: { runs, keptSince: { green: 5 } } } });
    expect(service.sticky).toMatchObject({ slotEnds: [10, 60, slotCount], slotPools: [0, 1, 0], keptSince: [0, 5] });
  });

  test('may belong to a pool and a service whose names every object knows', () => {
    const service = aService('constructor', { pools: [aPool('constructor'), aPool('valueOf')], sticky });
    const { services } = compileSnapshot({ listeners: [], routes: [], services: [service] }, 7);
    expect(structuredClone(services[0]!.sticky)).toMatchObject({ keptSince: [0, 0], slotPools: [0] });
  });

  test('of a service that has none saved begin with its weights', () => {
    const service = compiled({ pools, sticky, weights: { blue: 1, green: 1 } });
    expect(service.sticky!.slotEnds.at(-1)).toBe(slotCount);
    expect(new Set(service.sticky!.slotPools)).toEqual(new Set([0, 1]));
  });
});
