import type { Balancer, Candidate } from './balancer.ts';
import { drawWithRoom, openCandidates } from './open-candidates.ts';
import { WeightedDraw } from './weighted-draw.ts';

/** So many are drawn before all are looked at. With half of the candidates full, one request in 256 gets so far. */
const drawsMax = 8;

/** By chance, in proportion to weight × share. */
export class RandomDraw<T extends Candidate> implements Balancer<T> {
  readonly #candidates: readonly T[];
  #open: readonly T[] = [];
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
    if (open.length === 0) return undefined;
    for (let draw = 0; draw < drawsMax; draw++) {
      const candidate = open[this.#draw.indexAt(random())]!;
      if (!candidate.hasRoom) continue;
      const share = candidate.shareNow(nowMs);
      // Drawn by weight, taken by share.
      if (share >= 1 || random() < share) return candidate;
    }
    return drawWithRoom(open, nowMs, random);
  }

  #compile(): void {
    this.#open = openCandidates(this.#candidates);
    this.#draw = new WeightedDraw(this.#open.map(({ weight }) => weight));
    this.#isStale = false;
  }
}
