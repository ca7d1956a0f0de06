/** Whoever waits for a target of a pool to have room. */
export interface Waiter {
  /** Takes a place at a target. False = there is still none. */
  takeRoom(): boolean;
  /** Goes on, with the place that it took. */
  proceed(): void;
  /** Begins anew, by what is in force now. It has left the line. */
  restart(): void;
  /** Something was thrown while it went on. */
  onBug(error: unknown): void;
}

/** Requests of one pool that wait for room, let in in the order of their arrival. */
export class WaitingLine {
  /** A set keeps the order, and lets somebody leave from the middle. */
  readonly #waiting = new Set<Waiter>();
  #isServing = false;
  /** Asked for at the end of each request, so it is a number here: nearly always nobody waits, and the set need not be looked at. */
  length = 0;

  join(waiter: Waiter): void {
    this.#waiting.add(waiter);
    this.length = this.#waiting.size;
  }

  leave(waiter: Waiter): void {
    this.#waiting.delete(waiter);
    this.length = this.#waiting.size;
  }

  /** Nobody is to wait as before: a new revision is in force, or nothing is left to wait for. All begin anew, the first first. */
  restart(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    this.length = 0;
    for (const waiter of waiting) guarded(waiter, () => waiter.restart());
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
        this.length = this.#waiting.size;
        guarded(waiter, () => waiter.proceed());
      }
    } finally {
      this.#isServing = false;
    }
  }
}

/** What goes wrong with one is not to harm those behind it, nor whoever made the room. */
function guarded(waiter: Waiter, action: () => void): void {
  try {
    action();
  } catch (error) {
    waiter.onBug(error);
  }
}
