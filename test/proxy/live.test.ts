import { describe, expect, test } from 'vitest';
import { accountsOf, reportAccounts } from '../../proxy/accounts.ts';
import { plainDestination } from '../../proxy/http1/destination.ts';
import { type LivePool, type LiveTarget, shareOfLimit } from '../../proxy/live.ts';
import { applyConditions, type BindOptions, bindRouting, emptyRouting, KnownConditions, type Routing } from '../../proxy/routing.ts';
import type { Connector } from '../../proxy/sides.ts';
import type { TargetCondition } from '../../src/core/conditions.ts';
import type { Pool, Target } from '../../src/core/model.ts';
import { compileSnapshot } from '../../src/core/snapshot.ts';
import { aPool, aService, aTarget } from '../support/model.ts';

const good: TargetCondition = { health: 'healthy', factor: 1, told: 'ready' };
const known = (conditions: Readonly<Record<string, Partial<TargetCondition>>>) =>
  new KnownConditions({
    targets: Object.entries(conditions).map(([target, condition]) => ({ service: 'shop', pool: 'blue', target, ...good, ...condition })),
  });

/** One pool, revision by revision. */
class World {
  routing: Routing = emptyRouting;
  nowMs = 0;
  #conditions = known({});

  revise(targets: readonly Target[], pool: Partial<Pool> = {}): this {
    const services = [aService('shop', { pools: [aPool('blue', { ...pool, targets })] })];
    const snapshot = compileSnapshot({ listeners: [], routes: [], services }, this.routing.revision + 1);
    const { nowMs } = this;
    const destinationOf: BindOptions['destinationOf'] = ({ address }) => plainDestination(address);
    const connectorTo = () => ({ close: () => {}, renew: () => {} }) as unknown as Connector;
    const common = { random: () => 0.5, share: { count: 1, index: 0 }, conditions: this.#conditions, nowMs, wallMs: nowMs };
    this.routing = bindRouting(snapshot, this.routing, { destinationOf, connectorTo, ...common });
    return this;
  }

  inform(conditions: Readonly<Record<string, Partial<TargetCondition>>>): this {
    this.#conditions = known(conditions);
    applyConditions(this.routing, this.#conditions, this.nowMs, this.nowMs);
    return this;
  }

  get pool(): LivePool {
    return this.routing.services.get('shop')!.pools[0]!;
  }

  target(id: string): LiveTarget {
    return this.pool.targets.find((target) => target.id === id)!;
  }

  /** Which targets are open to all, and which to those who are bound to them. */
  get open(): { all: string; bound: string } {
    const names = (targets: readonly LiveTarget[]) => targets.map(({ id }) => id).join('');
    return { all: names(this.pool.targets.filter(({ open }) => open)), bound: names(this.pool.targets.filter((it) => it.openToBound)) };
  }
}

const [a, b, c] = [aTarget('a'), aTarget('b'), aTarget('c')];

test.each([
  { limit: 0, count: 4, parts: [0, 0, 0, 0] },
  { limit: 10, count: 4, parts: [3, 3, 2, 2] },
  { limit: 8, count: 4, parts: [2, 2, 2, 2] },
  // Nobody could serve anything with less than one.
  { limit: 2, count: 4, parts: [1, 1, 1, 1] },
])('a limit of $limit over $count workers is $parts', ({ limit, count, parts }) => {
  expect(parts.map((_, index) => shareOfLimit(limit, { count, index }))).toEqual(parts);
});

describe('who may be picked', () => {
  test.each<{
    what: string;
    states?: Readonly<Record<string, Partial<Target>>>;
    said?: Readonly<Record<string, Partial<TargetCondition>>>;
    pool?: Partial<Pool>;
    all: string;
    bound: string;
  }>([
    { what: 'everybody who is well', all: 'abc', bound: 'abc' },
    { what: 'nobody who is ill', said: { a: { health: 'unhealthy' } }, all: 'bc', bound: 'bc' },
    { what: 'nobody who has not been proven', said: { a: { health: 'unknown' } }, all: 'bc', bound: 'bc' },
    { what: 'in drain only for those who are bound', states: { a: { state: 'drain' } }, all: 'bc', bound: 'abc' },
    { what: 'in drain nobody after the deadline', states: { a: { state: 'drain', drainUntilMs: 0 } }, all: 'bc', bound: 'bc' },
    { what: 'in drain and ill nobody', states: { a: { state: 'drain' } }, said: { a: { health: 'unhealthy' } }, all: 'bc', bound: 'bc' },
    { what: 'in drain by its own word as by ours', said: { a: { told: 'drain' } }, all: 'bc', bound: 'abc' },
    { what: 'in maint nobody', states: { a: { state: 'maint' } }, all: 'bc', bound: 'bc' },
    { what: 'of weight 0 nobody', states: { a: { weight: 0 } }, all: 'bc', bound: 'bc' },
    {
      what: 'where all are ill all, but not for those who are bound: the fallback comes first',
      said: { a: { health: 'unhealthy' }, b: { health: 'unhealthy' }, c: { health: 'unhealthy' } },
      all: 'abc',
      bound: '',
    },
    {
      what: 'where all are ill none that was taken out',
      states: { a: { state: 'drain', drainUntilMs: 0 } },
      said: { b: { health: 'unhealthy' }, c: { told: 'maint' } },
      all: 'b',
      bound: '',
    },
    {
      what: 'where hardly any is well all',
      said: { a: { health: 'unhealthy' }, b: { health: 'unhealthy' } },
      pool: { panicShare: 0.5 },
      all: 'abc',
      bound: 'c',
    },
  ])('$what', ({ states = {}, said = {}, pool = {}, all, bound }) => {
    const targets = [a, b, c].map((target) => ({ ...target, ...states[target.id] }));
    const world = new World().revise(targets, pool).inform(said);
    expect(world.open).toEqual({ all, bound });
  });

  test('a deadline that passes is noticed', () => {
    const world = new World().revise([{ ...a, state: 'drain', drainUntilMs: 5000 }, b]);
    world.pool.onTime(4999, 4999);
    expect(world.open.bound).toBe('ab');
    world.pool.onTime(5000, 5000);
    expect(world.open.bound).toBe('b');
  });
});

describe('what a target is given of its weight', () => {
  const slow = { slowStartMs: 10_000 };

  test('all, where it was there from the start; little by little, where it is added, moved or well again', () => {
    const world = new World().revise([a, b], slow);
    expect(world.target('a').shareNow(0)).toBe(1);
    world.nowMs = 1000;
    world.revise([a, b, c], slow);
    expect([world.target('a').shareNow(1000), world.target('c').shareNow(1000), world.target('c').shareNow(6000)]).toEqual([1, 0.1, 0.55]);
    world.inform({ a: { health: 'unhealthy' } });
    world.nowMs = 20_000;
    world.inform({});
    expect([world.target('a').shareNow(20_000), world.target('a').shareNow(30_000)]).toEqual([0.1, 1]);
    world.revise([a, { ...b, address: { host: 'elsewhere', port: 1 } }, c], slow);
    expect(world.target('b').shareNow(20_000)).toBe(0.1);
  });

  test('as much of that as it says that it can bear', () => {
    const world = new World().revise([a], slow).inform({ a: { factor: 0.5 } });
    expect(world.target('a').shareNow(0)).toBe(0.5);
  });
});

describe('a target that a revision removes', () => {
  test.each([
    { own: undefined, deadline: 30_000 },
    { own: 5000, deadline: 5000 },
    { own: 50_000, deadline: 30_000 },
  ])('has until $deadline ms where its own deadline was $own', ({ own, deadline }) => {
    const world = new World().revise([{ ...a, state: own === undefined ? 'ready' : 'drain', drainUntilMs: own }, b]);
    const removed = world.target('a');
    removed.inFlight = 1;
    world.revise([b]);
    expect(removed.drainUntilMs).toBe(deadline);
  });

  test('and comes back is as it was', () => {
    const world = new World().revise([a, b]);
    world.target('a').inFlight = 1;
    world.revise([b]).revise([a, b]);
    const [report] = reportAccounts([...accountsOf(world.routing.services.values()), ...world.routing.retired], new Map(), () => []);
    expect(report!.pools[0]!.targets.map(({ id, available }) => [id, available])).toEqual([
      ['a', true],
      ['b', true],
    ]);
    expect(world.target('a').drainUntilMs).toBeUndefined();
    expect(world.open.all).toBe('ab');
  });

  test('and comes back under another address is judged anew', () => {
    const ejection = { failures: 1, baseMs: 600_000, maxMs: 600_000, maxShare: 1 };
    const world = new World().revise([a, b], { ejection });
    world.pool.noteFailure(world.target('a'), 0, 0);
    expect(world.open.all).toBe('b');
    world.revise([a, b], { ejection });
    expect(world.open.all).toBe('b');
    world.revise([{ ...a, address: { host: 'elsewhere', port: 1 } }, b], { ejection });
    expect(world.open.all).toBe('ab');
  });
});

describe('a retry', () => {
  test('goes to one that is open and has room', () => {
    const limits = { maxConnections: 0, maxInFlight: 1, maxQueued: 0, queueTimeoutMs: 1000 };
    const world = new World().revise([a, b, c], { limits }).inform({ c: { health: 'unhealthy' } });
    const tried = [world.target('a')];
    expect(world.pool.pickUntried(tried, Math.random)?.id).toBe('b');
    world.target('b').inFlight = 1;
    expect([world.pool.pickUntried(tried, Math.random), world.pool.hasUntried(tried)]).toEqual([undefined, true]);
    expect(world.pool.pickHeldIll(tried, Math.random)?.id).toBe('c');
    expect(world.pool.hasUntried([...tried, world.target('b')])).toBe(false);
  });
});
