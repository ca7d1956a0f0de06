import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ChunkedDecoder } from '../../../proxy/http1/chunked.ts';
import { chunkedBytes } from './messages.ts';
import { nodeReadsRequests } from './node-parser.ts';
import { bytes, cutAt } from './reading.ts';

interface Decoded {
  readonly data: string;
  readonly outcome: 'done' | 'failed' | 'waiting';
  readonly trailers: string;
  /** What was not used. */
  readonly rest: string;
}

const trailerBytesMax = 200;

function decode(pieces: readonly Buffer[]): Decoded {
  const decoder = new ChunkedDecoder();
  decoder.begin(trailerBytesMax, 4);
  let data = '';
  let rest = '';
  for (const piece of pieces) {
    const used =
      decoder.done || decoder.failed ? 0 : decoder.decode(piece, 0, { onBodySlice: (slice) => void (data += slice.toString('latin1')) });
    rest += piece.toString('latin1', used);
    piece.fill(0x5a);
  }
  const outcome = decoder.failed ? 'failed' : decoder.done ? 'done' : 'waiting';
  // Of a body that failed nothing can be said.
  return outcome === 'failed' ? { data, outcome, trailers: '', rest: '' } : { data, outcome, trailers: decoder.trailers, rest };
}

const decodeText = (text: string): Decoded => decode([bytes(text)]);
const outcomeOf = (text: string): string => decodeText(text).outcome;

describe('RFC 9112 section 7.1: chunks', () => {
  test.each([
    ['0\r\n\r\n', ''],
    ['1\r\na\r\n0\r\n\r\n', 'a'],
    ['3\r\nabc\r\n02\r\nde\r\n0\r\n\r\n', 'abcde'],
    ['a\r\n0123456789\r\nA\r\n0123456789\r\n000\r\n\r\n', '01234567890123456789'],
    ['0000000000003\r\nabc\r\n0000000000000\r\n\r\n', 'abc'],
    ['7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n', '\r\n0\r\n\r\n'],
  ])('%j is %j', (text, data) => {
    expect(decodeText(text)).toEqual({ data, outcome: 'done', trailers: '', rest: '' });
  });

  test('what follows the body is left alone', () => {
    expect(decodeText('1\r\na\r\n0\r\n\r\nGET / HTTP/1.1\r\n')).toMatchObject({ data: 'a', rest: 'GET / HTTP/1.1\r\n' });
  });

  // oxfmt-ignore
  test.each([
    // Sizes are hexadecimal digits and nothing else …
    '\r\n', 'g\r\n', '-1\r\na\r\n', '+1\r\na\r\n', ' 1\r\na\r\n', '\t1\r\na\r\n', '1 \r\na\r\n', '1\t\r\na\r\n', '0x1\r\na\r\n',
    '1h\r\na\r\n', '1.0\r\na\r\n', '1_0\r\na', '"1"\r\na\r\n', '1\0\r\na\r\n', '1\x0b\r\na\r\n', '\xb9\r\na\r\n', '1,1\r\na\r\n',
    "1'\r\na\r\n", '\0',
    // … that can be counted exactly …
    '00000000000001\r\na\r\n', '10000000000000\r\na', 'ffffffffffffffff\r\na', '10000000000000001\r\na\r\n', '100000001\u0000\r\n',
    // … and line ends are CRLF, where they belong.
    '1\na\r\n', '1\ra\r\n', '1\r\r\na\r\n', '1\n\ra\r\n', '1\r\na\n', '1\r\na\r1', '1\r\nab\r\n', '1\r\na0\r\n\r\n', '1\r\na\r\n\r\n',
    '2\r\na\r\n0\r\n', '\r\n1\r\na\r\n', '\n0\r\n\r\n', '0\n\r\n', '0\r\r\n', '1\r\n\r\n\r\na\r\n',
  ])('%j is refused', (text) => {
    expect(outcomeOf(`${text}${text.endsWith('\r\n') ? '0\r\n\r\n' : '\r\n0\r\n\r\n'}`)).toBe('failed');
  });

  // oxfmt-ignore
  test.each([
    '', '1', '1\r', '1\r\n', '1\r\na', '1\r\na\r', '1\r\na\r\n', '1\r\na\r\n0', '0\r\n', '0\r\n\r', '0\r\nx', '0\r\nx: y\r\n',
    '0\r\nx: y\r\n\r', '1;a',
  ])('after %j there is more to come', (text) => {
    expect(outcomeOf(text)).toBe('waiting');
  });
});

describe('RFC 9112 section 7.1.1: extensions', () => {
  // oxfmt-ignore
  test.each([
    ';a', ';a=b', ';a="b"', ';a;b=c;d="e"', ';a=""', ';a="\\""', ';a="\\\\"', ';a=";,=\t"', ';a="\x80"', ';a="\\\xff"',
    ";!#$%&'*+-.^_`|~=a",
  ])('%j is read over', (extension) => {
    expect(decodeText(`1${extension}\r\na\r\n0${extension}\r\n\r\n`)).toEqual({ data: 'a', outcome: 'done', trailers: '', rest: '' });
  });

  // oxfmt-ignore
  test.each([
    ';', ';;', ';a;', ';a=', ';=b', ';a==b', ';a=b=c', ';a=b"c"', ';a="b"c', ';a="', ';a="b', ';a="\\"', ';a="\\', ';"a"', ';a,b', '=b',
    ',a',
    // White space around the signs is only "bad" to the RFC; Node refuses it as well.
    '; a', ' ;a', ';a =b', ';a= b', ';a ', ';a="b" ', ';a\t', ';a b', ';a\n', ';a="\n"', ';a="\r\n"', ';a\r', ';a\0', ';a="\0"',
    ';a="\x7f"', ';a="\\\x01"', ';\x80', ';a=\x80', ';a="b\n0\r\n\r\n"',
  ])('%j is refused', (extension) => {
    expect(outcomeOf(`1${extension}\r\na\r\n0\r\n\r\n`)).toBe('failed');
    expect(outcomeOf(`0${extension}\r\n\r\n`)).toBe('failed');
  });

  test('one line may be 256 bytes long, and all of a body together 16 KiB', () => {
    const longest = `;${'a'.repeat(255)}`;
    expect(outcomeOf(`1${longest}\r\na\r\n0\r\n\r\n`)).toBe('done');
    expect(outcomeOf(`1${longest}a\r\na\r\n0\r\n\r\n`)).toBe('failed');
    const chunks = `1${longest}\r\na\r\n`.repeat(64);
    expect(outcomeOf(`${chunks}0\r\n\r\n`)).toBe('done');
    expect(outcomeOf(`${chunks}0${longest}\r\n\r\n`)).toBe('failed');
  });
});

