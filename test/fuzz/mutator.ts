import { telling } from './corpus.ts';

/** The longest message that is made; what grows beyond is cut. */
const bytesMax = 600;

/** Makes new messages of old ones. The same seed makes the same messages, on every machine. */
export class Mutator {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0 || 1;
  }

  /** An integer, 0 ≤ it < `below` (xorshift32: Marsaglia 2003; quick, and good enough to choose by). */
  next(below: number): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x >>> 0;
    return Math.floor((this.#state / 0x1_0000_0000) * below);
  }

  oneOf<T>(list: readonly T[]): T {
    return list[this.next(list.length)]!;
  }

  /** One of the corpus, as it is or changed in up to four places. */
  message(corpus: readonly string[]): string {
    let text = this.oneOf(corpus);
    for (let changes = this.next(5); changes > 0; changes--) text = this.#change(text, corpus);
    return text.slice(0, bytesMax);
  }

  /** Places where to cut a message of this length. */
  cuts(length: number): number[] {
    return Array.from({ length: 1 + this.next(4) }, () => this.next(length + 1));
  }

  #change(text: string, corpus: readonly string[]): string {
    const at = this.next(text.length + 1);
    const before = text.slice(0, at);
    const after = text.slice(at);
    switch (this.next(9)) {
      case 0:
        return before + this.oneOf(telling) + after;
      case 1:
        return before + this.oneOf(telling) + after.slice(1);
      case 2:
        return before + after.slice(1 + this.next(3));
      case 3:
        return before + after.slice(0, 1 + this.next(12)) + after;
      case 4:
        return before + String.fromCharCode((after.charCodeAt(0) || 0) ^ (1 << this.next(8))) + after.slice(1);
      case 5: {
        const other = this.oneOf(corpus);
        return before + other.slice(this.next(other.length + 1));
      }
      case 6:
        return this.#moveLine(text);
      case 7:
        return before + String.fromCharCode(this.next(256)) + after;
      default:
        return this.#insertLine(text);
    }
  }

  /** A line is repeated somewhere else, or moved there. */
  #moveLine(text: string): string {
    const lines = text.split('\r\n');
    const from = this.next(lines.length);
    const line = lines[from]!;
    if (this.next(2) === 0) lines.splice(from, 1);
    lines.splice(this.next(lines.length + 1), 0, line);
    return lines.join('\r\n');
  }

  /** Whatever stands at the beginning of a line has the best chance to be understood. */
  #insertLine(text: string): string {
    const ends = [...text.matchAll(/\r\n/g)].map(({ index }) => index + 2);
    const at = ends.length === 0 ? 0 : this.oneOf(ends);
    return text.slice(0, at) + this.oneOf(telling) + text.slice(at);
  }
}

/** The shortest text that can be reached by taking pieces out, halves first, and that still fails. */
export function shrink(text: string, fails: (text: string) => boolean): string {
  for (let size = text.length >> 1; size > 0; size >>= 1) {
    for (let from = 0; from < text.length;) {
      const shorter = text.slice(0, from) + text.slice(from + size);
      if (fails(shorter)) text = shorter;
      else from += size;
    }
  }
  return text;
}
