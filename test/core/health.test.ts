import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { goodCondition, type TargetCondition } from '../../src/core/conditions.ts';
import {
  conditionOf,
  type HealthChange,
  judge,
  parseWords,
  passesNeeded,
  probeGapMs,
  type TargetHealth,
  unproven,
} from '../../src/core/health.ts';
import { aHealthCheck } from '../support/model.ts';

const check = aHealthCheck();
const asking = aHealthCheck({ agent: true });

const kinds = { P: 'pass', F: 'fail', B: 'busy' } as const;

/** Probes once per letter (Pass, Fail, Busy) and second. Returns the state and all that changed on the way. */
function probe(
  health: TargetHealth,
  results: string,
  fromMs = 0,
  words = '',
  by = check,
): { health: TargetHealth; changes: HealthChange[] } {
  const changes: HealthChange[] = [];
  let nowMs = fromMs;
  for (const letter of results) {
    const judged = judge(health, { kind: kinds[letter as 'P'], detail: 'status 500', words }, by, (nowMs += 1000));
    health = judged.next;
    changes.push(...judged.changes);
  }
  return { health, changes };
}

const aNewTarget = () => unproven({ ...goodCondition, health: 'unknown' }, false);
const aHealthyTarget = () => probe(aNewTarget(), 'P').health;
const anUnhealthyTarget = () => probe(aNewTarget(), 'F').health;

describe('streaks', () => {
  test.each([
    { results: 'FF', verdict: 'healthy' }, // two failures of the three needed
    { results: 'FFPFF', verdict: 'healthy' }, // a pass starts the count again
    { results: 'FFF', verdict: 'unhealthy' },
    { results: 'FBFBF', verdict: 'unhealthy' }, // busy is neither
    { results: 'BBBBBBBB', verdict: 'healthy' },
    { results: 'FFFP', verdict: 'unhealthy' },
    { results: 'FFFPFP', verdict: 'unhealthy' },
    { results: 'FFFPBP', verdict: 'healthy' },
  ])('after $results a healthy target is $verdict', ({ results, verdict }) => {
    expect(probe(aHealthyTarget(), results).health.verdict).toBe(verdict);
  });

  test.each([
    { before: 'unknown', result: 'P', verdict: 'healthy' },
    { before: 'unknown', result: 'F', verdict: 'unhealthy' },
    { before: 'unknown', result: 'B', verdict: 'unknown' },
    { before: 'healthy', result: 'F', verdict: 'unhealthy' },
    { before: 'unhealthy', result: 'P', verdict: 'healthy' },
  ] as const)('the first result decides: $result after "$before" by hearsay means $verdict', ({ before, result, verdict }) => {
    expect(probe(unproven({ ...goodCondition, health: before }, false), result).health.verdict).toBe(verdict);
  });

  test('a first result that agrees with hearsay makes it knowledge', () => {
    const known = probe(unproven(goodCondition, false), 'P').health;
    expect(probe(known, 'FF').health.verdict).toBe('healthy');
  });

  test('a change says from what to what, and why', () => {
    expect(probe(aHealthyTarget(), 'FFF').changes).toEqual([
      { kind: 'health', from: 'healthy', to: 'unhealthy', cause: '3 probes failed: status 500' },
    ]);
    expect(probe(aNewTarget(), 'P').changes).toEqual([{ kind: 'health', from: 'unknown', to: 'healthy', cause: '1 probe passed' }]);
    expect(probe(aHealthyTarget(), 'PFFPP').changes).toEqual([]);
  });

  test('over any history the verdict is that of a reading from scratch', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('P', 'F', 'B'), { maxLength: 60 }), (letters) => {
        // Without the flap guard: a rise of one is doubled by turns, so time passes in hours here.
        let health = aHealthyTarget();
        const votes: string[] = ['P'];
        let expected = 'healthy';
        for (const [index, letter] of letters.entries()) {
          health = probe(health, letter, index * 3_600_000).health;
          if (letter !== 'B') votes.push(letter);
          const text = votes.join('');
          if (expected === 'healthy' && text.endsWith('FFF')) expected = 'unhealthy';
          if (expected === 'unhealthy' && text.endsWith('PP')) expected = 'healthy';
          expect(health.verdict).toBe(expected);
        }
      }),
    );
  });
});

describe('flap guard', () => {
  /** Turns it so many times from healthy to unhealthy within seconds; ends unhealthy. */
  function turned(times: number): TargetHealth {
    let health = aHealthyTarget();
    for (let turn = 1; turn <= times; turn++) {
      health = probe(health, 'FFF').health;
      if (turn < times) health = probe(health, 'P'.repeat(passesNeeded(health, check, 0))).health;
    }
    return health;
  }

  test.each([
    { turns: 1, passes: 2 },
    { turns: 2, passes: 4 },
    { turns: 3, passes: 8 },
    { turns: 4, passes: 16 },
    { turns: 5, passes: 16 },
    { turns: 20, passes: 16 },
  ])('after $turns turns it takes $passes passes to come back', ({ turns, passes }) => {
    const health = turned(turns);
    expect(probe(health, 'P'.repeat(passes - 1)).health.verdict).toBe('unhealthy');
    expect(probe(health, 'P'.repeat(passes)).health.verdict).toBe('healthy');
  });

  test('turns of more than ten minutes ago are forgiven', () => {
    const health = turned(4);
    expect(passesNeeded(health, check, 595_000)).toBe(16);
    expect(passesNeeded(health, check, 604_000)).toBe(2);
  });

  test('what is remembered of turns is bounded', () => {
    expect(turned(50).turnsMs).toHaveLength(4);
  });
});

