/**
 * Hostile but valid input must cost what its length costs, not its square. Each case is run at a size and at eight times that size, in
 * turns; of each the quickest run counts, and there are more turns while the ratio looks bad, because a busy machine can only make a run
 * slower. What grows by the square never comes near: it takes 64 times as long, not 8.
 */
import { expect, test } from 'vitest';
import { ChunkedDecoder } from '../../../proxy/http1/chunked.ts';
import { Http1RequestHead } from '../../../proxy/http1/request-head.ts';
import { Http1ResponseHead } from '../../../proxy/http1/response-head.ts';
import { bytes } from './reading.ts';

const limits = { headBytes: 1 << 20, fields: 100_000 };
const smallBytes = 16_384;
const factor = 8;
const perByteMax = 3;

function requestWith(...fields: string[]): () => void {
  const buffer = bytes(`POST / HTTP/1.1\r\nHost: a\r\n${fields.join('\r\n')}\r\n`);
  const head = new Http1RequestHead();
  return () => {
    head.parse(buffer, 0, buffer.length, limits);
    head.cookie('none');
    head.header('none');
  };
}

function answerWith(...fields: string[]): () => void {
  const buffer = bytes(`HTTP/1.1 200 OK\r\n${fields.join('\r\n')}\r\n`);
  const head = new Http1ResponseHead();
  return () => void head.parse(buffer, 0, buffer.length, limits.fields, false);
}

/** `pieceBytes` at a time; 0 = in one piece. */
function chunked(text: string, pieceBytes = 0): () => void {
  const pieces: Buffer[] = [];
  const step = pieceBytes === 0 ? text.length : pieceBytes;
  for (let from = 0; from < text.length; from += step) pieces.push(bytes(text.slice(from, from + step)));
  const decoder = new ChunkedDecoder();
  const sink = { onBodySlice: () => {} };
  return () => {
    decoder.begin(1 << 20, limits.fields);
    for (const piece of pieces) decoder.decode(piece, 0, sink);
  };
}

const times = (text: string, size: number): string => text.repeat(Math.floor(size / text.length));
const list = (size: number, item: (index: number) => string): string[] => Array.from({ length: size >> 3 }, (_, index) => item(index));

test.each<[string, (size: number) => () => void]>([
  ['thousands of Connection options', (size) => requestWith(`Connection: ${list(size, (index) => `x${index}`).join(',')}`)],
  [
    'the same, with as many fields',
    (size) => requestWith(`Connection: ${list(size, (index) => `x${index}`).join(',')}`, ...list(size, (index) => `x${index}: y`)),
  ],
  ['thousands of Connection fields', (size) => requestWith(...list(size, (index) => `Connection: x${index}`))],
  ['commas in Connection', (size) => requestWith(`Connection: ${times(',', size)}`)],
  ['blanks in Connection', (size) => requestWith(`Connection: ${times(' ', size)}x${times(' ', size)}`)],
  ['blanks and tabs around a value', (size) => requestWith(`X: ${times(' \t', size)}x${times('\t ', size)}`)],
  ['blanks around a Content-Length', (size) => requestWith(`Content-Length: ${times(' ', size)}1${times(' ', size)}`)],
  ['thousands of Upgrade fields', (size) => requestWith('Connection: upgrade', ...list(size, () => 'Upgrade: x'))],
  ['thousands of Expect fields', (size) => requestWith(...list(size, () => 'Expect: x'))],
  ['thousands of dropped fields between kept ones', (size) => requestWith(...list(size, () => 'TE: x\r\na: b'))],
  ['thousands of short fields', (size) => requestWith(...list(size, () => 'a:'))],
  ['a long field name', (size) => requestWith(`${times('a', size)}: b`)],
  ['names that begin like ours', (size) => requestWith(...list(size, () => 'x-sluic: b'))],
  ['thousands of cookies', (size) => requestWith(`Cookie: ${times('a=b; ', size)}`)],
  ['thousands of Cookie fields', (size) => requestWith(...list(size, () => 'Cookie: a=b'))],
  ['semicolons in Cookie', (size) => requestWith(`Cookie: ${times(';', size)}`)],
  ['blanks in Keep-Alive', (size) => answerWith(`Keep-Alive: ${times('timeout  ', size)}`)],
  ['almost a Keep-Alive', (size) => answerWith(`Keep-Alive: timeout${times(' ', size)}=${times(' ', size)}x`)],
  ['many Keep-Alive fields that differ', (size) => answerWith(...list(size, (index) => `Keep-Alive: timeout ${index}`))],
  ['many lines with a length that a 204 must lose', (size) => answerWith(...list(size, () => 'content-lengt: 1'))],
  ['trailers in one piece', (size) => chunked(`0\r\n${times('a: b\r\n', size)}\r\n`)],
  ['trailers byte by byte', (size) => chunked(`0\r\n${times('a: b\r\n', size)}\r\n`, 1)],
  ['a long trailer byte by byte', (size) => chunked(`0\r\na: ${times('b', size)}\r\n\r\n`, 1)],
  ['a trailer of empty-looking lines', (size) => chunked(`0\r\nx${times('\r\r\n', size)}`, 7)],
  ['chunks of one byte', (size) => chunked(`${times('1\r\na\r\n', size)}0\r\n\r\n`)],
  ['chunks of one byte, byte by byte', (size) => chunked(`${times('1\r\na\r\n', size)}0\r\n\r\n`, 1)],
  ['a large chunk, byte by byte', (size) => chunked(`${size.toString(16)}\r\n${times('a', size)}\r\n0\r\n\r\n`, 1)],
])('%s cost in proportion', (_, make) => {
  const small = make(smallBytes);
  const large = make(smallBytes * factor);
  expect(leastRatio(large, small, factor * perByteMax)).toBeLessThan(factor * perByteMax);
});

test('extensions, which are bounded, cost at most what their bounds allow', () => {
  const nested = (extension: string): (() => void) => chunked(`${times(`1${extension}\r\na\r\n`, 16_384)}0\r\n\r\n`);
  const plain = nested(`;${'a'.repeat(200)}`);
  for (const extension of [
    ';a'.repeat(100),
    `;a="${'\\"'.repeat(95)}"`,
    `;a="${'b'.repeat(190)}`,
    `${';a=b'.repeat(48)};`,
    `;${'a'.repeat(198)}=`,
  ]) {
    expect(leastRatio(nested(extension), plain, 10)).toBeLessThan(10);
  }
});

test('a head that is valid but for its last byte costs what a valid one costs', () => {
  const valid = requestWith(...list(32_768, () => 'a: b'), `X: ${times('y', 32_768)}`);
  const invalid = requestWith(...list(32_768, () => 'a: b'), `X: ${times('y', 32_768)}\0`);
  expect(leastRatio(invalid, valid, 3)).toBeLessThan(3);
});

/** How many times as long as `reference` `run` takes; measured until that is below `limit`, or there is no more hope. */
function leastRatio(run: () => void, reference: () => void, limit: number): number {
  let runMs = Infinity;
  let referenceMs = Infinity;
  for (let round = 0; round < 100; round++) {
    referenceMs = Math.min(referenceMs, elapsedMs(reference));
    runMs = Math.min(runMs, elapsedMs(run));
    if (round >= 5 && runMs / referenceMs < limit) break;
  }
  return runMs / referenceMs;
}

function elapsedMs(run: () => void): number {
  const begun = performance.now();
  run();
  return performance.now() - begun;
}
