import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { BodyReader } from '../../../proxy/http1/body.ts';
import { bytes, cutAt } from './reading.ts';

/** Reads two messages' bodies from one connection, as one reader does. */
function read(begin: (body: BodyReader) => void, pieces: readonly Buffer[]): { data: string; slices: number; done: boolean; rest: string } {
  const body = new BodyReader();
  begin(body);
  let data = '';
  let slices = 0;
  let rest = '';
  const sink = {
    onBodySlice(slice: Buffer) {
      expect(slice.length).toBeGreaterThan(0);
      data += slice.toString('latin1');
      slices++;
    },
  };
  for (const piece of pieces) {
    const used = body.read(piece, 0, sink);
    rest += piece.toString('latin1', used);
    piece.fill(0x5a);
  }
  return { data, slices, done: body.done, rest };
}

test('a body of a known length is done with its last byte, wherever it is cut', () => {
  fc.assert(
    fc.property(fc.nat(20), fc.nat(40), fc.array(fc.nat(40)), (length, sent, places) => {
      const text = Array.from({ length: sent }, (_, index) => String.fromCharCode(32 + index)).join('');
      const { data, done, rest } = read(
        (body) => body.beginLength(length),
        cutAt(
          text,
          places.map((place) => Math.min(place, sent)),
        ),
      );
      expect({ data, done, rest }).toEqual({ data: text.slice(0, length), done: sent >= length, rest: text.slice(length) });
    }),
  );
});

test('no body takes no byte, and one until the close takes all', () => {
  expect(read((body) => body.beginNone(), [bytes('abc')])).toEqual({ data: '', slices: 0, done: true, rest: 'abc' });
  expect(read((body) => body.beginUntilClose(), cutAt('abcdef', [2]))).toEqual({ data: 'abcdef', slices: 2, done: false, rest: '' });
});

test('a body begins where its head ended', () => {
  const buffer = bytes('headabctail');
  const seen: string[] = [];
  const sink = { onBodySlice: (slice: Buffer) => void seen.push(slice.toString()) };
  const body = new BodyReader();
  body.beginLength(3);
  expect(body.read(buffer, 4, sink)).toBe(7);
  body.beginNone();
  expect(body.read(buffer, 7, sink)).toBe(7);
  body.beginUntilClose();
  expect(body.read(buffer, 7, sink)).toBe(11);
  expect(body.read(buffer, 11, sink)).toBe(11);
  expect(seen).toEqual(['abc', 'tail']);
});

test('one reader serves bodies of every kind, one after the other', () => {
  const body = new BodyReader();
  const sink = { onBodySlice: () => {} };
  body.beginChunked(100, 4);
  expect([body.done, body.bytesLeft]).toEqual([false, Infinity]);
  body.read(bytes('zz'), 0, sink);
  expect(body.failed).toBe(true);

  body.beginLength(2);
  expect([body.done, body.failed, body.trailers, body.bytesLeft]).toEqual([false, false, '', 2]);
  body.read(bytes('a'), 0, sink);
  expect(body.bytesLeft).toBe(1);

  body.beginChunked(100, 4);
  expect([body.done, body.failed]).toEqual([false, false]);
  body.read(bytes('0\r\nx: y\r\n\r\n'), 0, sink);
  expect([body.done, body.trailers, body.bytesLeft]).toEqual([true, 'x: y\r\n', 0]);

  body.beginNone();
  expect([body.done, body.failed, body.trailers, body.bytesLeft]).toEqual([true, false, '', 0]);

  body.beginUntilClose();
  expect([body.done, body.failed, body.bytesLeft]).toEqual([false, false, Infinity]);
});