describe('busy', () => {
  test.each([
    { results: 'B', factor: 0.5 },
    { results: 'BBB', factor: 0.125 },
    { results: 'BBBB', factor: 0.1 },
    { results: 'BBBBBBBBB', factor: 0.1 },
    { results: 'BP', factor: 1 },
    { results: 'BBBBPP', factor: 0.4 },
    { results: 'BBBBPPPPPP', factor: 1 },
    { results: 'BFF', factor: 0.5 },
  ])('after $results a target is given $factor of its weight', ({ results, factor }) => {
    expect(conditionOf(probe(aHealthyTarget(), results).health).factor).toBeCloseTo(factor, 12);
  });

  test('the beginning and the end are noted, not each step', () => {
    expect(probe(aHealthyTarget(), 'BBBBPPPPP').changes).toEqual([
      { kind: 'busy', from: 'free', to: 'busy', cause: 'status 500' },
      { kind: 'busy', from: 'busy', to: 'free', cause: 'it answers probes again' },
    ]);
  });
});

describe('what a target says of itself', () => {
  test.each([
    { words: '', factor: undefined, told: undefined, malformed: '' },
    { words: '50%', factor: 0.5, told: undefined, malformed: '' },
    { words: 'drain', factor: undefined, told: 'drain', malformed: '' },
    { words: ' MAINT ,\t1% ', factor: 0.01, told: 'maint', malformed: '' },
    { words: 'ready,100%', factor: 1, told: 'ready', malformed: '' },
    { words: 'drain ready 20% 30%', factor: 0.3, told: 'ready', malformed: '' },
    { words: '0%', factor: 1, told: 'drain', malformed: '' },
    { words: '000%, ready', factor: 1, told: 'drain', malformed: '' },
    { words: '0% maint', factor: 1, told: 'maint', malformed: '' },
    { words: '0% 20%', factor: 0.2, told: undefined, malformed: '' },
    { words: '101% drain', factor: undefined, told: 'drain', malformed: '101%' },
    { words: '50', factor: undefined, told: undefined, malformed: '50' },
    { words: '5.5% -1% up', factor: undefined, told: undefined, malformed: '5.5%' },
  ])('"$words" means $factor and $told', ({ words, ...meaning }) => {
    expect(parseWords(words)).toEqual(meaning);
  });

  test('whatever it says, the factor is above 0 and at most 1', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('0', '1', '9', '%', ' ', ',', 'd', '.', '-') }), (words) => {
        const { factor = 1 } = parseWords(words);
        expect(factor > 0 && factor <= 1).toBe(true);
      }),
    );
  });

  const told = (words: string): TargetCondition => conditionOf(probe(aHealthyTarget(), 'P', 0, words, asking).health);

  test('it counts together with being busy', () => {
    expect(told('50%, drain')).toEqual({ health: 'healthy', factor: 0.5, told: 'drain' });
    expect(conditionOf(probe(aHealthyTarget(), 'B', 0, '50%', asking).health).factor).toBe(0.25);
  });

  test('a weight of nothing takes nobody new, as drain does', () => {
    expect(told('0%')).toEqual({ health: 'healthy', factor: 1, told: 'drain' });
    expect(probe(aHealthyTarget(), 'PP', 0, '0%', asking).changes).toEqual([
      { kind: 'told', from: 'ready', to: 'drain', cause: 'x-sluice-weight: 0%' },
    ]);
  });

  test.each([
    { before: 'drain 10%', words: 'drian', after: { told: 'drain', factor: 0.1 } },
    { before: 'drain 10%', words: '20%% ready', after: { told: 'ready', factor: 0.1 } },
    { before: 'drain 10%', words: '30% raedy', after: { told: 'drain', factor: 0.3 } },
    { before: '0%', words: '-1%', after: { told: 'drain', factor: 1 } },
    { before: '', words: '101%', after: { told: 'ready', factor: 1 } },
    { before: 'maint', words: '', after: { told: 'ready', factor: 1 } },
  ])('after "$before", "$words" leaves $after.told with $after.factor of its weight', ({ before, words, after }) => {
    const { health } = probe(aHealthyTarget(), 'P', 0, before, asking);
    expect(conditionOf(probe(health, 'P', 0, words, asking).health)).toMatchObject(after);
  });

  test('it counts only where the check asks for it', () => {
    expect(conditionOf(probe(aHealthyTarget(), 'P', 0, '50%, drain', check).health)).toEqual(goodCondition);
    const drained = probe(aHealthyTarget(), 'P', 0, 'drain', asking).health;
    expect(conditionOf(probe(drained, 'P', 0, 'drain', check).health)).toEqual(goodCondition);
  });

  test('an answer without words takes them back, a failure does not', () => {
    const drained = probe(aHealthyTarget(), 'P', 0, 'drain 10%', asking).health;
    expect(conditionOf(probe(drained, 'P', 0, '', asking).health)).toEqual(goodCondition);
    expect(conditionOf(probe(drained, 'FF', 0, '', asking).health)).toMatchObject({ factor: 0.1, told: 'drain' });
  });

  test('a percentage that moves with every probe is not an event each time', () => {
    let health = aHealthyTarget();
    const changes: HealthChange[] = [];
    for (const words of ['', '80%', '79%', '81%', 'drain 80%', '80%', '']) {
      const step = probe(health, 'P', 0, words, asking);
      health = step.health;
      changes.push(...step.changes);
    }
    expect(changes.map(({ from, to }) => `${from} → ${to}`)).toEqual([
      'ready → ready 80%',
      'ready 81% → drain 80%',
      'drain 80% → ready 80%',
      'ready 80% → ready',
    ]);
  });

  /** What is noted of nonsense, when it says one after the other. */
  function notedOf(...said: readonly string[]): string[] {
    let health = aHealthyTarget();
    return said.flatMap((words) => {
      const step = probe(health, 'P', 0, words, asking);
      health = step.health;
      return step.changes.filter(({ to }) => to === 'not understood').map(({ from, cause }) => `${from}: ${cause}`);
    });
  }

  test('words that mean nothing are noted with what stands instead, short and in plain characters', () => {
    expect(probe(aHealthyTarget(), 'PPP', 0, `\u001b[31m${'x'.repeat(500)}`, asking).changes).toEqual([
      {
        kind: 'told',
        from: 'ready',
        to: 'not understood',
        cause: `x-sluice-weight: "?[31m${'x'.repeat(55)}…" means nothing, so "ready" stands`,
      },
    ]);
    expect(notedOf('drain 20%', 'drian')).toEqual(['drain 20%: x-sluice-weight: "drian" means nothing, so "drain 20%" stands']);
  });

  test('each that is new is noted, and none twice', () => {
    expect(notedOf('up', 'up', 'ready', 'up', 'down', 'up', 'load=0.53', 'load=12.1').map((text) => /"(.*?)"/.exec(text)![1])).toEqual([
      'up',
      'down',
      'load=0.53',
    ]);
  });

  test('whoever says something else each time is noted no more than eight times', () => {
    const letters = Array.from('abcdefghijklmnopqrstuvwxyz');
    expect(notedOf(...letters)).toHaveLength(8);
  });
});

