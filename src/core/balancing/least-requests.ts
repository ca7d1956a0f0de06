import type { Balancer, Candidate } from './balancer.ts';

/**
 * The one that would have the fewest requests with this one, relative to weight × share; of equals, the next in turn.
 *
 * By that rule alone a candidate of small weight, or one that is being given little, would get nothing at all as long as the others have
 * next to nothing to do. So every candidate has a turn as often as weight × share says, and one that is idle when its turn has come goes
 * first: a trickle of requests follows the weights, and under load the rule decides.
 */
export class LeastRequests<T extends Candidate> implements Balancer<T> {
  readonly #candidates: readonly T[];
  /** By candidate, after how many picks its turn comes. */
  readonly #turns: Float64Array;
  #picks = 0;
  /** Where looking begins, so that equals go in turn. */
  #start: number;

  /** @param start in [0, 1): which candidate is looked at first */
  constructor(candidates: readonly T[], start: number) {
    this.#candidates = candidates;
    this.#turns = new Float64Array(candidates.length);
    this.#start = Math.floor(start * candidates.length);
  }

  /** Every candidate is looked at anyway. */
  refresh(): void {}

  pick(_keyHash: number, nowMs: number): T | undefined {
    const candidates = this.#candidates;
    const turns = this.#turns;
    const { length } = candidates;
    let winner = -1;
    let least = Infinity;
    let overdue = -1;
    let total = 0;
    for (let step = 0, index = this.#start; step < length; step++, index = index + 1 === length ? 0 : index + 1) {
      const candidate = candidates[index]!;
      if (!candidate.open || candidate.weight === 0 || !candidate.hasRoom) continue;
      const portion = candidate.weight * candidate.shareNow(nowMs);
      total += portion;
      const load = (candidate.inFlight + 1) / portion;
      if (load < least || winner < 0) {
        least = load;
        winner = index;
      }
      if (candidate.inFlight > 0 || turns[index]! > this.#picks) continue;
      if (overdue < 0 || turns[index]! < turns[overdue]!) overdue = index;
    }
    if (winner < 0) return undefined;
    return this.#take(overdue < 0 ? winner : overdue, total, nowMs);
  }

  /** At most one turn is saved up, and none is taken further ahead than the next. */
  #take(index: number, total: number, nowMs: number): T {
    const candidate = this.#candidates[index]!;
    const gap = total / (candidate.weight * candidate.shareNow(nowMs));
    this.#turns[index] = Math.min(this.#picks, Math.max(this.#picks - gap, this.#turns[index]!)) + gap;
    this.#picks++;
    this.#start = index + 1 === this.#candidates.length ? 0 : index + 1;
    return candidate;
  }
}
