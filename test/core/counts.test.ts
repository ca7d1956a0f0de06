import fc from 'fast-check';
import { expect, test } from 'vitest';
import { countsOf } from '../../src/core/counts.ts';

test('counts are found again by their names, whatever those are', () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.oneof(fc.string(), fc.integer({ min: 100, max: 599 }).map(String), fc.constant('__proto__')), fc.nat()),
      (counts) => {
        expect(new Map(Object.entries(countsOf(Object.entries(counts))))).toEqual(new Map(Object.entries(counts)));
      },
    ),
  );
});
