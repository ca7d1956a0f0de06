import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { afterFailure, afterSuccess, afterTime, type Crowd, type Ejection, notEjected } from '../../src/core/ejection.ts';
import type { EjectionPolicy } from '../../src/core/model.ts';

const policy: EjectionPolicy = { failures: 3, baseMs: 30_000, maxMs: 300_000, maxShare: 0.5 };
const manyFine: Crowd = { targets: 10, ejected: 0, available: 10 };

/** What becomes of a target by a history in letters: F failure, S success. All at `nowMs`. */
function after(history: string, ejection: Ejection = notEjected, nowMs = 1000): Ejection {
  let now = ejection;
  for (const letter of history) now = letter === 'F' ? afterFailure(now, policy, manyFine, nowMs) : afterSuccess(now, nowMs);
  return now;
}

/** Ejects it `times` times, and readmits it each time as soon as that may be. */
function ejectedAndReadmitted(times: number): Ejection {
  let ejection = notEjected;
  for (let time = 0; time < times; time++) {
    ejection = after('FFF', ejection, ejection.calmSinceMs);
    ejection = afterTime(ejection, policy, ejection.untilMs);
  }
  return ejection;
}

describe('failures in a row', () => {
  test.each([
    { history: 'FF', ejected: false },
    { history: 'FFSFF', ejected: false },
    { history: 'FFF', ejected: true },
    { history: 'SSSFFF', ejected: true },
    { history: 'FFFS', ejected: true }, // an old request that succeeds late readmits nobody
  ])('after $history a target is ejected: $ejected', ({ history, ejected }) => {
    expect(after(history).untilMs !== 0).toBe(ejected);
  });

  test('a success of a target without failures costs nothing, not even an object', () => {
    const before = ejectedAndReadmitted(2);
    const well = afterSuccess(before, 0);
    expect(well).not.toBe(before);
    expect(afterSuccess(well, 0)).toBe(well);
    expect(after('FS')).toBe(notEjected);
  });

  test('nobody is ejected where the policy says never', () => {
    expect(afterFailure(notEjected, { ...policy, failures: 0 }, manyFine, 0)).toBe(notEjected);
  });

  test('requests that fail late do not make the time out longer', () => {
    const ejected = after('FFF');
    expect(after('FFFFFF', ejected, 20_000)).toBe(ejected);
  });
});

describe('time out', () => {
  test.each([
    { times: 1, ms: 30_000 },
    { times: 2, ms: 60_000 },
    { times: 9, ms: 270_000 },
    { times: 10, ms: 300_000 },
    { times: 30, ms: 300_000 },
  ])('the ejection with number $times lasts $ms ms', ({ times, ms }) => {
    const before = ejectedAndReadmitted(times - 1);
    expect(after('FFF', before, before.calmSinceMs).untilMs - before.calmSinceMs).toBe(ms);
  });

  test('it is readmitted when its time is over, not before', () => {
    const ejected = after('FFF', notEjected, 1000);
    expect(afterTime(ejected, policy, 30_999)).toBe(ejected);
    expect(afterTime(ejected, policy, 31_000)).toMatchObject({ untilMs: 0, times: 1 });
  });

  test('what fails at once after it was readmitted goes out after a single failure, what succeeds once has all its chances', () => {
    const readmitted = ejectedAndReadmitted(1);
    expect(after('F', readmitted).untilMs).not.toBe(0);
    expect(after('SFF', readmitted).untilMs).toBe(0);
  });

  test('each 150 s without ejection forgive one, counted from the end of the last', () => {
    const thrice = ejectedAndReadmitted(3);
    const calm = thrice.calmSinceMs;
    expect(afterTime(thrice, policy, calm + 149_999)).toBe(thrice);
    expect(afterTime(thrice, policy, calm + 150_000).times).toBe(2);
    expect(afterTime(thrice, policy, calm + 449_000).times).toBe(1);
    const twice = afterTime(thrice, policy, calm + 160_000);
    expect(afterTime(twice, policy, calm + 299_000).times).toBe(2);
    expect(afterTime(twice, policy, calm + 300_000).times).toBe(1);
    expect(afterTime(thrice, policy, calm + 450_000)).toMatchObject({ times: 0, untilMs: 0 });
  });

  test('an hour of failures is remembered no longer than the longest time out', () => {
    const bad = ejectedAndReadmitted(100);
    expect(bad.times).toBe(10);
  });
});

