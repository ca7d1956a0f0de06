import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { emptyLineIn, HeadSearch } from '../../../proxy/http1/head-search.ts';

const limit = 64;
const once = (text: string) => {
  const search = new HeadSearch();
  const end = search.find(Buffer.from(text, 'latin1'), limit);
  return { end, start: search.start, fault: search.fault };
};

describe('the end of a head', () => {
  test.each([
    { text: 'GET / HTTP/1.1\r\nA: b\r\n\r\nrest', end: 20, start: 0, fault: '' },
    { text: '\r\nGET / HTTP/1.1\r\n\r\n', end: 16, start: 2, fault: '' }, // an empty line before it
    { text: '\r\n\r\nGET / HTTP/1.1\r\n\r\n', end: 18, start: 4, fault: '' },
    { text: '\r\n\r\n\r\nGET', end: -1, start: 4, fault: 'malformed_request' }, // but not for ever
    { text: 'GET / HTTP/1.1\r\nA', end: -1, start: 0, fault: '' },
    { text: 'GET / HTTP/1.1\nA', end: -1, start: 0, fault: 'malformed_request' },
    { text: 'a'.repeat(limit) + '\r\n\r', end: -1, start: 0, fault: '' }, // its end may have begun
    { text: 'a'.repeat(limit) + '\r\n\r\n', end: limit, start: 0, fault: '' },
    { text: 'a'.repeat(limit + 4), end: -1, start: 0, fault: 'uri_too_long' },
    { text: 'a\r\n' + 'b'.repeat(limit + 1), end: -1, start: 0, fault: 'head_too_large' },
  ])('of $text is at $end, fault: $fault', ({ text, ...expected }) => {
    expect(once(text)).toEqual(expected);
  });
});

test('does not depend on where the bytes were cut', () => {
  const piece = fc.constantFrom('\r\n', '\r', '\n', 'a', 'GET / HTTP/1.1', 'b: c', '\r\n\r\n', 'x'.repeat(30));
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
      const text = pieces.join('');
      const search = new HeadSearch();
      let unread = '';
      let used = 0;
      let outcome = { end: -1, start: 0, fault: '' };
      for (const byte of text) {
        unread += byte;
        const end = search.find(Buffer.from(unread, 'latin1'), limit);
        used += search.start;
        unread = unread.slice(search.start);
        outcome = { end: end < 0 ? -1 : used + end - search.start, start: used, fault: search.fault };
        if (end >= 0 || search.fault !== '') break;
      }
      const whole = once(text);
      // Byte by byte a head may end, or fail, before the rest is seen; it never ends elsewhere.
      if (outcome.end >= 0) expect(whole.end < 0 ? whole.fault : whole.end).toBe(outcome.end);
      else expect(outcome.fault !== '' || whole.end === -1).toBe(true);
      // What is found broken on the way would be found broken by the parser as well: bare line feeds, and heads that begin with one more
      // empty line.
      const broken = /(^|[^\r])\n/.test(text) || text.startsWith('\r', whole.start);
      if (whole.end >= 0 && !broken) expect(outcome).toEqual(whole);
    }),
    { numRuns: 2000 },
  );
});

test('is not searched for again and again: a head that comes byte by byte is looked at once', () => {
  const search = new HeadSearch();
  let looked = 0;
  const head = Buffer.from(`GET / HTTP/1.1\r\n${'a: b\r\n'.repeat(5000)}`, 'latin1');
  for (let length = 1; length <= head.length; length++) {
    const bytes = head.subarray(0, length);
    bytes.indexOf = function (this: Buffer, value: string | number, from?: number) {
      looked += bytes.length - (from ?? 0);
      return Buffer.prototype.indexOf.call(this, value, from);
    } as typeof bytes.indexOf;
    expect(search.find(bytes, 65_536)).toBe(-1);
  }
  expect(looked).toBeLessThan(10 * head.length);
});

test('the first empty line is where a plain search finds it, before and after the length up to which we look ourselves', () => {
  const piece = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom('\r', '\n', '\r\n', '\r\n\r', 'x') },
    { weight: 1, arbitrary: fc.constantFrom('\r\n\r\n', 'y'.repeat(253), 'z'.repeat(509)) },
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), fc.nat(8), (pieces, from) => {
      const text = pieces.join('');
      expect(emptyLineIn(Buffer.from(text, 'latin1'), from)).toBe(text.indexOf('\r\n\r\n', from));
    }),
    { numRuns: 2000 },
  );
});
