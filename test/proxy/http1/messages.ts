/**
 * Messages for the fuzz tests: mostly what the grammar allows, with a wrong piece here and there, and then perhaps some bytes changed.
 * Purely random bytes would all be refused at the first one; these get far enough in to hurt.
 */
import { METHODS } from 'node:http';
import * as fc from 'fast-check';

/** Mostly one of `usual`, now and then one of `odd`. */
function mostly(usual: readonly string[], odd: readonly string[], share = 16): fc.Arbitrary<string> {
  return fc.oneof({ arbitrary: fc.constantFrom(...usual), weight: share }, { arbitrary: fc.constantFrom(...odd), weight: 1 });
}

const lineEnd = mostly(['\r\n'], ['\n', '\r', '\r\r\n', '\n\r', '\0\r\n', ' \r\n', '\r\n\r\n', '\r\n '], 60);
const space = mostly([' '], ['  ', '\t', '', '\r', '\0', '\x0b'], 60);
const colon = mostly([': '], [':', ' : ', ' :', '\t:', ':\t ', '::', '', ' ', ':\x0b', ':\0', ': \r\n ', ': \xa0'], 40);

const method = mostly(
  ['GET', 'POST', 'HEAD', 'PUT', 'OPTIONS'],
  [...METHODS, '', 'get', 'PRI', 'GETT', 'G\tET', 'GET\0', 'XY', '\xc4'],
  20,
);
// oxfmt-ignore
const target = mostly(
  ['/', '/a/b?x=1', '/?', '/%2e%2E/', 'http://a.example/x'],
  [
    '*', 'http://a', 'https://A:80', 'http://a?b', 'http://a/?', '//x', '/%zz', '/a#b', '/\x80', '', 'a', 'http://', 'http://u@h/', 'http:/x',
    'http://h/#f', '/a b', 'ftp://h/', 'HTTP://H/', '/{}|\\^`"<>', '/\x7f', '/\t', 'http://[::1]:8/', 'http://a:b', 'http://a%00', '*/',
    '?', 'http:///x', 'http://a\\b/', 'http://a,b/', 'a:80', '/a\\..\\b', 'http://a b/', '/;', '/*', 'http://a@b@c/',
  ],
  16,
);
// oxfmt-ignore
const requestVersion = mostly(
  ['HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0'],
  [
    'HTTP/1.2', 'HTTP/2.0', 'HTTP/0.9', 'http/1.1', 'HTTP/1.1 ', 'HTTP/11', 'HTTP/1.', 'HTTP/1.10', 'HTTP/01.1', 'RTSP/1.0', 'ICE/1.0', '',
    'HTTP/9.9',
  ],
  20,
);

// oxfmt-ignore
const hostValue = mostly(
  ['a.example', 'a', 'A.example:8080', '127.0.0.1:1', '[::1]:80'],
  [
    '', ' ', 'a b', 'a,b', 'u@a', 'a/b', 'a:', ':80', 'a:b', '[::1', '::1', 'a\x80', 'a?', 'a#', '%00', '%zz', 'a:123456', 'a\tb', '"a"',
    '\xa0',
  ],
  24,
);
// oxfmt-ignore
const lengthValue = mostly(
  ['0', '3', '5'],
  [
    '+3', '-3', '3 ', '03', '0x3', '3, 3', '3,3', '3 3', '', ' ', '3;', '3.0', '1e1', '\xa03', '3\t', '3\x0b', "3'", '"3"',
    '99999999999999999999', '18446744073709551616', '18446744073709551619', '9007199254740993', '4294967299', '999999999999999', '3\0',
  ],
  2,
);
// oxfmt-ignore
const codingValue = mostly(
  ['chunked'],
  [
    'Chunked', 'CHUNKED', 'gzip', 'gzip, chunked', 'chunked, gzip', 'chunked, chunked', 'chunked,', ',chunked', 'chunked;q=1', 'xchunked',
    'chunked ', 'identity', '', ' chunked', '\x0bchunked', 'chun ked', '"chunked"', 'chunkedx', 'chunked\xa0', 'chunked\t', 'chunked\0',
    'x\tchunked',
  ],
  3,
);
// oxfmt-ignore
const connectionValue = mostly(
  ['keep-alive', 'close', 'Keep-Alive', 'Close', 'x-a', 'keep-alive, x-a', 'upgrade'],
  [
    'close, keep-alive', 'keep-alive,close', 'closed', 'close x', 'x close', '"close"', 'close;', ',close', ' close ,', 'close\xa0',
    '\xa0close', 'x-b,,X-A', 'host, content-length', 'Transfer-Encoding', 'upgrade, close', 'close\t', 'keep-alive\x85', 'te', '', ',',
    'cl\tose', 'keep-alive\t,close', 'keep-alives', 'keep- alive', 'Upgrade,x', 'x-A\t', 'close,\tkeep-alive',
  ],
  2,
);
const anyValue = mostly(
  ['b', 'text/html; q=0.5', '', ' b ', 'b\tc'],
  ['\x80\xff', '\0', '\x7f', '\x01', 'b\rc', 'b\nc', '\x0b', '\t', 'b\r\n c', ': b', '\r', '\x1f', 'b\r\n\tc'],
  30,
);

