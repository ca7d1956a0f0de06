import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Place } from '../../proxy/sticky.ts';
import { rollBackSlots } from '../../src/core/slots.ts';
import { Browser, day, hour, key, readSetCookies, Site, start, stickyDefaults, type Worker } from './sticky-unit-site.ts';

const keep = { onShrink: 'keep' } as const;
const minute = 60_000;

/** Browsers that the worker gives to green. */
function onGreen(worker: Worker, count = 10): Browser[] {
  const browsers: Browser[] = [];
  while (browsers.length < count) {
    const browser = new Browser();
    if (browser.visit(worker, start).pool === 1) browsers.push(browser);
  }
  return browsers;
}

/** Browsers that were given to green while it had half of the clients, and whose slots it has not any more. */
function moved(site: Site, count = 10): { readonly browsers: readonly Browser[]; readonly after: Worker } {
  const before = site.worker();
  const browsers = onGreen(before, count);
  return { browsers, after: site.change({ weights: { blue: 100, green: 0 } }).worker(before) };
}

const evenly = { blue: 50, green: 50 };
const poolsOf = (places: readonly Place[]): number[] => [...new Set(places.map(({ pool }) => pool))];
const visitAll = (browsers: readonly Browser[], worker: Worker, atMs: number): Place[] =>
  browsers.map((browser) => browser.visit(worker, atMs));

describe('where a shrinking pool gives its clients away', () => {
  test('they go at once, with the cookie that they have', () => {
    const { browsers, after } = moved(new Site(evenly));
    for (const place of visitAll(browsers, after, start + 1)) expect(place).toMatchObject({ pool: 0, setCookie: '' });
  });

  test('they are back where they were when the weight is', () => {
    const site = new Site(evenly);
    const { browsers, after } = moved(site);
    const worker = site.change({ weights: evenly }).worker(after);
    for (const place of visitAll(browsers, worker, start + 1)) expect(place).toMatchObject({ pool: 1, setCookie: '' });
  });
});

