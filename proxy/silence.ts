/** So many times within the limit somebody looks. */
const looks = 16;

/**
 * Notices that nothing has passed on a connection for a time. It looks at sums of bytes, now and then, so that what passes costs nothing:
 * silence is noticed up to an eighth of the limit late, and never too early.
 */
export class Silence {
  readonly #limitMs: number;
  #bytesPassed = -1;
  #heardAtMs: number;
  #lookAtMs: number;

  /** @param limitMs 0 = none; @param nowMs like all times here on the coarse clock */
  constructor(limitMs: number, nowMs: number) {
    this.#limitMs = limitMs;
    this.#heardAtMs = nowMs;
    this.#lookAtMs = limitMs === 0 ? Infinity : nowMs + limitMs / looks;
  }

  isDue(nowMs: number): boolean {
    return nowMs >= this.#lookAtMs;
  }

  /** Looks. `bytesPassed` differs from what it was before if anything has passed since. @returns whether it has been silent too long */
  isTooLong(bytesPassed: number, nowMs: number): boolean {
    if (bytesPassed !== this.#bytesPassed) {
      this.#bytesPassed = bytesPassed;
      this.#heardAtMs = nowMs;
    }
    this.#lookAtMs = nowMs + this.#limitMs / looks;
    return nowMs - this.#heardAtMs >= this.#limitMs;
  }
}
