/** Whoever waits for a target of a pool to have room. */
export interface Waiter {
  /** Takes a place at a target. False = there is still none. */
  takeRoom(): boolean;
  /** Goes on, with the place that it took. */
  proceed(): void;
  /** Begins anew, by the revision that is in force now. It has left the line. */
  restart(): void;
}

/** Requests of one pool that wait for room, let in in the order of their arrival. */
export class WaitingLine {
  /** A set keeps the order, and lets somebody leave from the middle. */
  readonly #waiting = new Set<Waiter>();
  #isServing = false;

  get length(): number {
    return this.#waiting.size;
  }

  join(waiter: Waiter): void {
    this.#waiting.add(waiter);
  }

  leave(waiter: Waiter): void {
    this.#waiting.delete(waiter);
  }

  /** A new revision is in force: nobody waits by an old one. */
  restart(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const waiter of waiting) waiter.restart();
  }

  /** There may be room: lets in whom there is room for. Not re-entered, because who is let in may end at once and make room again. */
  serve(): void {
    if (this.#isServing) return;
    this.#isServing = true;
    try {
      for (const waiter of this.#waiting) {
        if (!waiter.takeRoom()) break;
        // Before it goes on: it may end in this very call, and wait again with its next request.
        this.#waiting.delete(waiter);
        waiter.proceed();
      }
    } finally {
      this.#isServing = false;
    }
  }
}
