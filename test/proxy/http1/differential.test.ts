/**
 * What Node's parser rejects, we reject; what both accept, both read alike. Put as one rule: what we pass on is a prefix of what Node
 * reads, message by message and byte by byte. And where only we reject, the reason is one of a closed list.
 *
 * SLUICE_FUZZ_RUNS sets how many cases each property tries; a failure prints its seed and path.
 */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { Http1RequestHead } from '../../../proxy/http1/request-head.ts';
import { Http1ResponseHead } from '../../../proxy/http1/response-head.ts';
import { difference, type Side, whyRejected } from './comparison.ts';
import { answerBytes, cuts, requestBytes } from './messages.ts';
import { nodeReadsAnswer, nodeReadsRequests } from './node-parser.ts';
import { bytes, cutAt, readAnswer, readRequests, type Reading } from './reading.ts';

const runs = Number(process.env['SLUICE_FUZZ_RUNS'] ?? 10_000);
const time = Math.max(60_000, runs * 2);

test('requests: what we pass on is a prefix of what Node reads', { timeout: time }, () => {
  const seen = tally();
  fc.assert(
    fc.property(requestBytes, (text) => {
      const ours = readRequests([bytes(text)]);
      const node = nodeReadsRequests(bytes(text));
      seen(ours, node);
      expect(difference(ours, node, 'request')).toBe('');
      const unexplained = isRejected(ours) && !isRejected(node) && whyRejected(text, ours, node, 'request') === '';
      expect(unexplained && ours.end).toBe(false);
    }),
    { numRuns: runs },
  );
  seen.expectBoth();
});

test('answers: what we pass on is a prefix of what Node reads', { timeout: time }, () => {
  const seen = tally();
  fc.assert(
    fc.property(answerBytes, fc.boolean(), (text, toHead) => {
      const ours = readAnswer([bytes(text)], toHead);
      const node = nodeReadsAnswer(bytes(text), toHead);
      seen(ours, node);
      const side: Side = toHead ? 'answerToHead' : 'answer';
      expect(difference(ours, node, side)).toBe('');
      const unexplained = isRejected(ours) && !isRejected(node) && whyRejected(text, ours, node, side) === '';
      expect(unexplained && ours.end).toBe(false);
    }),
    { numRuns: runs },
  );
  seen.expectBoth();
});

test('where the bytes of requests are cut makes no difference', { timeout: time }, () => {
  fc.assert(
    fc.property(requestBytes, cuts, (text, places) => {
      const at = places.map((place) => place % (text.length + 1));
      expect(readRequests(cutAt(text, at))).toEqual(readRequests([bytes(text)]));
    }),
    { numRuns: runs / 4 },
  );
});

test('where the bytes of answers are cut makes no difference', { timeout: time }, () => {
  fc.assert(
    fc.property(answerBytes, fc.boolean(), cuts, (text, toHead, places) => {
      const at = places.map((place) => place % (text.length + 1));
      expect(readAnswer(cutAt(text, at), toHead)).toEqual(readAnswer([bytes(text)], toHead));
    }),
    { numRuns: runs / 4 },
  );
});

test('a message is read the same, whatever its connection carried before', { timeout: time }, () => {
  const usedRequest = new Http1RequestHead();
  const usedAnswer = new Http1ResponseHead();
  fc.assert(
    fc.property(requestBytes, answerBytes, (request, answer) => {
      expect(readRequests([bytes(request)], usedRequest)).toEqual(readRequests([bytes(request)]));
      expect(readAnswer([bytes(answer)], false, usedAnswer)).toEqual(readAnswer([bytes(answer)], false));
    }),
    { numRuns: runs / 4, endOnFailure: true },
  );
});

function isRejected(reading: Reading): boolean {
  return reading.end.startsWith('rejected');
}

/** A fuzz test that is nearly always refused, or never, shows nothing. */
function tally(): { (ours: Reading, node: Reading): void; expectBoth(): void } {
  let accepted = 0;
  let rejected = 0;
  const count = (ours: Reading, node: Reading): void => {
    if (ours.messages.some(({ complete }) => complete) && node.messages.some(({ complete }) => complete)) accepted++;
    if (isRejected(ours)) rejected++;
  };
  return Object.assign(count, {
    expectBoth() {
      expect(accepted).toBeGreaterThan(runs / 8);
      expect(rejected).toBeGreaterThan(runs / 8);
    },
  });
}
