import { array, assert, nat, property } from 'fast-check';
import { expect, test } from 'vitest';
import { clientRegisters, countClients, mergeClients, noteClient } from '../../src/core/clients.ts';
import { hashText } from '../../src/core/hash.ts';

function sketch(hashes: Iterable<number>): Uint8Array {
  const registers = new Uint8Array(clientRegisters);
  for (const hash of hashes) noteClient(registers, hash);
  return registers;
}

function* clients(count: number, seed: number): Generator<number> {
  for (let n = 0; n < count; n++) yield hashText(`client-${n}`, seed);
}

/** By how much a count is off, as a share, in each of several runs with other clients. */
const errors = (count: number, runs: number): number[] =>
  Array.from({ length: runs }, (_, seed) => countClients(sketch(clients(count, seed))) / count - 1);

test('nobody is nobody, one is one, and the same one again is still one', () => {
  const registers = new Uint8Array(clientRegisters);
  expect(countClients(registers)).toBe(0);
  for (let times = 0; times < 100; times++) noteClient(registers, 0x12345678);
  expect(countClients(registers)).toBe(1);
});

test.each([10, 100])('%i clients are counted to within one in ten', (count) => {
  for (const error of errors(count, 20)) expect(Math.abs(error)).toBeLessThanOrEqual(0.1);
});

// The deviation of one count is 3.25% at most; between linear counting and the rest the estimate is known to be a little high.
test.each([1000, 3000, 5000, 10_000, 100_000])('%i clients are counted to within 13%, and to within 3% on average', (count) => {
  const runs = errors(count, 20);
  for (const error of runs) expect(Math.abs(error)).toBeLessThan(0.13);
  expect(Math.abs(runs.reduce((sum, error) => sum + error, 0) / runs.length)).toBeLessThan(0.03);
});

test('a million clients are counted to within 13%', () => {
  expect(Math.abs(errors(1_000_000, 1)[0]!)).toBeLessThan(0.13);
});

test('clients of a small pool, whose hashes begin alike, are counted as well', () => {
  const alike = [...clients(400_000, 1)].filter((hash) => hash >>> 16 < 656);
  expect(Math.abs(countClients(sketch(alike)) / alike.length - 1)).toBeLessThan(0.13);
});

test('merged sketches are the sketch of all clients together, whoever saw whom', () => {
  assert(
    property(array(array(nat(0xffffffff)), { minLength: 1, maxLength: 5 }), (seen) => {
      const merged = mergeClients(seen.map(sketch));
      expect(merged).toEqual(sketch(seen.flat()));
    }),
  );
  expect(mergeClients([])).toBeUndefined();
});

test('merging leaves what is merged as it was', () => {
  const a = sketch([1, 2, 3]);
  const b = sketch([4, 5, 6]);
  mergeClients([a, b]);
  expect([a, b]).toEqual([sketch([1, 2, 3]), sketch([4, 5, 6])]);
});
