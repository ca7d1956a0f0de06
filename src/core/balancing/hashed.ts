import type { Balancer, Candidate } from './balancer.ts';
import { mixBits } from '../hash.ts';
import { buildMaglev } from '../maglev.ts';
import { RoundRobin } from './round-robin.ts';

/** Places that a key tries before whoever comes next is asked. With half of the candidates closed, one key in 256 gets so far. */
const placesMax = 8;
/** Odd, 2³² divided by the golden ratio: from one place of a key to its next. */
const stride = 0x9e3779b1;
/** Tells whether a key is of the part that a candidate is given apart from where its places are. */
const shareSalt = 0x85ebca77;
/**
 * No candidate has more than this times its share, by weight, of the requests in flight with this one, rounded up (Mirrokni, Thorup and
 * Zadimoghaddam, Consistent hashing with bounded loads, 2018).
 */
const loadBound = 1.25;
/** Requests in flight are added up again after so many picks per candidate … */
const picksPerSurvey = 1 / 16;
/** … and after this time. */
const surveyMs = 100;

/**
 * The same key, the same target: Maglev over all candidates, whether they are open or not, so that a candidate which closes takes no key of
 * the others along, and finds its own again. A key whose candidate is closed, full or has too much goes on by an order of its own. A
 * candidate that is given only a share of its weight, less than others, has that share of its keys, always the same ones.
 * Requests without a key go round robin.
 */
export class Hashed<T extends Candidate> implements Balancer<T> {
  readonly #candidates: readonly T[];
  readonly #keyless: RoundRobin<T>;
  #table: Uint16Array | Uint32Array | undefined;
  /** What was found when all were looked at last: requests in flight, weights, and the largest share, of those that are open. */
  #inFlight = 0;
  #weights = 0;
  #largestShare = 1;
  #surveyedAtMs = -Infinity;
  #picksSince = 0;

  /** @param start in [0, 1): where in the round the requests without a key begin */
  constructor(candidates: readonly T[], start: number) {
    this.#candidates = candidates;
    this.#keyless = new RoundRobin(candidates, start);
  }

  refresh(): void {
    this.#keyless.refresh();
    this.#surveyedAtMs = -Infinity;
  }

  pick(keyHash: number, nowMs: number): T | undefined {
    const picked = keyHash < 0 ? this.#keyless.pick(keyHash, nowMs) : this.#pickByKey(keyHash, nowMs);
    this.#picksSince++;
    return picked;
  }

  #pickByKey(keyHash: number, nowMs: number): T | undefined {
    const table = (this.#table ??= this.#build());
    if (table.length === 0) return undefined;
    for (let step = 0; step < placesMax; step++) {
      // Mixed the first time as well: the pool may have been chosen by bits of the same hash.
      const place = mixBits(keyHash + Math.imul(step + 1, stride));
      const candidate = this.#candidates[table[place % table.length]!]!;
      if (candidate.open && candidate.hasRoom && this.#mayHave(candidate, keyHash, nowMs)) return candidate;
    }
    return this.#next(table[mixBits(keyHash + stride) % table.length]!, nowMs);
  }

  #mayHave(candidate: T, keyHash: number, nowMs: number): boolean {
    const share = candidate.shareNow(nowMs);
    if (share < 1) {
      this.#survey(nowMs);
      // Where all are given little, all have their keys.
      if (mixBits(keyHash ^ shareSalt) * this.#largestShare >= share * 2 ** 32) return false;
    }
    return this.#isBelowBound(candidate, nowMs);
  }

  #isBelowBound(candidate: T, nowMs: number): boolean {
    // Everybody may have one request, whatever the others have.
    if (candidate.inFlight === 0) return true;
    this.#survey(nowMs);
    return candidate.inFlight * this.#weights < loadBound * candidate.weight * (this.#inFlight + this.#picksSince + 1);
  }

  /** From the place on the first that is below the bound, or else the first that has room. */
  #next(from: number, nowMs: number): T | undefined {
    const candidates = this.#candidates;
    const { length } = candidates;
    let roomy: T | undefined;
    for (let step = 0, index = from; step < length; step++, index = index + 1 === length ? 0 : index + 1) {
      const candidate = candidates[index]!;
      if (!candidate.open || candidate.weight === 0 || !candidate.hasRoom) continue;
      if (this.#isBelowBound(candidate, nowMs)) return candidate;
      roomy ??= candidate;
    }
    return roomy;
  }

  /**
   * Looks at all that are open, at most once in so many picks that each of these does no more than a few steps of it. Picks in between
   * are taken to be in flight still: the sum may be too large by them, which is far less than one request per candidate.
   */
  #survey(nowMs: number): void {
    const isFresh = this.#picksSince < this.#candidates.length * picksPerSurvey && nowMs - this.#surveyedAtMs < surveyMs;
    if (isFresh) return;
    this.#surveyedAtMs = nowMs;
    this.#picksSince = 0;
    this.#inFlight = 0;
    this.#weights = 0;
    this.#largestShare = 0;
    for (const candidate of this.#candidates) {
      if (!candidate.open || candidate.weight === 0) continue;
      this.#inFlight += candidate.inFlight;
      this.#weights += candidate.weight;
      this.#largestShare = Math.max(this.#largestShare, candidate.shareNow(nowMs));
    }
  }

  #build(): Uint16Array | Uint32Array {
    return buildMaglev(
      this.#candidates.map(({ id }) => id),
      this.#candidates.map(({ weight }) => weight),
    );
  }
}
