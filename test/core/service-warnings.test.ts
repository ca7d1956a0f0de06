import { describe, expect, test } from 'vitest';
import type { Override, OverrideMatch, Pool, Service } from '../../src/core/model.ts';
import { nothingProbed, warningsAbout, type AreUnhealthy } from '../../src/core/service-warnings.ts';
import { anything, aPool, aService, aTarget } from '../support/model.ts';

const full = (id: string, changes: Partial<Pool> = {}): Pool => aPool(id, { targets: [aTarget(`${id}1`)], ...changes });
const empty = (id: string): Pool => aPool(id);
const out = (id: string, state: 'drain' | 'maint' = 'maint'): Pool => full(id, { state });

const everybody: OverrideMatch = { ...anything, clients: [], percent: undefined };
const testers: OverrideMatch = { ...everybody, headers: [{ name: 'x-tester', value: '1' }] };
const to = (poolId: string, match: OverrideMatch = testers): Override => ({ match, poolId });

const warned = (pools: readonly Pool[], changes: Partial<Service> = {}, areUnhealthy: AreUnhealthy = nothingProbed): string[] =>
  warningsAbout(aService('shop', { pools, ...changes }), areUnhealthy);

test('nothing is said of what can serve', () => {
  const changes = { weights: { blue: 90, green: 10 }, fallback: 'blue', overrides: [to('green')] };
  expect(warned([full('blue'), full('green')], changes)).toEqual([]);
});

test('settings of TLS are of no use where no target is reached over it, and wait for some where there are none', () => {
  const tls = { verify: true, serverName: undefined, caFile: 'ca.pem', certificate: undefined };
  const encrypted = full('blue', { tls, targets: [aTarget('a'), aTarget('b', { encrypted: true })] });
  expect(warned([full('blue', { tls: { ...tls, caFile: undefined } })])).toEqual([]);
  expect(warned([encrypted, aPool('green', { tls })])).toEqual([]);
  for (const change of [{}, { caFile: undefined, verify: false }, { caFile: undefined, serverName: 'a' }]) {
    const said = warned([full('blue', { tls: { ...tls, ...change } })]);
    expect(said).toEqual([expect.stringMatching(/^Pool "blue" of service "shop" has "tls", and none of its targets/)]);
  }
});

describe('weights', () => {
  test.each([
    { lack: empty('green'), what: 'has no targets' },
    { lack: aPool('green', { targets: [aTarget('g', { weight: 0 })] }), what: 'has only targets of weight 0' },
    { lack: aPool('green', { targets: [aTarget('g', { state: 'drain' })] }), what: 'has no target that is ready' },
  ])('on a pool that $what', ({ lack, what }) => {
    const weights = { blue: 90, green: 10 };
    const whom = '10% of the requests of service "shop"';
    expect(warned([full('blue'), lack], { weights })).toEqual([`Pool "green" ${what}, so ${whom} are answered with 503.`]);
    expect(warned([full('blue'), lack], { weights, fallback: 'blue' })).toEqual([
      `Pool "green" ${what}, so ${whom} go to the fallback "blue".`,
    ]);
  });

  test('so small that two digits do not show it', () => {
    expect(warned([full('blue'), empty('green')], { weights: { blue: 999_999, green: 1 } })[0]).toContain(
      'less than 0.01% of the requests',
    );
  });

  test.each([
    { overrides: [], whom: 'every request of it' },
    { overrides: [to('blue')], whom: 'every request of it that no override takes' },
  ])('that are all 0 mean that $whom is refused', ({ overrides, whom }) => {
    expect(warned([full('blue')], { weights: { blue: 0 }, overrides })).toEqual([
      `All weights of service "shop" are 0, so ${whom} is answered with 503.`,
    ]);
  });

  test('of a pool that is out count as 0', () => {
    expect(warned([full('blue'), out('green')], { weights: { blue: 90, green: 10 } })).toEqual([
      'Pool "green" is in maint, so its weight of 10 counts as 0; "sluice ready shop/green" brings it back.',
    ]);
  });
});

