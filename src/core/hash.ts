const c1 = 0xcc9e2d51;
const c2 = 0x1b873593;

/**
 * A 32-bit hash of text that is spread evenly and gives the same on every machine: MurmurHash3 x86_32 (Appleby) over UTF-16 code units,
 * the lower byte first. For telling clients and targets apart, not for secrets.
 * @param seed a 32-bit number: texts that meet under one seed do not meet under another
 * @returns 0 … 2³² − 1
 */
export function hashText(text: string, seed: number): number {
  const { length } = text;
  const pairs = length & ~1;
  let hash = seed | 0;
  for (let index = 0; index < pairs; index += 2) {
    hash ^= scramble(text.charCodeAt(index) | (text.charCodeAt(index + 1) << 16));
    hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0;
  }
  if (pairs < length) hash ^= scramble(text.charCodeAt(pairs));
  return mixBits(hash ^ (2 * length));
}

function scramble(block: number): number {
  const product = Math.imul(block, c1);
  return Math.imul((product << 15) | (product >>> 17), c2);
}

/** Spreads the bits of a 32-bit number, such that different numbers stay different: MurmurHash3's finaliser. */
export function mixBits(value: number): number {
  let mixed = value;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
