import { durationBucketsMs, type DurationReport } from '../src/core/reports.ts';
import { type Cause, causes } from '../src/core/terminations.ts';

/**
 * Counters are arrays indexed by small numbers; names only appear when somebody asks. One observation costs a few nanoseconds, which a
 * metrics library cannot do per request.
 */

/** Status codes get an index in the order in which they first appear; the last index gathers what finds no room. */
const codesMax = 64;
const codeIndexes = new Uint8Array(1000);
const codes: string[] = [];

function codeIndex(status: number): number {
  const known = codeIndexes[status]!;
  if (known !== 0) return known - 1;
  if (codes.length >= codesMax - 1) return codesMax - 1;
  codes.push(String(status));
  codeIndexes[status] = codes.length;
  return codes.length - 1;
}

/** Finished requests of one target by the status that the client was sent. */
export class StatusCounter {
  readonly #counts = new Float64Array(codesMax);

  /** @param status 100 to 999 */
  add(status: number): void {
    this.#counts[codeIndex(status)]! += 1;
  }

  report(): Record<string, number> {
    const report: Record<string, number> = {};
    for (const [index, count] of this.#counts.entries()) {
      if (count > 0) report[codes[index] ?? 'other'] = count;
    }
    return report;
  }
}

/** A histogram of request durations. */
export class DurationCounter {
  readonly #counts = new Float64Array(durationBucketsMs.length + 1);
  #sumMs = 0;

  add(durationMs: number): void {
    let bucket = 0;
    while (bucket < durationBucketsMs.length && durationMs > durationBucketsMs[bucket]!) bucket++;
    this.#counts[bucket]! += 1;
    this.#sumMs += durationMs;
  }

  report(): DurationReport {
    return { counts: [...this.#counts], sumMs: this.#sumMs };
  }
}

/** How often the proxy itself answered or cut, by cause. */
export class CauseCounter {
  readonly #counts = new Map<Cause, number>(causes.map((cause) => [cause, 0]));

  add(cause: Cause): void {
    this.#counts.set(cause, this.#counts.get(cause)! + 1);
  }

  report(): Record<string, number> {
    return Object.fromEntries([...this.#counts].filter(([, count]) => count > 0));
  }
}
