/**
 * The exact split: which pool gets the next request, so that counts follow the weights to within one request, always.
 *
 * Think of pool `i` with share `s` as having one request to serve in each stratum of `1/s` requests. `behind[i]` says how much of its
 * due it has not had yet: it grows by `s` with every request and falls by 1 with every one the pool is given. Three rules:
 *
 * 1. A pool may be given a request only while it is behind. So it is never ahead of its share by a whole request.
 * 2. Its turn comes at a random point of the stratum, not at a fixed one: a page that always makes ten requests would otherwise send the
 *    same one of them to a 10% canary for ever. Turns that collide are served one after the other, the smallest share first; the largest
 *    pool takes what is left.
 * 3. A turn is put off while taking it would leave the pools that are ahead, ahead by one request or more *in all*; the pool with the
 *    earliest deadline goes instead. As what some are ahead is what the others are behind, no pool ever falls behind by a whole request.
 *    Below that bound serving the earliest deadline first always works out, whatever was picked before (the pools ahead can be counted
 *    against the fractions of all; Tijdeman, The chairman assignment problem, 1980, and Baruah et al., Proportionate progress, 1996).
 *
 * So every prefix is within 1 of `n · share`, and every window within 2. A new revision carries the debts over, as far as the new shares can
 * bear them: no pool is ever a whole request behind or ahead. `test/core/split.test.ts` holds that against a naive version.
 */
export class SplitSequence {
  /** Pools that may win, by the caller's index; those of weight 0 are not in it. */
  readonly #pools: readonly number[];
  readonly #ids: readonly string[];
  readonly #weights: Float64Array;
  readonly #total: number;
  /** In units of `1 / total` requests, so that integer weights add up without rounding. */
  readonly #behind: Float64Array;
  /** Where in its stratum a pool's turn comes, in the same units. Not used for the largest. */
  readonly #turn: Float64Array;
  readonly #largest: number;

  /**
   * @param arms every pool of the service with its weight, a non-negative integer
   * @param previous the sequence before this revision; its debts are carried over, so that a small share under frequent revisions
   *   does not start from nothing each time
   * @param random gives numbers in [0, 1)
   */
  constructor(
    arms: readonly { readonly id: string; readonly weight: number }[],
    previous: SplitSequence | undefined,
    random: () => number,
  ) {
    const winners = arms.map(({ id, weight }, pool) => ({ id, weight, pool })).filter(({ weight }) => weight > 0);
    this.#pools = winners.map(({ pool }) => pool);
    this.#ids = winners.map(({ id }) => id);
    this.#weights = Float64Array.from(winners, ({ weight }) => weight);
    this.#total = this.#weights.reduce((sum, weight) => sum + weight, 0);
    this.#behind = new Float64Array(winners.length);
    this.#largest = this.#weights.indexOf(Math.max(...this.#weights));
    this.#turn = Float64Array.from(winners, () => random() * this.#total);
    if (previous !== undefined && winners.length > 1) this.#carryOver(previous);
  }

  /** Every weight is 0. */
  get isEmpty(): boolean {
    return this.#pools.length === 0;
  }

  /** The caller's index of the pool that gets the next request, or -1 where every weight is 0. Costs a few steps per pool. */
  pick(random: () => number): number {
    const count = this.#pools.length;
    if (count <= 1) return count === 1 ? this.#pools[0]! : -1;
    const winner = this.#nextWinner(count);
    this.#behind[winner]! -= this.#total;
    this.#turn[winner] = random() * this.#total;
    return this.#pools[winner]!;
  }

  /** How many requests a pool has had less than its share (negative: more), after those picked so far. 0 for a pool of weight 0. */
  behind(id: string): number {
    const arm = this.#ids.indexOf(id);
    return arm < 0 ? 0 : this.#behind[arm]! / this.#total;
  }

  #nextWinner(count: number): number {
    const behind = this.#behind;
    const weights = this.#weights;
    let winner = -1;
    let best = -Infinity;
    let ahead = 0;
    for (let arm = 0; arm < count; arm++) {
      const weight = weights[arm]!;
      const due = (behind[arm]! += weight);
      if (due <= rounding) {
        ahead -= due;
        continue;
      }
      // Before its turn a pool competes by how soon that comes (below 0); after it, by how rarely it has one (above 0). Between the two
      // stands the largest pool, which takes every request that is nobody's turn.
      const wait = (due - this.#turn[arm]!) / weight;
      const claim = arm === this.#largest ? 0 : wait < 0 ? wait : 1 / weight;
      if (claim > best) {
        best = claim;
        winner = arm;
      }
    }
    const aheadAfter = ahead + Math.max(0, this.#total - behind[winner]!);
    return aheadAfter < this.#total - rounding ? winner : this.#earliestDeadline(count);
  }

  #earliestDeadline(count: number): number {
    let winner = -1;
    let earliest = Infinity;
    for (let arm = 0; arm < count; arm++) {
      const due = this.#behind[arm]!;
      if (due <= rounding) continue;
      const deadline = Math.ceil((this.#total - due - rounding) / this.#weights[arm]!);
      if (deadline < earliest) {
        earliest = deadline;
        winner = arm;
      }
    }
    return winner;
  }

  /**
   * Debts are kept in requests; what a pool that left was owed, or had too much, is spread over the others by weight. Several debts that
   * were bearable may not be so with other shares, because they fall due together: then all of them shrink until they are.
   */
  #carryOver(previous: SplitSequence): void {
    const behind = this.#behind;
    let sum = 0;
    for (const [arm, id] of this.#ids.entries()) sum += behind[arm] = previous.behind(id) * this.#total;
    for (const arm of behind.keys()) behind[arm]! -= (sum * this.#weights[arm]!) / this.#total;
    while (!this.#isBearable()) for (const arm of behind.keys()) behind[arm]! *= forgiveness;
  }

  /**
   * Whether no pool has to be a whole request behind or ahead from here on: of any `n` requests to come, those that must have gone to one
   * pool or another by then are at most `n`. Only pools that are ahead can make it otherwise, and only while they are by one in all.
   */
  #isBearable(): boolean {
    const whole = this.#total - rounding;
    if (this.#behind.some((debt) => Math.abs(debt) >= whole)) return false;
    for (let requests = 1; requests <= horizon; requests++) {
      let ahead = 0;
      let needed = 0;
      for (const [arm, weight] of this.#weights.entries()) {
        const due = this.#behind[arm]! + requests * weight;
        if (due < 0) ahead -= due;
        else needed += Math.floor((due + rounding) / this.#total);
      }
      if (ahead < whole) return true;
      if (needed > requests) return false;
    }
    return false;
  }
}

/** What is left of each debt where all of them together are too much. */
const forgiveness = 0.9;
/** How many requests are looked ahead. Debts that need longer are taken for too much: a few pools with tiny shares, all of them ahead. */
const horizon = 100;

/** Far below any weight, far above what adding up doubles can be off by. */
const rounding = 1e-6;
