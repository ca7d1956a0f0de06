import type { Balancer, Candidate } from '../balancing.ts';
import { drawWithRoom, openCandidates } from './open-candidates.ts';
import { WeightedDraw } from './weighted-draw.ts';

/** So many pairs are drawn before it is worked out exactly who has room. */
const pairsMax = 4;
/** So often a second one is drawn by weight until it is another; then, beside one that has nearly all the weight, any other will do. */
const secondsMax = 4;

/**
 * Of two different candidates, drawn by weight, the one where a request costs less: expected latency × requests with this one, relative to
 * the weight, ÷ share (the power of two choices, Mitzenmacher 1996, with Peak EWMA as Twitter's Finagle has it). Idle and equally fast
 * candidates cost the same, and the first one drawn goes, so that counts follow the weights; busy ones have requests by their weights.
 *
 * A candidate of which no latency is known is taken to be as fast as the other: it is tried, but while its first requests do not come back
 * it counts them like anybody else, so that it never has many more than the other.
 */
export class LesserOfTwo<T extends Candidate> implements Balancer<T> {
  readonly #candidates: readonly T[];
  #open: readonly T[] = [];
  /** Of each open one, mean weight ÷ its weight: what a request that it has weighs. */
  #burdens = new Float64Array(0);
  #draw = new WeightedDraw([]);
  #isStale = true;

  constructor(candidates: readonly T[]) {
    this.#candidates = candidates;
  }

  refresh(): void {
    this.#isStale = true;
  }

  pick(_keyHash: number, nowMs: number, random: () => number): T | undefined {
    if (this.#isStale) this.#compile();
    const open = this.#open;
    if (open.length > 1) {
      for (let pair = 0; pair < pairsMax; pair++) {
        const first = this.#draw.indexAt(random());
        const second = this.#drawOther(first, random);
        const firstHasRoom = open[first]!.hasRoom;
        if (open[second]!.hasRoom) return firstHasRoom && !this.#isLess(second, first, nowMs) ? open[first] : open[second];
        if (firstHasRoom) return open[first];
      }
    }
    return drawWithRoom(open, nowMs, random);
  }

  #drawOther(first: number, random: () => number): number {
    const { length } = this.#open;
    if (length === 2) return 1 - first;
    for (let draw = 0; draw < secondsMax; draw++) {
      const second = this.#draw.indexAt(random());
      if (second !== first) return second;
    }
    return (first + 1 + Math.floor(random() * (length - 1))) % length;
  }

  #isLess(index: number, otherIndex: number, nowMs: number): boolean {
    const one = this.#open[index]!;
    const other = this.#open[otherIndex]!;
    const latencyMs = one.latencyMs(nowMs);
    const otherLatencyMs = other.latencyMs(nowMs);
    const load = (1 + one.inFlight * this.#burdens[index]!) / one.shareNow(nowMs);
    const otherLoad = (1 + other.inFlight * this.#burdens[otherIndex]!) / other.shareNow(nowMs);
    if (latencyMs === 0 || otherLatencyMs === 0) return load < otherLoad;
    return latencyMs * load < otherLatencyMs * otherLoad;
  }

  #compile(): void {
    const open = openCandidates(this.#candidates);
    const mean = open.reduce((sum, { weight }) => sum + weight, 0) / open.length;
    this.#open = open;
    this.#burdens = new Float64Array(open.map(({ weight }) => mean / weight));
    this.#draw = new WeightedDraw(open.map(({ weight }) => weight));
    this.#isStale = false;
  }
}
