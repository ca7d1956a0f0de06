import type { Balancer, Candidate } from './balancer.ts';
import { drawWithRoom, openCandidates } from './open-candidates.ts';
import { WeightedDraw } from './weighted-draw.ts';

/** So many pairs are drawn before it is worked out exactly who has room. */
const pairsMax = 4;
/** So often a first one is drawn that is given only a share, and does not have its turn; then the last one drawn has it all the same. */
const firstsMax = 8;
/** So often a second one is drawn by weight until it is another; then, beside one that has nearly all the weight, any other will do. */
const secondsMax = 4;
/** Latencies that differ by no more than this factor are taken to be equal. Chance alone makes the peaks of equal targets differ so much. */
const alikeFactor = 2;

/**
 * Of two different candidates the first one drawn, unless a request clearly costs less at the second (the power of two choices, Mitzenmacher
 * 1996, with Peak EWMA as Twitter's Finagle has it). The first is drawn by weight × share, the second by weight.
 *
 * Where the two are about equally fast, requests decide: the second goes when it would have fewer with this one, relative to weight × share,
 * than the first has without it. So a trickle follows the weights, however little one is faster than the other, and busy candidates have
 * requests by their weights. Where one is much slower, the cost is expected latency × requests with this one, and it is left alone until it
 * is not expected to be so slow any more, or the other has its hands full.
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
        const first = this.#drawFirst(nowMs, random);
        const second = this.#drawOther(first, random);
        const firstHasRoom = open[first]!.hasRoom;
        if (open[second]!.hasRoom) return firstHasRoom && !this.#costsLess(second, first, nowMs) ? open[first] : open[second];
        if (firstHasRoom) return open[first];
      }
    }
    return drawWithRoom(open, nowMs, random);
  }

  /** Drawn by weight, taken by share. */
  #drawFirst(nowMs: number, random: () => number): number {
    let first = 0;
    for (let draw = 0; draw < firstsMax; draw++) {
      first = this.#draw.indexAt(random());
      const share = this.#open[first]!.shareNow(nowMs);
      if (share >= 1 || random() < share) break;
    }
    return first;
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

  #costsLess(second: number, first: number, nowMs: number): boolean {
    const one = this.#open[first]!;
    const other = this.#open[second]!;
    const burden = this.#burdens[first]! / one.shareNow(nowMs);
    const otherBurden = this.#burdens[second]! / other.shareNow(nowMs);
    const latencyMs = one.latencyMs(nowMs);
    const otherLatencyMs = other.latencyMs(nowMs);
    if (areAlike(latencyMs, otherLatencyMs)) return (other.inFlight + 1) * otherBurden <= one.inFlight * burden;
    // An idle one costs its latency and no more, whatever its weight: the draw has heeded that.
    return otherLatencyMs * (1 + other.inFlight * otherBurden) < latencyMs * (1 + one.inFlight * burden);
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

/** @param latencyMs 0 = nothing is known */
function areAlike(latencyMs: number, otherMs: number): boolean {
  return latencyMs === 0 || otherMs === 0 || (latencyMs <= alikeFactor * otherMs && otherMs <= alikeFactor * latencyMs);
}
