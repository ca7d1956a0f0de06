import type { MirrorDrop } from '../../src/core/mirror-limits.ts';
import type { MirrorReport } from '../../src/core/reports.ts';
import { SplitSequence } from '../../src/core/split.ts';

/** Shares are kept in millionths: nobody needs a finer one. */
const whole = 1_000_000;

/** What one mirror of one service has counted, and whose turn it is to be copied. Survives the revisions that name it. */
export class MirrorAccount {
  sent = 0;
  /** Copies that are not over, those that are being recorded included. */
  inFlight = 0;
  readonly #dropped = new Map<MirrorDrop, number>();
  #share = -1;
  #split: SplitSequence | undefined;

  /**
   * Whether the next request is copied: exact, to within one request, for any number of requests; and a new share begins where the one
   * before it left off.
   * @param share 0 to 1
   * @param random gives numbers in [0, 1)
   */
  takesNext(share: number, random: () => number): boolean {
    if (this.#split === undefined || share !== this.#share) {
      const weight = Math.round(share * whole);
      const arms = [
        { id: 'copied', weight },
        { id: 'not', weight: whole - weight },
      ];
      this.#split = new SplitSequence(arms, this.#split, random);
      this.#share = share;
    }
    return this.#split.pick(random) === 0;
  }

  drop(reason: MirrorDrop): void {
    this.#dropped.set(reason, (this.#dropped.get(reason) ?? 0) + 1);
  }

  report(pool: string): MirrorReport {
    return { pool, sent: this.sent, dropped: Object.fromEntries(this.#dropped), inFlight: this.inFlight };
  }
}
