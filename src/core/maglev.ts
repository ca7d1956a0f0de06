import { hashText } from './hash.ts';

/** A short table is uneven and moves many keys; the paper's small one, a prime. */
const sizeMin = 65_537;
/** Entries for each target, so that the shares of equal ones differ by about 1%, as the paper has it. */
const entriesPerTarget = 100;
const offsetSeed = 0x6d61676c;
const skipSeed = 0x65762121;

/**
 * Which target a key belongs to: entry `hash % length` is an index in `ids` (Maglev hashing, Eisenbud et al., NSDI 2016, section 3.4). Every
 * target has an order of its own, by its id, in which it would like the entries; in turn, each takes the first that is still free. So it
 * has entries in proportion to its weight, to within about one, and when a target comes or goes few keys move that need not. Neither the
 * order of `ids` nor the machine matters.
 *
 * The turns of a round are by weight: one for the mean weight, two for twice of it, one every other round for half of it; and one in the
 * first round for everybody, so that the smallest is not left out. With `n` targets it costs about `100 n · ln(100 n)` steps.
 *
 * @param weights by target, non-negative; those of weight 0 have no entry
 * @returns of a prime length of at least 65,537 and 100 per target; empty where no weight is positive
 */
export function buildMaglev(ids: readonly string[], weights: readonly number[]): Uint16Array | Uint32Array {
  const takers = [...ids.keys()].filter((index) => weights[index]! > 0).toSorted((a, b) => (ids[a]! < ids[b]! ? -1 : 1));
  return takers.length === 0 ? new Uint16Array(0) : fill(takers, ids, weights);
}

function fill(takers: readonly number[], ids: readonly string[], weights: readonly number[]): Uint16Array | Uint32Array {
  const size = primeFrom(Math.max(sizeMin, entriesPerTarget * takers.length));
  const free = ids.length;
  const table = (free < 65_536 ? new Uint16Array(size) : new Uint32Array(size)).fill(free);
  const mean = takers.reduce((sum, index) => sum + weights[index]!, 0) / takers.length;
  const turns = Float64Array.from(takers, (index) => weights[index]! / mean);
  const credits = turns.map((perRound) => Math.max(0, 1 - perRound));
  const places = Uint32Array.from(takers, (index) => hashText(ids[index]!, offsetSeed) % size);
  const skips = Uint32Array.from(takers, (index) => 1 + (hashText(ids[index]!, skipSeed) % (size - 1)));

  for (let left = size; left > 0;) {
    for (let taker = 0; taker < takers.length; taker++) {
      credits[taker]! += turns[taker]!;
      const skip = skips[taker]!;
      let place = places[taker]!;
      for (; credits[taker]! >= 1 && left > 0; credits[taker]!--, left--) {
        while (table[place] !== free) place = (place + skip) % size;
        table[place] = takers[taker]!;
      }
      places[taker] = place;
    }
  }
  return table;
}

/** The first prime that is not less than `least`, which is above 2. */
function primeFrom(least: number): number {
  let candidate = least;
  while (!isPrime(candidate)) candidate++;
  return candidate;
}

function isPrime(number: number): boolean {
  for (let divisor = 2; divisor * divisor <= number; divisor++) if (number % divisor === 0) return false;
  return true;
}
