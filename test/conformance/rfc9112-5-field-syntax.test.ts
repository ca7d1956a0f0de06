/** RFC 9112 section 5, and RFC 9110 section 5.5 and 5.6.2: what a field line may look like, in both directions. */
import { describe, test } from 'vitest';
import { answer, get, got, head, isNotPassedOn, isRefused, ok, play } from './support.ts';

const malformed = [
  ['5.1: no white space before the colon', 'Secret : a'],
  ['5.1: no tab before the colon', 'Secret\t: a'],
  ['5.1: a name is not empty', ': secret'],
  ['5.1: a line has a colon', 'Secret'],
  ['5.1: a name has no blank', 'Se cret: a'],
  ['5.6.2: a name is a token', 'Sec(ret: a'],
  ['5.6.2: a name has no NUL', 'Sec\0ret: a'],
  ['5.6.2: a name is ASCII', 'S\xe9cret: a'],
  ['5.6.2: a name has no quotes', '"Secret": a'],
  ['5.2: a folded line is refused', 'Secret: a\r\n b'],
  ['5.2: also by a tab', 'Secret: a\r\n\tb'],
  ['5.2: also behind an empty value', 'Secret:\r\n a'],
  ['5.2: also where it looks like a field', 'Secret: a\r\n Content-Length: 5'],
  ['5.5: no NUL in a value', 'Secret: a\0b'],
  ['5.5: no bare carriage return', 'Secret: a\rX: b'],
  ['5.5: no bare line feed', 'Secret: a\nX: b'],
  ['5.5: nor at the end', 'Secret: a\r'],
  ['5.5: no vertical tab', 'Secret: a\x0bb'],
  ['5.5: no escape', 'Secret: \x1b[2J'],
  ['5.5: no DEL', 'Secret: a\x7f'],
] as const;

describe('a request', () => {
  test.for(malformed)('%s: %j is refused', ([, line], t) => isRefused(t, get(line), 'malformed_request'));

  test.for(malformed.slice(0, 5))('%s, also in the last line: %j', ([, line], t) =>
    isRefused(t, head('GET / HTTP/1.1', line, 'Host: a'), 'malformed_request'),
  );

  test.for([
    ['5.1: white space around a value may be left out, and passes where it is not', ['X:a', 'Y: \t b \t']],
    ['5.5: a value may be empty', ['X:', 'Y: ', 'Z:\t']],
    ['5.5: bytes beyond ASCII pass as they are', ['X: J\xfcrg \xe2\x82\xac \x80\xff']],
    ['5.6.2: a name may have any character of a token', ["!#$%&'*+-.^_`|~09azAZ: 1"]],
    ['5.3: lines of one name keep their order and stay apart', ['X: 1', 'Y: 2', 'x: 3', 'X: 4']],
    ['5.5: a value may look like a line or a head', ['X: GET / HTTP/1.1', 'Y: a: b', 'Z: \\r\\n%0d%0aA: b']],
  ] as const)('%s', ([, lines], t) => play(t, { sends: get(...lines), gets: got(...lines) }));

  test.for([
    ['one field too long', get(`X: ${'x'.repeat(3000)}`)],
    ['one name too long', get(`${'x'.repeat(3000)}: a`)],
    ['a field that never ends', `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(3000)}`],
    ['too many bytes together', get(...Array.from({ length: 100 }, () => `X: ${'x'.repeat(20)}`))],
    ['too many fields', get(...Array.from({ length: 128 }, () => 'X: 1'))],
    ['too many without values', get(...Array.from({ length: 128 }, () => 'X:'))],
  ] as const)('5.4: %s is answered 431', ([, sends], t) => isRefused(t, sends, 'head_too_large', { limits: { headBytes: 2000 } }));

  test('RFC 3875 section 4.1.18: a name that an application cannot tell from one that matters, `_` for `-`, does not pass', (t) =>
    play(t, {
      sends: get('Content_Length: 5', 'Transfer_Encoding: chunked', 'X_Forwarded_For: 6.6.6.6', 'X_Sluice_Pool: b', 'A_B: 1'),
      gets: got('A_B: 1'),
    }));
});

describe('an answer', () => {
  test.for(malformed)('%s: %j is not passed on', ([, line], t) =>
    isNotPassedOn(t, `${answer(line, 'Content-Length: 6')}secret`, 'malformed_response'),
  );

  test.for([
    ['5.1: white space around a value may be left out, and passes where it is not', ['X:a', 'Y: \t b \t']],
    ['5.5: a value may be empty', ['X:', 'Y: ']],
    ['5.5: bytes beyond ASCII pass as they are', ['X: J\xfcrg \xe2\x82\xac \x80\xff']],
    [
      '5.3: lines of one name keep their order and stay apart',
      ['Set-Cookie: a=1', 'Y: 2', 'set-cookie: b=2; Expires=Thu, 01 Jan 1970 00:00:00 GMT'],
    ],
  ] as const)('%s', ([, lines], t) => play(t, { sends: get(), gets: got(), says: `${answer(...lines, 'Content-Length: 2')}ok` }));

  test.for([
    ['one field too long', answer(`Secret: ${'x'.repeat(70_000)}`)],
    ['a field that never ends', `HTTP/1.1 200 OK\r\nSecret: ${'x'.repeat(70_000)}`],
    ['a line that never ends', `HTTP/1.1 200 ${'secret'.repeat(12_000)}`],
    ['too many fields', answer(...Array.from({ length: 257 }, () => 'Secret: 1'))],
  ] as const)('5.4: %s is answered 502', ([, says], t) => isNotPassedOn(t, says, 'response_head_too_large'));

  test('a head that is as large as it may be passes', (t) => {
    const says = `${answer(...Array.from({ length: 255 }, (_, index) => `X-${index}: ${'x'.repeat(200)}`), 'Content-Length: 2')}ok`;
    return play(t, { sends: get(), gets: got(), says });
  });
});

test('5: a value may be 8000 octets long, and a head have 100 fields', (t) => {
  const lines = [`X: ${'x'.repeat(8000)}`, ...Array.from({ length: 99 }, (_, index) => `Y-${index}: 1`)];
  return play(t, { sends: get(...lines), gets: got(...lines), says: ok });
});
