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
    const count = weights.length;
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const own = new Float64Array(count);
    for (let index = 0; index < count; index++) own[index] = (weights[index]! * count) / total;
    this.#own = own;
    this.#alias = new Int32Array(count);
    /** Those that leave something of their places, from the front, and those that have more than a place, from the back. */
    const waiting = new Int32Array(count);
    let small = 0;
    let large = count;
    for (let index = 0; index < count; index++) waiting[own[index]! < 1 ? small++ : --large] = index;
    while (small > 0 && large < count) {
      const index = waiting[--small]!;
      const giver = waiting[large]!;
      this.#alias[index] = giver;
      own[giver]! -= 1 - own[index]!;
      if (own[giver]! >= 1) continue;
      large++;
      waiting[small++] = giver;
    }
    // What is left waiting fills its place, but for what rounding lost; a point in that hair falls to index 0.
  }

  /** @param point in [0, 1) */
  indexAt(point: number): number {
    const scaled = point * this.#own.length;
    const index = Math.floor(scaled);
    return scaled - index < this.#own[index]! ? index : this.#alias[index]!;
  }
}