const named = (name: string, value: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.tuple(caseOf(name), colon, value, lineEnd).map((parts) => parts.join(''));

const caseOf = (name: string): fc.Arbitrary<string> =>
  mostly(
    [name, name, name.toUpperCase(), name.toLowerCase()],
    [`${name} `, `${name}\t`, ` ${name}`, `${name}\0`, name.replace('-', '_'), `${name}\x80`, `x${name}`],
    40,
  );

const ordinaryField = fc.oneof(
  named('Accept', anyValue),
  named('X-A', anyValue),
  named('x-b', anyValue),
  named('Cookie', fc.constantFrom('a=1', 'a=1; b=2')),
);

const hopField = fc.oneof(
  { arbitrary: named('Connection', connectionValue), weight: 6 },
  { arbitrary: named('Proxy-Connection', connectionValue), weight: 1 },
  { arbitrary: named('Upgrade', fc.constantFrom('websocket', 'h2c', '')), weight: 1 },
  { arbitrary: named('Keep-Alive', fc.constantFrom('timeout=5', 'timeout=5, max=2', 'x', '')), weight: 1 },
  { arbitrary: named('TE', fc.constantFrom('trailers', 'gzip')), weight: 1 },
  { arbitrary: named('Expect', fc.constantFrom('100-continue', '100-Continue', 'x')), weight: 1 },
  { arbitrary: named('X-Sluice-Pool', anyValue), weight: 1 },
  { arbitrary: named('Date', anyValue), weight: 1 },
  { arbitrary: named('Trailer', fc.constantFrom('x-a')), weight: 1 },
  { arbitrary: named('X-Forwarded-For', fc.constantFrom('1.2.3.4', '')), weight: 1 },
);

/** Fields about framing, as somebody would send them who wants two parsers to disagree. */
const framingField = fc.oneof(named('Content-Length', lengthValue), named('Transfer-Encoding', codingValue));

// oxfmt-ignore
const noise = mostly(
  [''],
  [
    'x\r\n', ':\r\n', ' \r\n', '\t\r\n', '\0\r\n', ': b\r\n', 'x y: z\r\n', '"x": y\r\n', 'x(: y\r\n', '\x80: y\r\n', '\r\n', '\n',
    '\xe9: y\r\n',
  ],
  30,
);

const chunkSize = (size: number): fc.Arbitrary<string> => {
  const hex = size.toString(16);
  return mostly(
    [hex],
    [
      `0${hex}`,
      `000000000${hex}`,
      `0000000000000${hex}`,
      `+${hex}`,
      `-${hex}`,
      ` ${hex}`,
      `${hex} `,
      `${hex}\t`,
      `0x${hex}`,
      `${hex}g`,
      '',
      'ffffffffffffffff',
      `10000000000000000${hex}`,
      `${hex}\0`,
      `${hex}.0`,
      `${hex}_`,
      hex.toUpperCase(),
      `\n${hex}`,
      `${hex}\xa0`,
    ],
    30,
  );
};
// oxfmt-ignore
const chunkExtension = mostly(
  ['', '', '', ';a', ';a=b', ';a="b c"'],
  [
    ';', ';;', ';a=', ';=b', ';a="', ';a="b', ';a="\\"', ';a="\\""', ';a="\\\x01"', ';a="\r\n"', ';a b', '; a', ' ;a', ';a =b', ';a= b',
    ';a=b;', ';a="b"c', ';a=b"c"', ';a="\x80"', ';\x80', ';a=\x80', ';a\n', ';a\r', ';a="\n"', ';a="\x7f"', ';a="b";c=d', ';a=b=c', ';a,b',
    ';a="\\\\"', ';a=""', ';a="\t"', ';a="\\\x80"', ';a="\\\t"', ';a\t', ';a="b" ', ';\0', ';a="\\',
  ],
  24,
);
const chunk = fc
  .string({ unit: fc.constantFrom('a', 'b', '\r', '\n', '0', '\xff', ' ', '\r\n0\r\n\r\n'), minLength: 1, maxLength: 8 })
  .chain((data) => fc.tuple(chunkSize(data.length), chunkExtension, lineEnd, fc.constant(data), lineEnd))
  .map((parts) => parts.join(''));
const trailer = fc.oneof(ordinaryField, fc.oneof(framingField, named('Host', hostValue), hopField, noise));
export const chunkedBody: fc.Arbitrary<string> = fc
  .tuple(
    fc.array(chunk, { maxLength: 3 }),
    chunkSize(0),
    chunkExtension,
    lineEnd,
    fc.oneof({ arbitrary: fc.constant<string[]>([]), weight: 2 }, { arbitrary: fc.array(trailer, { maxLength: 3 }), weight: 1 }),
    lineEnd,
  )
  .map(([chunks, last, extension, end, trailers, lastEnd]) => `${chunks.join('')}${last}${extension}${end}${trailers.join('')}${lastEnd}`);

interface Framed {
  readonly lines: string;
  readonly body: string;
}

/** A body with the field that delimits it. */
const framed: fc.Arbitrary<Framed> = fc.oneof(
  { arbitrary: fc.constant({ lines: '', body: '' }), weight: 3 },
  {
    arbitrary: fc
      .constantFrom('', 'abc', 'abcde', 'GET / HTTP/1.1\r\n\r\n')
      .map((body) => ({ lines: `Content-Length: ${body.length}\r\n`, body })),
    weight: 2,
  },
  { arbitrary: chunkedBody.map((body) => ({ lines: 'Transfer-Encoding: chunked\r\n', body })), weight: 3 },
  {
    arbitrary: fc.tuple(framingField, fc.oneof(fc.constantFrom('', 'abc', 'abcde'), chunkedBody)).map(([lines, body]) => ({ lines, body })),
    weight: 3,
  },
  {
    arbitrary: fc
      .tuple(framingField, framingField, fc.oneof(fc.constantFrom('', 'abc', 'abcde'), chunkedBody))
      .map(([first, second, body]) => ({ lines: first + second, body })),
    weight: 1,
  },
);

const fieldLines = (framing: Framed, ...extra: fc.Arbitrary<string>[]): fc.Arbitrary<string> =>
  fc
    .tuple(
      fc.tuple(...extra),
      fc.array(fc.oneof({ arbitrary: ordinaryField, weight: 3 }, { arbitrary: hopField, weight: 2 }), { maxLength: 3 }),
      noise,
      fc.nat(5),
    )
    .map(([first, others, odd, place]) => {
      const lines = [...first, ...others, odd];
      lines.splice(place, 0, framing.lines);
      return lines.join('');
    });

const hostField = fc.oneof(
  { arbitrary: named('Host', hostValue), weight: 20 },
  { arbitrary: fc.constant(''), weight: 1 },
  { arbitrary: fc.constant('Host: a\r\nHost: a\r\n'), weight: 1 },
);

const request = framed.chain((framing) =>
  fc
    .tuple(method, space, target, space, requestVersion, lineEnd, fieldLines(framing, hostField), lineEnd)
    .map((parts) => parts.join('') + framing.body),
);

const between = mostly([''], ['\r\n', '\n', '\r', '\r\n\r\n', '\r\n\r\n\r\n', ' ', '\0'], 16);

const answerVersion = mostly(
  ['HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0'],
  ['HTTP/1.2', 'HTTP/2.0', 'HTTP/0.9', 'http/1.1', 'HTTP/11', 'ICY', 'RTSP/1.0', '', 'HTTP/1.', 'HTTP/ 1.1', '\r\nHTTP/1.1'],
  20,
);
const status = mostly(
  ['200', '404', '204', '304', '100', '103'],
  ['101', '205', '099', '20', '2000', '20a', '', '000', '999', '+20', ' 20', '600', '2 0'],
  16,
);
const reason = mostly([' OK', ' Not Found', ' '], ['', 'OK', '\tOK', ' \x80', ' a\tb', ' a\0', ' a\rb', ' \x7f', '  OK', ' OK '], 10);
const answer = framed.chain((framing) =>
  fc.tuple(answerVersion, space, status, reason, lineEnd, fieldLines(framing), lineEnd).map((parts) => parts.join('') + framing.body),
);

/** Bytes that mean something to a parser, or look as if they did. */
const telling = '\r\n\0 \t:;,"\\\x0b\x0c\x7f\x80\x85\xa0\xff0123456789aAfFgGxX+-_=#?/@*';

interface Change {
  readonly kind: 'replace' | 'insert' | 'remove' | 'repeat' | 'flip';
  readonly place: number;
  readonly with: string;
  readonly length: number;
}

const change: fc.Arbitrary<Change> = fc.record({
  kind: fc.constantFrom('replace', 'insert', 'remove', 'repeat', 'flip'),
  place: fc.nat(100_000),
  with: fc.constantFrom(...telling.split('')),
  length: fc.oneof({ arbitrary: fc.constant(1), weight: 3 }, { arbitrary: fc.integer({ min: 2, max: 30 }), weight: 1 }),
});

function changed(text: string, changes: readonly Change[]): string {
  for (const { kind, place, with: character, length } of changes) {
    const at = place % (text.length + 1);
    const before = text.slice(0, at);
    const after = text.slice(at);
    if (kind === 'insert') text = before + character + after;
    else if (kind === 'replace') text = before + character + after.slice(1);
    else if (kind === 'remove') text = before + after.slice(length);
    else if (kind === 'repeat') text = before + after.slice(0, length) + after;
    else text = before + String.fromCharCode((after.charCodeAt(0) || 0) ^ (1 << (length & 7))) + after.slice(1);
  }
  return latin1(text);
}

/** One character is one byte. */
const latin1 = (text: string): string => Buffer.from(text, 'latin1').toString('latin1');

const changes = fc.oneof(
  { arbitrary: fc.constant<Change[]>([]), weight: 2 },
  { arbitrary: fc.array(change, { minLength: 1, maxLength: 2 }), weight: 1 },
);

/** What a client sends on one connection. */
export const requestBytes: fc.Arbitrary<string> = fc
  .tuple(between, fc.array(fc.tuple(request, between), { minLength: 1, maxLength: 2 }), changes)
  .map(([before, requests, toChange]) => changed(before + requests.flat().join(''), toChange));

/** What a target sends on one connection. */
export const answerBytes: fc.Arbitrary<string> = fc
  .tuple(fc.array(answer, { minLength: 1, maxLength: 2 }), changes)
  .map(([answers, toChange]) => changed(answers.join(''), toChange));

export const chunkedBytes: fc.Arbitrary<string> = fc.tuple(chunkedBody, changes).map(([body, toChange]) => changed(body, toChange));

/** Where to cut what arrives; each is taken modulo the length. */
export const cuts: fc.Arbitrary<number[]> = fc.array(fc.nat(100_000), { maxLength: 6 });
