import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { closeFrame, FrameTracker } from '../../proxy/websocket-frames.ts';

interface Frame {
  readonly opcode: number;
  readonly final: boolean;
  readonly payload: number;
  readonly masked: boolean;
  /** How many bytes the length takes beside the seven bits; longer than needed is wrong, but leaves no doubt about where the frame ends. */
  readonly lengthBytes: 0 | 2 | 8;
}

function write({ opcode, final, payload, masked, lengthBytes }: Frame): Buffer {
  const length = Buffer.alloc(lengthBytes);
  if (lengthBytes === 2) length.writeUInt16BE(payload);
  if (lengthBytes === 8) length.writeBigUInt64BE(BigInt(payload));
  const short = lengthBytes === 0 ? payload : lengthBytes === 2 ? 126 : 127;
  // Payloads are full of what would be close frames if somebody took them for headers.
  const rest = Buffer.alloc((masked ? 4 : 0) + payload, Buffer.of(0x88, 0x00));
  return Buffer.concat([Buffer.of((final ? 0x80 : 0) | opcode, (masked ? 0x80 : 0) | short), length, rest]);
}

const dataFrames: fc.Arbitrary<Frame> = fc
  .record({ opcode: fc.constantFrom(0, 1, 2), final: fc.boolean(), masked: fc.boolean() })
  .chain((frame) =>
    fc
      .constantFrom<[0 | 2 | 8, number]>([0, 125], [2, 400], [8, 400])
      .chain(([lengthBytes, max]) => fc.oneof(fc.constant(0), fc.nat(max)).map((payload) => ({ ...frame, lengthBytes, payload }))),
  );
const controlFrames: fc.Arbitrary<Frame> = fc.record({
  opcode: fc.constantFrom(8, 9, 10),
  final: fc.constant(true),
  masked: fc.boolean(),
  lengthBytes: fc.constant(0 as const),
  payload: fc.oneof(fc.constant(0), fc.nat(125)),
});
const streams = fc.array(fc.oneof(dataFrames, controlFrames), { maxLength: 6 });

/** Where frames begin, and the end of the last; and where close frames end. Needs everything at once, which makes it easy. */
function naive(bytes: Buffer): { readonly boundaries: Set<number>; readonly closeEnds: number[]; readonly closeStarts: number[] } {
  const boundaries = new Set([0]);
  const [closeStarts, closeEnds]: [number[], number[]] = [[], []];
  let at = 0;
  while (at < bytes.length) {
    const short = bytes[at + 1]! & 0x7f;
    const length = short === 126 ? bytes.readUInt16BE(at + 2) : short === 127 ? Number(bytes.readBigUInt64BE(at + 2)) : short;
    const header = 2 + (short === 126 ? 2 : short === 127 ? 8 : 0) + (bytes[at + 1]! >= 0x80 ? 4 : 0);
    const isClose = (bytes[at]! & 0x0f) === 8;
    if (isClose) closeStarts.push(at);
    at += header + length;
    boundaries.add(at);
    if (isClose) closeEnds.push(at);
  }
  return { boundaries, closeStarts, closeEnds };
}

