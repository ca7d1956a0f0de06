import { expect, test } from 'vitest';
import { nameHint, nearestName } from '../../src/core/nearest.ts';

test.each([
  { wanted: 'gren', nearest: 'green' },
  { wanted: 'GREEN', nearest: 'green' },
  { wanted: 'geren', nearest: 'green' }, // two letters swapped count as one error
  { wanted: 'blu', nearest: 'blue' },
  { wanted: 'red', nearest: undefined },
  { wanted: '', nearest: undefined },
])('for "$wanted", of green and blue, $nearest is offered', ({ wanted, nearest }) => {
  expect(nearestName(wanted, ['green', 'blue'])).toBe(nearest);
});

test('a hint lists what there is, but not a hundred names', () => {
  expect(nameHint('x', [])).toBe('There are none.');
  expect(nameHint('x', ['blue'])).toBe('There is only blue.');
  expect(nameHint('x', ['blue', 'green'])).toBe('There are blue and green.');
  const many = Array.from({ length: 100 }, (_, index) => `pool-${index}`);
  expect(nameHint('x', many)).toMatch(/pool-19 and 80 more\.$/);
});