describe('a pool is never emptied', () => {
  test.each<Crowd & { maxShare: number; ejected: number; goes: boolean }>([
    { targets: 10, ejected: 4, available: 6, maxShare: 0.5, goes: true },
    { targets: 10, ejected: 5, available: 5, maxShare: 0.5, goes: false },
    { targets: 3, ejected: 1, available: 2, maxShare: 0.5, goes: false }, // one and a half is one
    { targets: 3, ejected: 0, available: 2, maxShare: 0.1, goes: true }, // one may go where another is left
    { targets: 3, ejected: 0, available: 1, maxShare: 1, goes: false },
    { targets: 1, ejected: 0, available: 1, maxShare: 1, goes: false },
    { targets: 3, ejected: 0, available: 3, maxShare: 0, goes: false },
    { targets: 100, ejected: 28, available: 72, maxShare: 0.29, goes: true }, // 0.29 * 100 is a little less than 29
  ])('$ejected of $targets are out, $available left, share $maxShare: the next one goes: $goes', ({ maxShare, goes, ...crowd }) => {
    const ready = { ...notEjected, failures: 2 };
    expect(afterFailure(ready, { ...policy, maxShare }, crowd, 0).untilMs !== 0).toBe(goes);
  });

  test('what could not be ejected goes with the next failure, as soon as there is room', () => {
    const crowded = afterFailure(after('FF'), policy, { targets: 2, ejected: 1, available: 1 }, 0);
    expect(crowded.untilMs).toBe(0);
    expect(afterFailure(crowded, policy, { targets: 2, ejected: 0, available: 2 }, 0).untilMs).not.toBe(0);
  });
});

/** The same rules, told the long way: everything is counted, nothing is computed. */
class NaivePool {
  readonly #policy: EjectionPolicy;
  readonly #rows: { run: number; outUntil: number | undefined; level: number; calmMs: number; readmittedMs: number }[];

  constructor(count: number, rules: EjectionPolicy) {
    this.#policy = rules;
    this.#rows = Array.from({ length: count }, () => ({ run: 0, outUntil: undefined, level: 0, calmMs: 0, readmittedMs: 0 }));
  }

  get out(): boolean[] {
    return this.#rows.map(({ outUntil }) => outUntil !== undefined);
  }

  fail(index: number, nowMs: number): void {
    const row = this.#rows[index]!;
    const out = this.out.filter(Boolean).length;
    if (row.outUntil !== undefined) return;
    row.run++;
    if (row.run < this.#policy.failures) return;
    let room = 0;
    while ((room + 1) / this.#rows.length <= this.#policy.maxShare) room++;
    if (out >= Math.max(room, 1) || this.#rows.length - out === 1) return;
    row.level = Math.min(row.level + 1, this.#policy.maxMs / this.#policy.baseMs);
    row.outUntil = nowMs + row.level * this.#policy.baseMs;
    row.run = 0;
  }

  succeed(index: number): void {
    this.#rows[index]!.run = 0;
  }

  passMs(nowMs: number): void {
    for (const row of this.#rows) {
      if (row.outUntil === nowMs) {
        row.outUntil = undefined;
        row.run = this.#policy.failures - 1;
        row.calmMs = 0;
      } else if (row.outUntil === undefined && ++row.calmMs % (5 * this.#policy.baseMs) === 0) {
        row.level = Math.max(0, row.level - 1);
      }
    }
  }
}

test('over any history a pool does as its naive model does, never loses its last target, and keeps to its share', () => {
  const step = fc.record({ target: fc.nat(6), fails: fc.boolean(), afterMs: fc.constantFrom(0, 0, 1, 9, 10, 50) });
  const history = fc.array(step, { minLength: 20, maxLength: 120, size: 'max' });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 7 }), fc.constantFrom(0.1, 0.34, 0.5, 1), history, (count, maxShare, steps) => {
      const chosen: EjectionPolicy = { failures: 2, baseMs: 10, maxMs: 40, maxShare };
      const naive = new NaivePool(count, chosen);
      let pool = Array.from({ length: count }, () => notEjected);
      let nowMs = 1000;
      for (const { target, fails, afterMs } of steps) {
        for (const endMs = nowMs + afterMs; nowMs < endMs;) {
          naive.passMs(++nowMs);
          pool = pool.map((ejection) => afterTime(ejection, chosen, nowMs));
        }
        const index = target % count;
        const ejected = pool.filter(({ untilMs }) => untilMs !== 0).length;
        if (fails) {
          pool[index] = afterFailure(pool[index]!, chosen, { targets: count, ejected, available: count - ejected }, nowMs);
          naive.fail(index, nowMs);
        } else {
          pool[index] = afterSuccess(pool[index]!, nowMs);
          naive.succeed(index);
        }
        const out = pool.map(({ untilMs }) => untilMs !== 0);
        expect(out).toEqual(naive.out);
        const outCount = out.filter(Boolean).length;
        expect(outCount).toBeLessThan(count);
        expect(outCount).toBeLessThanOrEqual(Math.max(1, Math.floor(maxShare * count)));
      }
    }),
    { numRuns: 200 },
  );
});
