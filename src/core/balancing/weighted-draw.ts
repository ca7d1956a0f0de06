/**
 * Draws indexes in proportion to weights, at the same small cost however many there are: the alias method (Walker 1977, in the form of Vose
 * 1991). The line from 0 to `count` has one place of length 1 for each index; what an index of small weight leaves of its place belongs to
 * one of large weight, its alias.
 */
export class WeightedDraw {
  readonly #own: Float64Array;
  readonly #alias: Int32Array;

  /** @param weights above 0, at least one */
  constructor(weights: readonly number[]) {
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const own = Float64Array.from(weights, (weight) => (weight * weights.length) / total);
    this.#own = own;
    this.#alias = Int32Array.from(weights.keys());
    const small: number[] = [];
    const large: number[] = [];
    for (const [index, part] of own.entries()) (part < 1 ? small : large).push(index);
    while (small.length > 0 && large.length > 0) {
      const index = small.pop()!;
      const giver = large.at(-1)!;
      this.#alias[index] = giver;
      own[giver]! -= 1 - own[index]!;
      if (own[giver]! < 1) small.push(large.pop()!);
    }
    // What is left over would fill its place exactly, were it not for rounding.
    for (const index of [...small, ...large]) own[index] = 1;
  }

  /** @param point in [0, 1) */
  indexAt(point: number): number {
    const scaled = point * this.#own.length;
    const index = Math.floor(scaled);
    return scaled - index < this.#own[index]! ? index : this.#alias[index]!;
  }
}
