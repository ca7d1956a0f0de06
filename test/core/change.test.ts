import { expect, test } from 'vitest';
import { interpret } from '../../config/interpret.ts';
import { proposeChange, type Change, type Standing } from '../../src/core/change.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { demoDocument, demoOf, demoWith } from '../control/support.ts';

function standing(document: JsonObject = demoDocument): Standing {
  const meaning = interpret(document);
  if (meaning.kind === 'invalid') throw new Error(JSON.stringify(meaning.problems));
  return { document, model: meaning.model };
}

/** The demo with three pools of these weights; `undefined` leaves the weights out. */
function withWeights(weights: JsonObject | undefined, pools: readonly string[] = ['blue', 'green', 'canary']): Standing {
  return standing({
    services: {
      demo: {
        pools: Object.fromEntries(pools.map((id) => [id, { targets: [`http://${id}:80`] }])),
        ...(weights === undefined ? {} : { weights }),
      },
    },
    routes: [{ service: 'demo' }],
  });
}

function weightsAfter(current: Standing, change: Change): unknown {
  const proposal = proposeChange(current, change);
  if (proposal.kind === 'rejected') return `${proposal.code}: ${proposal.message}`;
  expect(interpret(proposal.document).kind).toBe('valid');
  return demoOf(proposal.document)['weights'];
}

// What callers send as weights may be any JSON.
const put = (weights: JsonObject, service = 'demo'): Change => ({ kind: 'weights', service, weights, others: 'zero' });
const patch = (weights: JsonObject): Change => ({ kind: 'weights', service: 'demo', weights, others: 'keep' });
const switchTo = (to: string, service = 'demo'): Change => ({ kind: 'switch', service, to });

test.each([
  { now: { blue: 100 }, change: put({ blue: 90, green: 10 }), after: { blue: 90, green: 10, canary: 0 } },
  { now: { blue: 50, canary: 50 }, change: put({ green: 1 }), after: { blue: 0, green: 1, canary: 0 } },
  { now: { blue: 50, canary: 50 }, change: patch({ green: 1 }), after: { blue: 50, green: 1, canary: 50 } },
  { now: { blue: 100 }, change: put({ blue: 0 }), after: { blue: 0, green: 0, canary: 0 } },
  { now: { blue: 90, green: 9, canary: 1 }, change: switchTo('green'), after: { blue: 0, green: 100, canary: 0 } },
  { now: { blue: 2, green: 1 }, change: switchTo('canary'), after: { blue: 0, green: 0, canary: 3 } },
  { now: { blue: 0, green: 0 }, change: switchTo('green'), after: { blue: 0, green: 100, canary: 0 } },
  { now: { blue: 1_000_000, green: 1_000_000 }, change: switchTo('green'), after: { blue: 0, green: 1_000_000, canary: 0 } },
])('from $now, $change.kind leads to $after', ({ now, change, after }) => {
  expect(weightsAfter(withWeights(now), change)).toEqual(after);
});

test('the weight of the only pool, where the document leaves it to the default, is known to a switch', () => {
  const current = withWeights(undefined, ['blue']);
  expect(proposeChange(current, switchTo('blue'))).toEqual({ kind: 'proposed', document: current.document });
});

test.each([
  {
    change: put({ gren: 1 }),
    says: 'POOL_NOT_FOUND: Service "demo" has no pool "gren". Did you mean "green"? There are blue, green and canary.',
  },
  {
    change: patch({ red: 1, toString: 2 }),
    says: 'POOL_NOT_FOUND: Service "demo" has no pool "red" or "toString". There are blue, green and canary.',
  },
  {
    change: switchTo('bleu'),
    says: 'POOL_NOT_FOUND: Service "demo" has no pool "bleu". Did you mean "blue"? There are blue, green and canary.',
  },
  { change: switchTo('blue', 'dmo'), says: 'SERVICE_NOT_FOUND: There is no service "dmo". Did you mean "demo"? There is only demo.' },
  { change: put({ blue: 1 }, '__proto__'), says: 'SERVICE_NOT_FOUND: There is no service "__proto__". There is only demo.' },
  {
    change: { kind: 'deleteService', service: 'constructor' },
    says: 'SERVICE_NOT_FOUND: There is no service "constructor". There is only demo.',
  },
  { change: { kind: 'patchService', service: 'x', patch: {} }, says: 'SERVICE_NOT_FOUND: There is no service "x". There is only demo.' },
  { change: put({}), says: 'INVALID: The body names no pool of service "demo"; send for example {"blue":90,"green":10,"canary":10}.' },
  { change: put({ blue: -1 }), says: 'INVALID: Not possible as weights: blue: expected a whole number from 0 to 1000000, found -1.' },
  {
    change: put({ blue: 1.5, green: '9' }),
    says: 'INVALID: Not possible as weights: blue: expected a whole number from 0 to 1000000, found 1.5; green: expected a whole number from 0 to 1000000, found "9".',
  },
  { change: patch({ blue: null }), says: 'INVALID: Not possible as weights: blue: expected a whole number from 0 to 1000000, found null.' },
  {
    change: put({ blue: 1_000_001 }),
    says: 'INVALID: Not possible as weights: blue: expected a whole number from 0 to 1000000, found 1000001.',
  },
] satisfies { change: Change; says: string }[])('$says', ({ change, says }) => {
  expect(weightsAfter(withWeights({ blue: 100 }), change)).toBe(says);
});

test('the largest weight that a change takes is the largest that the document takes', () => {
  expect(interpret(withWeights({ blue: 1_000_000 }).document).kind).toBe('valid');
  expect(() => withWeights({ blue: 1_000_001 })).toThrow('1000000');
});

test('a change that asks for what is already so returns the very same document, even where that leaves pools out', () => {
  const current = withWeights({ blue: 100 });
  for (const change of [put({ blue: 100 }), patch({ green: 0 }), switchTo('blue')]) {
    const proposal = proposeChange(current, change);
    expect(proposal.kind === 'proposed' && proposal.document).toBe(current.document);
  }
});

test('a change of one service leaves the rest of the document as it was', () => {
  const current = standing();
  const proposal = proposeChange(current, put({ green: 1 }));
  expect(proposal).toEqual({
    kind: 'proposed',
    document: demoWith({ weights: { blue: 0, green: 1 } }),
  });
});

test('a service named __proto__ becomes a key like any other, for the schema to refuse', () => {
  const proposal = proposeChange(standing(), { kind: 'putService', service: '__proto__', document: { pools: {} } });
  expect(proposal).toHaveProperty('kind', 'proposed');
  expect(JSON.stringify(proposal)).toContain('"__proto__":{"pools":{}}');
  expect({}).not.toHaveProperty('pools');
});
