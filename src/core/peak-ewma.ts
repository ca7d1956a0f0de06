/** In ms: after this long without a request, what was observed counts a 1/e of what it did. Finagle's default. */
const timeConstantMs = 10_000;
/** In ms, far below any real latency: what was observed never fades to 0, which would say that nothing was. */
const latencyMinMs = 0.001;

/**
 * The latency of a target as balancing should fear it: jumps to every peak at once, and forgets it slowly (Peak EWMA, as in Twitter's
 * Finagle). It goes on fading while nothing is observed, so that a target which was slow is tried again.
 */
export class PeakEwma {
  #peakMs = 0;
  #atMs = 0;
  /** What was worked out last, and for when: clocks are coarse, so that it is asked for the same moment many times. */
  #fadedMs = 0;
  #fadedAtMs = 0;

  observe(latencyMs: number, nowMs: number): void {
    this.#peakMs = this.#fadedMs = Math.max(latencyMinMs, latencyMs, this.at(nowMs));
    this.#atMs = this.#fadedAtMs = nowMs;
  }

  /** In ms; 0 = nothing was observed yet. */
  at(nowMs: number): number {
    // A clock that went backwards forgets nothing.
    if (this.#peakMs === 0 || nowMs <= this.#atMs) return this.#peakMs;
    if (nowMs !== this.#fadedAtMs) {
      this.#fadedMs = Math.max(latencyMinMs, this.#peakMs * Math.exp((this.#atMs - nowMs) / timeConstantMs));
      this.#fadedAtMs = nowMs;
    }
    return this.#fadedMs;
  }
}