describe('overrides', () => {
  test.each([
    { pool: out('green', 'drain'), what: 'no target that is ready' },
    { pool: out('green', 'maint'), what: 'no target that is ready' },
    { pool: empty('green'), what: 'no targets' },
  ])('to a pool that has $what', ({ pool, what }) => {
    const of = 'Pool "green", to which overrides of service "shop" send requests,';
    expect(warned([full('blue'), pool], { overrides: [to('green'), to('green')] })).toEqual([
      `${of} has ${what}, so these are answered with 503.`,
    ]);
    expect(warned([full('blue'), pool], { overrides: [to('green')], fallback: 'blue' })).toEqual([
      `${of} has ${what}, so these go to the fallback "blue".`,
    ]);
    // A fallback that cannot serve either saves nobody.
    expect(warned([full('blue'), pool, out('red')], { overrides: [to('green')], fallback: 'red' })).toContain(
      `${of} has ${what}, so these are answered with 503.`,
    );
  });

  test('to a pool whose targets are all unhealthy', () => {
    const areUnhealthy: AreUnhealthy = (_service, { id }) => id === 'green';
    expect(warned([full('blue'), full('green')], { overrides: [to('green')] }, areUnhealthy)).toEqual([
      expect.stringMatching(/^Pool "green", to which .*, has no healthy target that is ready, so these go to unhealthy ones\.$/),
    ]);
  });

  test.each([
    { name: 'first', overrides: [to('green', everybody)], says: 'every request goes to pool "green", and weights decide nothing' },
    {
      name: 'second',
      overrides: [to('blue'), to('green', everybody)],
      says: 'every request that none before it takes goes to pool "green", and weights decide nothing',
    },
    {
      name: 'before others',
      overrides: [to('green', { ...everybody, path: { kind: 'prefix', value: '' } }), to('blue')],
      says: 'every request goes to pool "green", and neither later ones nor weights decide anything',
    },
    {
      name: 'before others, where only its pool has weight',
      overrides: [to('blue', everybody), to('green')],
      says: 'every request goes to pool "blue", and neither later ones nor weights decide anything',
    },
  ])('without conditions, $name', ({ overrides, says }) => {
    const number = overrides.findIndex(({ match }) => match.headers.length === 0) + 1;
    expect(warned([full('blue'), full('green')], { overrides })).toEqual([
      `Override ${number} of service "shop" has no conditions: ${says}.`,
    ]);
  });

  test('without conditions that say what the weights say anyway are no matter', () => {
    expect(warned([full('blue'), full('green')], { overrides: [to('green'), to('blue', everybody)] })).toEqual([]);
  });

  test.each<Partial<OverrideMatch>>([
    { host: { kind: 'exact', value: 'a.test' } },
    { path: { kind: 'prefix', value: '/api' } },
    { path: { kind: 'exact', value: '' } },
    { methods: ['GET'] },
    { headers: [{ name: 'a', value: 'b' }] },
    { query: [{ name: 'a', value: 'b' }] },
    { cookies: [{ name: 'a', value: 'b' }] },
    { clients: ['10.0.0.0/8'] },
    { percent: { of: { from: 'address' }, share: 0.1 } },
  ])('with the condition %o leave something to the others', (condition) => {
    expect(warned([full('blue'), full('green')], { overrides: [to('green', { ...everybody, ...condition })] })).toEqual([]);
  });

  test('of what an override without conditions hides, nothing is said', () => {
    const pools = [full('blue'), empty('green'), empty('red')];
    const overrides = [to('blue', everybody), to('red')];
    expect(warned(pools, { weights: { blue: 0, green: 10, red: 0 }, overrides })).toEqual([
      expect.stringMatching(/^Override 1 of service "shop" has no conditions: every request goes to pool "blue", /),
    ]);
    expect(warned(pools, { weights: { blue: 0, green: 0, red: 0 }, overrides: [to('green', everybody)] })).toEqual([
      'Pool "green", to which overrides of service "shop" send requests, has no targets, so these are answered with 503.',
    ]);
  });
});

describe('fallback', () => {
  test.each(['drain', 'maint'] as const)('to a pool that is in %s', (state) => {
    expect(warned([full('blue'), out('green', state)], { fallback: 'green' })).toEqual([
      'Pool "green", the fallback of service "shop", has no target that is ready, so it can take nothing.',
    ]);
  });

  test('to a pool whose targets are all unhealthy is better than nothing', () => {
    expect(warned([full('blue'), full('green')], { fallback: 'green' }, (_service, { id }) => id === 'green')).toEqual([]);
  });

  test('to the only pool, which is itself', () => {
    expect(warned([full('blue')], { fallback: 'blue' })).toEqual([
      'Pool "blue", the fallback of service "shop", is its only pool, so there is nothing that it could stand in for.',
    ]);
  });

  test('to the pool that has all the weight now is what a release comes back to', () => {
    expect(warned([full('blue'), full('green')], { fallback: 'blue' })).toEqual([]);
  });
});