describe('RFC 9112 section 7.1.2: trailers', () => {
  test('those that say nothing of framing, routing or control are kept', () => {
    const lines = 'x-checksum: 1\r\nServer-Timing: a\r\nETag:"b"\r\n';
    expect(decodeText(`0\r\n${lines}\r\nrest`)).toEqual({ data: '', outcome: 'done', trailers: lines, rest: 'rest' });
  });

  // oxfmt-ignore
  test.each([
    'Host', 'Authorization', 'Cookie', 'Set-Cookie', 'Content-Type', 'Content-Encoding', 'Trailer', 'TE', 'Upgrade', 'Expect', 'Range',
    'Cache-Control', 'X-Forwarded-For', 'Forwarded', 'Via', 'Keep-Alive', 'Proxy-Connection', 'X-Sluice-Pool', 'If-Match', 'Location',
    'X-Request-Id', 'traceparent', 'tracestate',
  ])('RFC 9110 section 6.5.1: %s is dropped', (name) => {
    expect(decodeText(`0\r\na: 1\r\n${name}: x\r\nb: 2\r\n\r\n`)).toMatchObject({ outcome: 'done', trailers: 'a: 1\r\nb: 2\r\n' });
  });

  // oxfmt-ignore
  test.each([
    // About framing: somebody wants two parsers to disagree.
    'Content-Length: 5', 'content-length: 0', 'Transfer-Encoding: chunked', 'Connection: close', 'CONNECTION: x', 'x', ' x: y', 'x : y',
    ': y', 'x: \0', 'x: a\rb', 'x: a\nb', 'x: a\r\n b', '\t', 'x\r\ny: z',
  ])('%j is refused', (line) => {
    expect(outcomeOf(`0\r\n${line}\r\n\r\n`)).toBe('failed');
    expect(outcomeOf(`0\r\na: b\r\n${line}\r\n\r\n`)).toBe('failed');
  });

  test('the section is bounded, to the byte and wherever it is cut', () => {
    const longest = `0\r\nx: ${'y'.repeat(trailerBytesMax - 5)}\r\n\r\n`;
    const tooLong = `0\r\nx: ${'y'.repeat(trailerBytesMax - 4)}\r\n\r\n`;
    for (let place = 0; place <= longest.length; place++) {
      expect(decode(cutAt(longest, [place])).outcome).toBe('done');
      expect(decode(cutAt(tooLong, [place])).outcome).toBe('failed');
    }
    expect(outcomeOf(`0\r\n${'a:b\r\n'.repeat(4)}\r\n`)).toBe('done');
    expect(outcomeOf(`0\r\n${'a:b\r\n'.repeat(5)}\r\n`)).toBe('failed');
    expect(outcomeOf(`0\r\n${'y'.repeat(trailerBytesMax + 2)}`)).toBe('failed');
  });
});

test('the decoder begins anew, whatever became of the body before', () => {
  const decoder = new ChunkedDecoder();
  const sink = { onBodySlice: () => {} };
  for (const before of ['1;a', '5\r\nab', 'x', '0\r\nx: y\r\n\r', '0\r\nx: y\r\n\r\n', 'ffffffffffffff']) {
    decoder.begin(100, 4);
    decoder.decode(bytes(before), 0, sink);
    decoder.begin(100, 4);
    expect(decoder.decode(bytes('1\r\na\r\n0\r\n\r\n'), 0, sink)).toBe(11);
    expect(decoder).toMatchObject({ done: true, failed: false, trailers: '' });
  }
});

const runs = Number(process.env['SLUICE_FUZZ_RUNS'] ?? 10_000);

test('a body is read the same wherever it is cut in two, and byte by byte', { timeout: Math.max(60_000, runs * 10) }, () => {
  fc.assert(
    fc.property(chunkedBytes, (text) => {
      const whole = decodeText(text);
      for (let place = 1; place < text.length; place++) expect(decode(cutAt(text, [place]))).toEqual(whole);
      expect(decode(cutAt(text, [...Array(text.length).keys()]))).toEqual(whole);
    }),
    { numRuns: runs / 10 },
  );
});

test('what we decode is what Node decodes', { timeout: Math.max(60_000, runs * 2) }, () => {
  const head = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n';
  let done = 0;
  fc.assert(
    fc.property(chunkedBytes, (text) => {
      const ours = decodeText(text);
      const [message] = nodeReadsRequests(bytes(head + text)).messages;
      expect(message?.body.startsWith(ours.data)).toBe(true);
      if (ours.outcome !== 'done') return;
      done++;
      expect(message).toMatchObject({ complete: true, body: ours.data });
    }),
    { numRuns: runs },
  );
  expect(done).toBeGreaterThan(runs / 8);
});
