/**
 * The latency of a target as balancing should fear it: jumps to every peak at once, and forgets it slowly (Peak EWMA, as in Twitter's
 * Finagle).
 */
export class PeakEwma {
  #valueMs = 0;
  #atMs = 0;

  observe(latencyMs: number, nowMs: number): void {
    this.#valueMs = latencyMs;
    this.#atMs = nowMs;
  }

  /** 0 = nothing was observed yet. */
  at(nowMs: number): number {
    return nowMs >= this.#atMs ? this.#valueMs : 0;
  }
}