describe('where a shrinking pool keeps its clients', () => {
  test('they stay, in every worker, and new ones go elsewhere', () => {
    const site = new Site(evenly, keep);
    const { browsers, after } = moved(site);
    for (const worker of [after, after, site.worker()]) {
      for (const place of visitAll(browsers, worker, start + minute)) {
        expect(place).toMatchObject({ pool: 1, isBound: true, setCookie: '', fresh: '' });
      }
    }
    for (let n = 0; n < 20; n++) expect(new Browser().visit(after, start + minute).pool).toBe(0);
  });

  test('who did not have to move has a cookie that is renewed as ever', () => {
    const worker = new Site(evenly, keep).worker();
    for (const browser of onGreen(worker, 3)) {
      expect(browser.visit(worker, start + day / 2 - 1).setCookie).toBe('');
      expect(browser.visit(worker, start + day / 2)).toMatchObject({
        pool: 1,
        isBound: true,
        setCookie: expect.stringContaining('Max-Age=86400;'),
      });
      expect(browser.visit(worker, start + day)).toMatchObject({ pool: 1, fresh: '' });
    }
  });

  test('they are found without any work to the end', () => {
    const { browsers, after } = moved(new Site(evenly, keep), 1);
    const late = browsers[0]!.visit(after, start + 0.8 * day);
    expect(browsers[0]!.visit(after, start + 0.9 * day)).toBe(late);
  });

  test('they are kept until their cookies are too old, which are not renewed', () => {
    const { browsers, after } = moved(new Site(evenly, keep));
    for (const atMs of [start + day / 2, start + day - 1]) {
      for (const place of visitAll(browsers, after, atMs)) expect(place).toMatchObject({ pool: 1, setCookie: '' });
    }
    for (const place of visitAll(browsers, after, start + day))
      expect(place).toMatchObject({ pool: 0, isBound: false, fresh: expect.stringMatching(/./) });
  });

  test.each([
    { what: 'the deadline of a drain has come', state: { wanted: 'drain', untilMs: start + hour }, atMs: start + hour, pool: 0 },
    { what: 'it has not come', state: { wanted: 'drain', untilMs: start + hour }, atMs: start + hour - 1, pool: 1 },
    { what: 'a drain has no deadline', state: { wanted: 'drain' }, atMs: start + hour, pool: 1 },
    { what: 'the pool is in maintenance', state: { wanted: 'maint' }, atMs: start + 1, pool: 0 },
    {
      what: 'the pool is ready, whatever deadline is left from before',
      state: { wanted: 'ready', untilMs: start },
      atMs: start + 1,
      pool: 1,
    },
  ] as const)('they are in pool $pool when $what', ({ state, atMs, pool }) => {
    const site = new Site(evenly, keep);
    site.states = { green: state };
    const { browsers, after } = moved(site);
    // Those that the worker knows already are no exception.
    if (pool === 0 && state.wanted === 'drain') expect(poolsOf(visitAll(browsers, after, start + 1))).toEqual([1]);
    const places = visitAll(browsers, after, atMs);
    for (const place of places) expect(place).toMatchObject({ pool, isBound: pool === 1, fresh: '' });
    for (const { setCookie } of places) expect(setCookie === '').toBe(pool === 1);
  });

  test.each([
    { what: 'no targets', targets: [] },
    {
      what: 'only targets of weight 0',
      targets: [{ id: 't1', weight: 0, wanted: 'ready' as const, drainUntilMs: undefined, openToBound: false }],
    },
  ])('they go where it has $what', ({ targets }) => {
    const { browsers, after } = moved(new Site(evenly, keep));
    const worker = { ...after, pools: [after.pools[0]!, { targets }] };
    expect(poolsOf(visitAll(browsers, worker, start + 1))).toEqual([0]);
  });

  test('they stay where it has targets that do not answer: those may come back', () => {
    const { browsers, after } = moved(new Site(evenly, keep));
    for (const target of after.pools[1]!.targets) target.openToBound = false;
    expect(poolsOf(visitAll(browsers, after, start + 1))).toEqual([1]);
  });

  test('who had to go does not come back when the pool may be used again, but by its weight', () => {
    const site = new Site(evenly, keep);
    const { browsers, after } = moved(site);
    const drained = site.worker(after);
    for (const target of drained.pools[1]!.targets) target.wanted = 'maint';
    expect(poolsOf(visitAll(browsers, drained, start + 1))).toEqual([0]);
    expect(poolsOf(visitAll(browsers, after, start + 2))).toEqual([0]);
    const again = site.change({ weights: evenly }).worker(after);
    // Blue shrinks now and keeps them: that is what the word says.
    expect(poolsOf(visitAll(browsers, again, start + 3))).toEqual([0]);
  });

  test('they go at once when it was rolled back', () => {
    const site = new Site(evenly, keep);
    const before = site.worker();
    const browsers = onGreen(before);
    const weights = { blue: 100, green: 0 };
    const worker = site.change({ weights, slots: rollBackSlots(site.slots, new Site(weights).slots, site.revision + 1) }).worker(before);
    for (const place of visitAll(browsers, worker, start + 1)) expect(place).toMatchObject({ pool: 0, isBound: false, fresh: '' });
  });

  test('who stayed through a rollback is kept again the next time', () => {
    const site = new Site({ blue: 20, green: 80 }, keep);
    const saved = new Site(evenly).slots;
    let worker = site.worker();
    const everybody = Array.from({ length: 60 }, () => new Browser());
    visitAll(everybody, worker, start);
    site.change({ weights: evenly, slots: rollBackSlots(site.slots, saved, site.revision + 1) });
    worker = site.worker(worker);
    const browsers = everybody.filter((browser) => browser.visit(worker, start + 1).pool === 1);
    expect(browsers.length).toBeGreaterThan(10);
    for (const place of visitAll(browsers, worker, start + 2)) expect(place.setCookie).toBe('');
    worker = site.change({ weights: { blue: 100, green: 0 } }).worker(worker);
    expect(poolsOf(visitAll(browsers, worker, start + 3))).toEqual([1]);
  });

  test('they are found though the pools stand in another order, and forgotten with a pool that is gone', () => {
    const site = new Site(evenly, keep);
    const { browsers, after } = moved(site);
    const reordered = site.change({ weights: { green: 0, red: 0, blue: 100 } }).worker(after);
    expect(poolsOf(visitAll(browsers, reordered, start + 1))).toEqual([0]);
    const without = site.change({ weights: { red: 0, blue: 100 } }).worker(reordered);
    expect(poolsOf(visitAll(browsers, without, start + 2))).toEqual([1]);
    const again = site.change({ weights: { red: 0, blue: 100, green: 0 } }).worker(without);
    expect(poolsOf(visitAll(browsers, again, start + 3))).toEqual([1]);
  });

  test('new keys sign their cookies anew, which live no longer for it', () => {
    const site = new Site(evenly, keep);
    const { browsers, after } = moved(site, 3);
    const worker = site.change({ keys: [key('k2'), key('k1')] }).worker(after);
    for (const browser of browsers) {
      const place = browser.visit(worker, start + 18 * hour);
      expect(place).toMatchObject({ pool: 1, isBound: true, fresh: '' });
      expect(readSetCookies(place.setCookie)[0]!.attributes).toContain(`Max-Age=${(6 * hour) / 1000}`);
    }
    const last = site.change({ keys: [key('k2')] }).worker(worker);
    expect(poolsOf(visitAll(browsers, last, start + day - 1))).toEqual([1]);
    expect(poolsOf(visitAll(browsers, last, start + day))).toEqual([0]);
  });

  test('a cookie that is signed anew in its last second is not thereby taken away', () => {
    const site = new Site(evenly, { ...keep, maxAgeMs: 1500 });
    const { browsers, after } = moved(site, 1);
    const worker = site.change({ keys: [key('k2'), key('k1')] }).worker(after);
    expect(browsers[0]!.visit(worker, start + 1400).setCookie).toContain('Max-Age=1;');
  });

  test('it begins with who comes after it was asked for', () => {
    const site = new Site(evenly);
    let worker = site.worker();
    const everybody = Array.from({ length: 20 }, () => new Browser());
    const first = visitAll(everybody, worker, start);
    worker = site.change({ sticky: { ...stickyDefaults, ...keep } }).worker(worker);
    for (const [index, place] of visitAll(everybody, worker, start + 1).entries()) {
      expect(place).toMatchObject({ pool: first[index]!.pool, hash: first[index]!.hash, isBound: true });
      expect(place.setCookie).not.toBe('');
    }
    worker = site.change({ weights: { blue: 100, green: 0 } }).worker(worker);
    expect(visitAll(everybody, worker, start + 2).map(({ pool }) => pool)).toEqual(first.map(({ pool }) => pool));
  });

  test('it ends at once when it is not asked for any more, and does not send back who went', () => {
    const site = new Site(evenly, keep);
    const { browsers, after } = moved(site);
    const moving = site.change({ sticky: stickyDefaults }).worker(after);
    expect(poolsOf(visitAll(browsers, moving, start + 1))).toEqual([0]);
    // Once told, they need no further cookie.
    for (const place of visitAll(browsers, moving, start + 2)) expect(place.setCookie).toBe('');
    const keeping = site.change({ sticky: { ...stickyDefaults, ...keep } }).worker(moving);
    expect(poolsOf(visitAll(browsers, keeping, start + 3))).toEqual([0]);
  });
});

