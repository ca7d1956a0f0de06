/** In ms: after this long without a request, what was observed counts a 1/e of what it did. Finagle's default. */
const timeConstantMs = 10_000;
/** In ms, far below any real latency: what was observed never fades to 0, which would say that nothing was. */
const latencyMinMs = 0.001;

/**
 * The latency of a target as balancing should fear it: jumps to every peak at once, and forgets it slowly (Peak EWMA, as in Twitter's
 * Finagle). What fades without being observed again fades to nothing, so that a target which was slow is tried again.
 */
export class PeakEwma {
  #valueMs = 0;
  #atMs = 0;

  observe(latencyMs: number, nowMs: number): void {
    const kept = this.#keptAt(nowMs);
    const mixed = latencyMs >= this.#valueMs ? latencyMs : this.#valueMs * kept + latencyMs * (1 - kept);
    this.#valueMs = Math.max(latencyMinMs, mixed);
    this.#atMs = nowMs;
  }

  /** In ms; 0 = nothing was observed yet. */
  at(nowMs: number): number {
    return this.#valueMs === 0 ? 0 : Math.max(latencyMinMs, this.#valueMs * this.#keptAt(nowMs));
  }

  /** The part of the value that is left, 0 to 1. A clock that went backwards forgets nothing. */
  #keptAt(nowMs: number): number {
    return nowMs <= this.#atMs ? 1 : Math.exp((this.#atMs - nowMs) / timeConstantMs);
  }
}
