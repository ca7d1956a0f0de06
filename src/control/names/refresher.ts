import type { Log } from '../ports.ts';

/** What changes within this time is published together: a snapshot is compiled, sent and bound as a whole, for one name or a hundred. */
export const refreshGapMs = 75;

/** Publishes anew what is in force when something around it has changed. A failure is logged, and what was published before stays. */
export class Refresher {
  readonly #refresh: () => Promise<unknown>;
  readonly #log: Pick<Log, 'error'>;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(parts: { readonly refresh: () => Promise<unknown>; readonly log: Pick<Log, 'error'> }) {
    this.#refresh = parts.refresh;
    this.#log = parts.log;
  }

  /** Something has changed: there is a refresh {@link refreshGapMs} after the first of these. */
  request(): void {
    if (this.#isClosed) return;
    this.#timer ??= setTimeout(() => void this.now(), refreshGapMs);
  }

  /** Refreshes at once; what was requested is in it. Never rejects. */
  async now(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#isClosed) return;
    try {
      // Not one at a time: a worker that is stuck, and waited for, must not hold up new addresses for the others.
      await this.#refresh();
    } catch (cause) {
      this.#log.error({ err: cause }, 'what has changed could not be published; what was published before stays in force');
    }
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }
}