const anyWeights = fc.record({ blue: fc.nat(10), green: fc.nat(10), red: fc.integer({ min: 1, max: 10 }) });
const step = fc.record({
  weights: anyWeights,
  visitors: fc.array(fc.nat(7), { maxLength: 6 }),
  afterMs: fc.nat(day / 3),
  isRestart: fc.boolean(),
});

test('whatever happens to the weights, clients that move are where their slots are, and clients that are kept where they were', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('move' as const, 'keep' as const),
      anyWeights,
      fc.array(step, { maxLength: 12 }),
      (onShrink, first, steps) => {
        const site = new Site(first, { onShrink });
        /** Knows what a client without a memory would get: the owner of its slot. */
        const owner = new Site(first, { key: { from: 'header', name: 'x-id' } });
        const browsers = Array.from({ length: 8 }, () => new Browser());
        const given = new Map<Browser, { readonly id: string; readonly pool: number; issuedMs: number }>();
        let [worker, atMs] = [site.worker(), start];
        for (const { weights: next, visitors, afterMs, isRestart } of steps) {
          atMs += afterMs;
          worker = site.change({ weights: next }).worker(isRestart ? undefined : worker);
          const slots = owner.change({ weights: next, slots: site.slots }).worker();
          for (const index of visitors) {
            const browser = browsers[index]!;
            const place = browser.visit(worker, atMs);
            const before = given.get(browser);
            const id = place.fresh === '' ? before!.id : place.fresh;
            const home = new Browser({ 'x-id': id }).visit(slots, atMs).pool;
            const isOver = before === undefined || secondsSince(before.issuedMs, atMs) >= day;
            const expected = isOver || onShrink === 'move' ? home : before.pool;
            expect(place.pool).toBe(expected);
            expect(place.fresh !== '').toBe(isOver);
            if (isOver || place.setCookie !== '') given.set(browser, { id, pool: place.pool, issuedMs: atMs });
          }
        }
      },
    ),
    { numRuns: 150 },
  );
});

/** Cookies count in seconds. */
function secondsSince(thenMs: number, nowMs: number): number {
  return nowMs - Math.floor(thenMs / 1000) * 1000;
}
