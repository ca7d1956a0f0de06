import type { Balancer, Candidate } from './balancer.ts';
import { compileRotation } from '../rotation.ts';

/** So many that cannot take a request are passed over before it is asked whether anybody can. */
const passedOverMax = 8;

/**
 * In turn, by weight. Who is given only a share of its weight collects it at each of its turns, and is picked when that makes a whole. Where
 * a round brings no winner, because all are given little, as many rounds are gone through at once as it takes until there is one.
 */
export class RoundRobin<T extends Candidate> implements Balancer<T> {
  readonly #candidates: readonly T[];
  /** By candidate, what it has collected of a turn. */
  readonly #credits: Float64Array;
  /** Indexes of candidates that are open. */
  #rotation: readonly number[] = [];
  /** The next visit of the rotation … */
  #place = 0;
  /** … or of the last one that had any, which was of this length. */
  #length = 1;
  /** How much of that visit is behind us, in [0, 1): what rounding left when the rotation became another. */
  #offset: number;
  #isStale = true;

  /** @param start in [0, 1): where in the round it begins */
  constructor(candidates: readonly T[], start: number) {
    this.#candidates = candidates;
    this.#credits = new Float64Array(candidates.length);
    this.#offset = start;
  }

  refresh(): void {
    this.#isStale = true;
  }

  pick(_keyHash: number, nowMs: number): T | undefined {
    if (this.#isStale) this.#compile();
    const candidates = this.#candidates;
    const credits = this.#credits;
    const rotation = this.#rotation;
    let passedOver = 0;
    for (let visit = 0; visit < rotation.length; visit++) {
      const index = rotation[this.#place]!;
      this.#place = this.#place + 1 === rotation.length ? 0 : this.#place + 1;
      const candidate = candidates[index]!;
      if (!candidate.open || !candidate.hasRoom) {
        // Where all are full, one look at each says so sooner than a round of thousands of visits.
        if (++passedOver === passedOverMax && !candidates.some(canTake)) return undefined;
        continue;
      }
      const share = candidate.shareNow(nowMs);
      if (share >= 1) return candidate;
      credits[index]! += share;
      if (credits[index]! < 1) continue;
      credits[index]! -= 1;
      return candidate;
    }
    return this.#skipAhead(nowMs);
  }

  /** To the moment when the first one has collected a whole turn; all the others have collected as long. */
  #skipAhead(nowMs: number): T | undefined {
    const candidates = this.#candidates;
    const credits = this.#credits;
    let winner = -1;
    let shortest = Infinity;
    for (let index = 0; index < candidates.length; index++) {
      const gain = this.#gain(index, nowMs);
      const time = gain > 0 ? (1 - credits[index]!) / gain : Infinity;
      if (time >= shortest) continue;
      shortest = time;
      winner = index;
    }
    if (winner < 0) return undefined;
    for (let index = 0; index < candidates.length; index++) credits[index]! += shortest * this.#gain(index, nowMs);
    credits[winner]! -= 1;
    return candidates[winner];
  }

  /** What it collects in a round, relative to the others: nothing where it cannot be picked. */
  #gain(index: number, nowMs: number): number {
    const candidate = this.#candidates[index]!;
    return candidate.open && candidate.hasRoom ? candidate.weight * candidate.shareNow(nowMs) : 0;
  }

  /** The new round goes on after the same part of it: beginning anew at every change of health would favour those that come first. */
  #compile(): void {
    this.#rotation = compileRotation(this.#candidates.map(({ open, weight }) => (open ? weight : 0)));
    this.#isStale = false;
    const { length } = this.#rotation;
    if (length === this.#length || length === 0) return;
    const exact = ((this.#place + this.#offset) / this.#length) * length;
    this.#length = length;
    this.#place = Math.min(length - 1, Math.floor(exact));
    this.#offset = Math.max(0, exact - this.#place);
  }
}

function canTake({ open, hasRoom, weight }: Candidate): boolean {
  return open && hasRoom && weight > 0;
}