describe('the next probe', () => {
  test.each([
    { state: aHealthyTarget(), intervalMs: 2000, random: 0, ms: 1800 },
    { state: aHealthyTarget(), intervalMs: 2000, random: 0.5, ms: 2000 },
    { state: probe(aHealthyTarget(), 'F').health, intervalMs: 2000, random: 0.5, ms: 500 },
    { state: probe(aHealthyTarget(), 'FFF').health, intervalMs: 2000, random: 0.5, ms: 2000 }, // the verdict agrees
    { state: probe(anUnhealthyTarget(), 'P').health, intervalMs: 2000, random: 0.5, ms: 500 },
    { state: probe(anUnhealthyTarget(), 'P').health, intervalMs: 240, random: 0.5, ms: 100 },
    { state: probe(anUnhealthyTarget(), 'P').health, intervalMs: 60, random: 0.5, ms: 60 },
    { state: anUnhealthyTarget(), intervalMs: 2000, random: 0.5, ms: 2000 },
  ])(
    'with $state.against results against "$state.verdict" and an interval of $intervalMs it comes after $ms ms',
    ({ state, intervalMs, random, ms }) => {
      expect(probeGapMs(state, { ...check, intervalMs }, random)).toBeCloseTo(ms, 6);
    },
  );

  test('it stays within a tenth of the interval', () => {
    expect(probeGapMs(aHealthyTarget(), check, 0.999_999)).toBeLessThanOrEqual(2200);
  });
});

test('what was known before a restart holds until the first result', () => {
  const before: TargetCondition = { health: 'unhealthy', factor: 0.25, told: 'drain' };
  expect(conditionOf(unproven(before, true))).toEqual(before);
  expect(conditionOf(unproven({ ...before, told: 'ready' }, false))).toEqual({ ...before, told: 'ready' });
  // Where the check asks, the share was most likely told, and is not to be multiplied with what is told again.
  expect(conditionOf(probe(unproven(before, true), 'P', 0, '25% drain', asking).health)).toEqual({
    health: 'healthy',
    factor: 0.25,
    told: 'drain',
  });
});
