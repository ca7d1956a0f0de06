import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FieldScan, fieldValue, requestFields, responseFields, scanFields, trailerFields } from '../../../proxy/http1/fields.ts';
import { bytes } from './reading.ts';

function scan(text: string, names = requestFields, into = new FieldScan()): { fault: string; scan: FieldScan } {
  // As if the lines began in the middle of what was read, behind a line that a scan from the wrong place would see.
  const before = 'Transfer-Encoding: x\r\n';
  return { fault: scanFields(bytes(`${before}${text}\r\n`), before.length, text, 0, names, 128, into), scan: into };
}

describe('what passes through is kept byte for byte', () => {
  const name = fc.stringMatching(/^[A-Za-z!#$%&'*+.^`|~][A-Za-z0-9]{0,12}$/);
  const value = fc.string({ unit: fc.constantFrom('a', ' ', '\t', ':', ',', '"', '\x80', '\xff', '=', 'Host: a'), maxLength: 12 });
  const line = fc.tuple(name, value).map((parts) => `${parts.join(':')}\r\n`);
  const dropped = fc.constantFrom('Keep-Alive: a\r\n', 'TE:\r\n', 'x-sluice-x: y\r\n', 'X_Forwarded_For: 1\r\n');

  test('whatever else stands between', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(line, fc.boolean(), dropped), { maxLength: 8 }), (parts) => {
        const kept = parts.filter(([text]) => !/^(te|host|upgrade|expect|connection|forwarded):/i.test(text));
        const { fault, scan: found } = scan(kept.map(([text, isFollowed, other]) => (isFollowed ? text + other : text)).join(''));
        expect(fault).toBe('');
        expect(found.kept).toBe(kept.map(([text]) => text).join(''));
      }),
    );
  });

  test('and only once, however the lines are spread over dropped ones', () => {
    expect(scan('a:1\r\nHost: b\r\n').scan.kept).toBe('a:1\r\n');
    expect(scan('Host: b\r\na:1\r\n').scan.kept).toBe('a:1\r\n');
    expect(scan('Host: b\r\nTE: x\r\na:1\r\nb:2\r\nTE: x\r\nc:3\r\n').scan.kept).toBe('a:1\r\nb:2\r\nc:3\r\n');
    expect(scan('Host: b\r\n').scan.kept).toBe('');
    expect(scan('').scan.kept).toBe('');
  });
});

test('a scan forgets what the one before it found', () => {
  const used = new FieldScan();
  const everything =
    'Host: a\r\nContent-Length: 5\r\nConnection: close, keep-alive, upgrade, x\r\nUpgrade: y\r\nExpect: z\r\nx-sluice-a: b\r\nc: d\r\n';
  expect(scan(everything, requestFields, used).fault).toBe('');
  expect(scan('Transfer-Encoding: chunked\r\nKeep-Alive: timeout=3\r\nDate: x\r\n', responseFields, used).fault).toBe('');
  expect(scan('Keep-Alive: max=3\r\n', responseFields, used).fault).toBe('');
  expect(scan('', requestFields, used).fault).toBe('');
  // Only the last Keep-Alive is remembered, as a text and what it says.
  expect([used.keepAliveText, used.keepAliveTextSeconds]).toEqual(['max=3', -1]);
  used.keepAliveText = '';
  expect(used).toEqual(new FieldScan());
});

test.each([
  ['request', requestFields, 'Date: a\r\n'],
  ['answer', responseFields, 'Date: a\r\nHost: b\r\nForwarded: c\r\n'],
  ['trailer', trailerFields, ''],
])('what ends at the proxy differs: %s', (_, names, kept) => {
  expect(scan('Date: a\r\nHost: b\r\nForwarded: c\r\nTE: d\r\nKeep-Alive: e\r\n', names).scan.kept).toBe(kept);
});

describe('the value of a field', () => {
  const fields = 'Accept: a \r\nX-B:\tb\r\nx-bc: c\r\naccept:d\r\nEmpty:\r\nX-E: x-f: g\r\nCookie: h=1\r\nCOOKIE: i=2\r\n';

  test.each([
    ['accept', 'a, d'],
    ['x-b', 'b'],
    ['x-bc', 'c'],
    ['x-bcd', undefined],
    ['b', undefined],
    ['empty', ''],
    ['x-f', undefined],
    ['', undefined],
  ])('%j is %j', (name, value) => {
    expect(fieldValue(fields, name)).toBe(value);
  });

  test('lines are joined as their field wants it', () => {
    expect(fieldValue(fields, 'cookie', '; ')).toBe('h=1; i=2');
  });
});
