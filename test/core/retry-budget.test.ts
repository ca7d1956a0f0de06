import fc from 'fast-check';
import { expect, test } from 'vitest';
import { mayRetry, retriesAlways } from '../../src/core/retry-budget.ts';

test.each([
  { share: 0.2, inFlight: 0, most: 3 },
  { share: 0.2, inFlight: 1, most: 3 },
  { share: 0.2, inFlight: 19, most: 3 },
  { share: 0.2, inFlight: 20, most: 4 },
  { share: 0.2, inFlight: 24, most: 4 },
  { share: 0.2, inFlight: 1000, most: 200 },
  // 0.29 × 100 is 28.999999999999996 to a computer.
  { share: 0.29, inFlight: 100, most: 29 },
  { share: 0, inFlight: 1000, most: 3 },
  { share: 1, inFlight: 1000, most: 1000 },
])('of $inFlight requests in flight, $most at most are retries where the share is $share', ({ share, inFlight, most }) => {
  expect(mayRetry(most - 1, inFlight, share)).toBe(true);
  expect(mayRetry(most, inFlight, share)).toBe(false);
});

test('whatever comes and goes, retries are never more than three and more than their share when one begins', () => {
  const steps = fc.array(fc.constantFrom('request', 'retry', 'end of a retry', 'end of another'), { maxLength: 300 });
  fc.assert(
    fc.property(steps, fc.integer({ min: 0, max: 100 }), (events, percent) => {
      let retrying = 0;
      let inFlight = 0;
      for (const event of events) {
        if (event === 'request') inFlight++;
        else if (event === 'retry' && retrying < inFlight) {
          const allowed = mayRetry(retrying, inFlight, percent / 100);
          if (allowed) retrying++;
          const isOver = retrying > retriesAlways && retrying * 100 > inFlight * percent;
          if (allowed && isOver) return false;
          // Refused is only what would have been over.
          if (!allowed && ((retrying + 1) * 100 <= inFlight * percent || retrying < retriesAlways)) return false;
        } else if (event === 'end of a retry' && retrying > 0) {
          retrying--;
          inFlight--;
        } else if (event === 'end of another' && inFlight > retrying) inFlight--;
      }
      return true;
    }),
  );
});