describe('a tracker of frames', () => {
  test('knows at every byte whether a frame is under way, and whether a close frame has passed', () => {
    fc.assert(
      fc.property(streams, (frames) => {
        const bytes = Buffer.concat(frames.map(write));
        const { boundaries, closeEnds } = naive(bytes);
        const tracker = new FrameTracker();
        expect(tracker.atBoundary).toBe(true);
        for (let at = 0; at < bytes.length; at++) {
          expect(tracker.follow(bytes.subarray(at, at + 1))).toBe(1);
          if (tracker.atBoundary !== boundaries.has(at + 1)) expect.fail(`wrong after ${at + 1} bytes`);
          if (tracker.closed !== closeEnds.some((end) => end <= at + 1)) expect.fail(`wrong about closing after ${at + 1} bytes`);
        }
        expect(tracker.malformed).toBe(false);
      }),
    );
  });

  test('stops at the first boundary from any place on, however the rest is split', () => {
    fc.assert(
      fc.property(streams, fc.nat(), fc.nat(), (frames, some, more) => {
        const bytes = Buffer.concat(frames.map(write));
        const begin = some % (bytes.length + 1);
        const split = begin + (more % (bytes.length - begin + 1));
        const expected = [...naive(bytes).boundaries].find((boundary) => boundary >= begin)!;
        const tracker = new FrameTracker();
        tracker.follow(bytes.subarray(0, begin));
        let at = begin + tracker.follow(bytes.subarray(begin, split), 'frame');
        if (!tracker.atBoundary) at += tracker.follow(bytes.subarray(split), 'frame');
        expect([at, tracker.atBoundary]).toEqual([expected, true]);
      }),
    );
  });

  test('stops before a close frame that begins, and not at one that is under way', () => {
    fc.assert(
      fc.property(streams, fc.nat(), (frames, some) => {
        const bytes = Buffer.concat(frames.map(write));
        const begin = some % (bytes.length + 1);
        const expected = naive(bytes).closeStarts.find((start) => start >= begin) ?? bytes.length;
        const tracker = new FrameTracker();
        tracker.follow(bytes.subarray(0, begin));
        expect(begin + tracker.follow(bytes.subarray(begin), 'close')).toBe(expected);
        expect(tracker.atBoundary).toBe(true);
      }),
    );
  });

  test('follows payloads of any length without having them', () => {
    const tracker = new FrameTracker();
    const length = Buffer.alloc(8);
    length.writeBigUInt64BE(2n ** 33n);
    tracker.follow(Buffer.concat([Buffer.of(0x82, 0xff), length, Buffer.alloc(4)]));
    const piece = Buffer.alloc(2 ** 25, 0x88);
    for (let sent = 0; sent < 2 ** 33; sent += piece.length) {
      expect(tracker.atBoundary).toBe(false);
      tracker.follow(piece);
    }
    expect([tracker.atBoundary, tracker.closed]).toEqual([true, false]);
  });

  test.each([
    ['a text', '8100'],
    ['a close frame from a client', '888201020304eeee'],
    ['compression (RSV1)', 'c100'],
    ['the largest control frame', `897d${'00'.repeat(125)}`],
  ])('takes %s for a frame', (_, hex) => {
    const tracker = new FrameTracker();
    tracker.follow(Buffer.from(hex, 'hex'));
    expect([tracker.malformed, tracker.atBoundary]).toEqual([false, true]);
  });

  test.each<readonly [string, string]>([
    ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode) => [`the opcode ${opcode}`, `8${opcode.toString(16)}`] as const),
    ['a close frame in parts', '08'],
    ['a ping in parts', '09'],
    ['a control frame that needs a longer length', '897e'],
    ['a control frame that needs the longest length', '88ff'],
    ['a length with its highest bit set', '827f8000000000000000'],
    ['a length that cannot be counted', '827f0020000000000000'],
  ])('gives up at %s, for good', (_, hex) => {
    const bytes = Buffer.from(hex, 'hex');
    for (const before of ['', '81026869']) {
      const tracker = new FrameTracker();
      tracker.follow(Buffer.from(before, 'hex'));
      for (const byte of bytes.subarray(0, -1)) tracker.follow(Buffer.of(byte));
      expect(tracker.malformed).toBe(false);
      tracker.follow(bytes.subarray(-1));
      for (const stop of ['end', 'frame', 'close'] as const) {
        expect(tracker.follow(Buffer.from('81008800', 'hex'), stop)).toBe(4);
        expect([tracker.malformed, tracker.atBoundary, tracker.closed]).toEqual([true, false, false]);
      }
    }
  });
});

describe('a close frame', () => {
  test('of a server has code and reason as they are', () => {
    expect(closeFrame(1012, 'service restart').toString('latin1')).toBe('\x88\x11\x03\xf4service restart');
  });

  test('of a client is masked with its key', () => {
    const key = Buffer.of(0x37, 0xfa, 0x21, 0x3d);
    const frame = closeFrame(1001, 'service restart', key);
    expect(frame.subarray(0, 6).toString('hex')).toBe('889137fa213d');
    const payload = frame.subarray(6).map((byte, index) => byte ^ key[index % 4]!);
    expect(Buffer.from(payload).toString('latin1')).toBe('\x03\xe9service restart');
  });

  test.each([undefined, Buffer.of(1, 2, 3, 4)])('is a frame (masking key %o)', (maskingKey) => {
    const tracker = new FrameTracker();
    const frame = closeFrame(1012, '', maskingKey);
    tracker.follow(frame.subarray(0, -1));
    expect([tracker.closed, tracker.atBoundary]).toEqual([false, false]);
    tracker.follow(frame.subarray(-1));
    expect([tracker.closed, tracker.atBoundary]).toEqual([true, true]);
  });
});
