/**
 * A fixed number of the cases of the long run (`npm run fuzz`), and what such runs have found: each find is here under the name of what
 * went wrong.
 */
import { expect, test } from 'vitest';
import { fuzzKinds } from './kinds.ts';
import { Mutator, shrink } from './mutator.ts';

const cases: Readonly<Record<string, number>> = { requests: 5000, answers: 5000, chunked: 5000, connections: 300 };

test.for(Object.entries(cases))('%s: %i cases are read alike by us, by Node, and however they are cut', async ([name, count]) => {
  const kind = fuzzKinds[name]!();
  for (let number = 0; number < count; number++) {
    const { example, wrong } = await kind.run(20_261_121, number);
    expect({ example, number, wrong }).toEqual({ example, number, wrong: '' });
  }
});

test('every kind of the long run has its share here', () => {
  expect(Object.keys(cases).toSorted()).toEqual(Object.keys(fuzzKinds).toSorted());
});

test('a seed makes the same messages again, and another seed others', () => {
  const messages = (seed: number) => {
    const mutator = new Mutator(seed);
    return Array.from({ length: 50 }, () => mutator.message(['GET / HTTP/1.1\r\nHost: a\r\n\r\n']));
  };
  expect(messages(1)).toEqual(messages(1));
  expect(messages(1)).not.toEqual(messages(2));
});

test('a find is shrunk to what matters of it', () => {
  expect(shrink('GET / HTTP/1.1\r\nHost: a\r\nX: y\nz\r\n\r\n', (text) => /[^\r]\n/.test(text))).toBe('y\n');
});
