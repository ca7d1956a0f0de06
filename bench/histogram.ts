/**
 * Counts of latencies in buckets that grow with what they hold (as HdrHistogram does it): to the microsecond up to 2 ms, within 0.1% above, in
 * constant memory and without an allocation per value.
 */
export class Histogram {
  /** Exact below this, and so many buckets per doubling above it. */
  static readonly #steps = 2048;
  /** Enough for an hour. */
  readonly #counts = new Uint32Array(Histogram.#steps * 22);
  #total = 0;

  get total(): number {
    return this.#total;
  }

  /** `us` from 0, in microseconds; what is beyond an hour counts as an hour. */
  add(us: number): void {
    this.#counts[Math.min(indexOf(us, Histogram.#steps), this.#counts.length - 1)]! += 1;
    this.#total += 1;
  }

  /** The least value in microseconds that `share` (0 to 1) of all values do not exceed, to the width of a bucket. NaN where there are none. */
  quantile(share: number): number {
    const rank = Math.max(1, Math.ceil(this.#total * share));
    let seen = 0;
    for (let index = 0; index < this.#counts.length; index += 1) {
      seen += this.#counts[index]!;
      if (seen >= rank) return valueOf(index, Histogram.#steps);
    }
    return Number.NaN;
  }
}

function indexOf(us: number, steps: number): number {
  const whole = Math.max(0, Math.floor(us));
  if (whole < steps) return whole;
  const doublings = Math.floor(Math.log2(whole / steps)) + 1;
  // The upper half of each doubling is left, for the lower one is what the doublings before have held.
  return doublings * (steps / 2) + Math.floor(whole / 2 ** doublings);
}

/** The upper end of a bucket. */
function valueOf(index: number, steps: number): number {
  if (index < steps) return index;
  const doublings = Math.floor(index / (steps / 2)) - 1;
  const base = index - doublings * (steps / 2);
  return (base + 1) * 2 ** doublings - 1;
}
