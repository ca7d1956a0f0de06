import { assert, property, string, nat } from 'fast-check';
import { expect, test } from 'vitest';
import { hashText, mixBits } from '../../src/core/hash.ts';

/** MurmurHash3 x86_32 as its reference has it, byte by byte and with whole numbers of any size. */
function murmur(bytes: Uint8Array, seed: number): number {
  const times = (a: bigint, b: bigint): bigint => BigInt.asUintN(32, a * b);
  const rotate = (value: bigint, by: bigint): bigint => BigInt.asUintN(32, (value << by) | (value >> (32n - by)));
  let hash = BigInt.asUintN(32, BigInt(seed));
  for (let start = 0; start < bytes.length; start += 4) {
    const block = bytes.slice(start, start + 4).reduce((sum, byte, index) => sum + (BigInt(byte) << BigInt(8 * index)), 0n);
    hash ^= times(rotate(times(block, 0xcc9e2d51n), 15n), 0x1b873593n);
    if (start + 4 <= bytes.length) hash = BigInt.asUintN(32, rotate(hash, 13n) * 5n + 0xe6546b64n);
  }
  hash ^= BigInt(bytes.length);
  hash = times(hash ^ (hash >> 16n), 0x85ebca6bn);
  hash = times(hash ^ (hash >> 13n), 0xc2b2ae35n);
  return Number(hash ^ (hash >> 16n));
}

const published = [
  { text: '', seed: 0, hash: 0 },
  { text: '', seed: 1, hash: 0x514e28b7 },
  { text: '', seed: 0xffffffff, hash: 0x81f16f39 },
  { text: '\uffff\uffff', seed: 0, hash: 0x76293b50 },
  { text: '\u4321\u8765', seed: 0, hash: 0xf55b516b },
  { text: '\u4321\u8765', seed: 0x5082edee, hash: 0x2362f9de },
  { text: '\u4321', seed: 0, hash: 0xa0f7b07a },
  { text: '\0\0', seed: 0, hash: 0x2362f9de },
  { text: '\0', seed: 0, hash: 0x30f4c306 },
];

test.each(published)('the published vector $text, seed $seed, hashes to $hash', ({ text, seed, hash }) => {
  expect(hashText(text, seed)).toBe(hash);
});

test('the naive version gives the published hash of bytes', () => {
  expect(murmur(Buffer.from('Hello, world!'), 0x9747b28c)).toBe(0x24884cba);
});

test('any text hashes as its code units do, byte by byte', () => {
  assert(
    property(string({ unit: 'binary' }), nat(0xffffffff), (text, seed) => {
      expect(hashText(text, seed)).toBe(murmur(Buffer.from(text, 'utf16le'), seed));
    }),
    { numRuns: 200 },
  );
});

test('neighbouring texts spread evenly over high bits and low bits', () => {
  const high = new Uint32Array(256);
  const low = new Uint32Array(256);
  const texts = 256 * 1000;
  for (let n = 0; n < texts; n++) {
    const hash = hashText(`user-${n}`, 7);
    high[hash >>> 24]! += 1;
    low[hash & 255]! += 1;
  }
  // Chi square with 255 degrees of freedom: mean 255, deviation 22.6; five deviations are allowed.
  for (const buckets of [high, low]) {
    const chiSquare = buckets.reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0);
    expect(Math.abs(chiSquare - 255)).toBeLessThan(5 * 22.6);
  }
});

test('different seeds have nothing to do with each other', () => {
  let same = 0;
  for (let n = 0; n < 65_536; n++) if (hashText(`user-${n}`, 1) >>> 24 === hashText(`user-${n}`, 2) >>> 24) same += 1;
  // 256 are expected by chance, give or take 16.
  expect(Math.abs(same - 256)).toBeLessThan(80);
});

test('mixed bits are a 32-bit number, and different numbers stay different', () => {
  const seen = new Set(Array.from({ length: 100_000 }, (_, n) => mixBits(Math.imul(n, 42_949))));
  expect(seen.size).toBe(100_000);
  expect([...seen].filter((mixed) => mixed >>> 0 !== mixed)).toEqual([]);
});
