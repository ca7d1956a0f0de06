import { expect, test } from 'vitest';
import { interpret } from '../../config/interpret.ts';
import { effectiveWeights } from '../../src/core/effective-weights.ts';
import type { OperatorState } from '../../src/core/model.ts';

const ready: OperatorState = 'ready';

test.each([
  { weights: [90, 10], states: [ready, ready], count: [90, 10] },
  { weights: [0, 0], states: [ready, ready], count: [0, 0] },
  // A pool that an operator has taken out has none …
  { weights: [90, 10], states: [ready, 'drain'], count: [90, 0] },
  { weights: [90, 10], states: ['maint', ready], count: [0, 10] },
  { weights: [90, 0], states: [ready, 'drain'], count: [90, 0] },
  // … unless nothing would be left: a ready pool without weight is nothing.
  { weights: [90, 10], states: ['drain', 'drain'], count: [90, 10] },
  { weights: [90, 10], states: ['maint', 'drain'], count: [90, 10] },
  { weights: [90, 0], states: ['drain', ready], count: [90, 0] },
] satisfies { weights: number[]; states: OperatorState[]; count: number[] }[])(
  'of weights $weights of pools that are $states, $count count',
  ({ weights, states, count }) => {
    const [blue, green] = states.map((state) => ({ targets: [], state }));
    const demo = { pools: { blue, green }, weights: { blue: weights[0], green: weights[1] } };
    const document = { listeners: [{ name: 'web', address: '127.0.0.1:0' }], services: { demo }, routes: [{ service: 'demo' }] };
    const meaning = interpret(JSON.parse(JSON.stringify(document)));
    if (meaning.kind === 'invalid') throw new Error(JSON.stringify(meaning.problems));
    expect(effectiveWeights(meaning.model.services[0]!)).toEqual([
      { id: 'blue', weight: count[0] },
      { id: 'green', weight: count[1] },
    ]);
  },
);
