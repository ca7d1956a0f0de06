/**
 * How many different clients were seen, in a small sketch that workers can send and that can be merged: HyperLogLog (Flajolet, Fusy,
 * Gandouet and Meunier, 2007) with linear counting while few registers are used. 1,024 registers: about 3% off (1.04 / √1024), 1 KiB.
 */
import { mixBits } from './hash.ts';

export const clientRegisters = 1024;

/** The first bits of a hash choose the register; the rank of the rest, at most 23, is what the register keeps the maximum of. */
const indexBits = 10;

/**
 * Notes a client by the hash of its key (32 bits, as `hashText` gives them; slots are cut from the same hash, so it is mixed again: the
 * clients of one pool differ in what is left).
 */
export function noteClient(registers: Uint8Array, hash: number): void {
  const mixed = mixBits(hash);
  const register = mixed >>> (32 - indexBits);
  // The bit behind the last stops the count of zeros.
  const rank = Math.clz32((mixed << indexBits) | (1 << (indexBits - 1))) + 1;
  if (registers[register]! < rank) registers[register] = rank;
}

/** About how many different clients were noted, as a whole number. Of use up to some ten million: 32 bits do not tell more apart. */
export function countClients(registers: Uint8Array): number {
  let unused = 0;
  let sum = 0;
  for (const rank of registers) {
    if (rank === 0) unused += 1;
    sum += 2 ** -rank;
  }
  const estimate = (bias * clientRegisters * clientRegisters) / sum;
  if (estimate > linearUpTo || unused === 0) return Math.round(estimate);
  return Math.round(clientRegisters * Math.log(clientRegisters / unused));
}

/** As in the paper: what corrects the harmonic mean for this many registers, and where linear counting ends. */
const bias = 0.7213 / (1 + 1.079 / clientRegisters);
const linearUpTo = 2.5 * clientRegisters;

/** The sketch of the clients that any of these have seen. */
export function mergeClients(sketches: readonly Uint8Array[]): Uint8Array | undefined {
  const [first, ...others] = sketches;
  if (first === undefined) return undefined;
  const merged = Uint8Array.from(first);
  for (const other of others) for (const [index, rank] of other.entries()) merged[index] = Math.max(merged[index]!, rank);
  return merged;
}
