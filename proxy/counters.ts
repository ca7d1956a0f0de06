import { countsOf } from '../src/core/counts.ts';
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

/** Finished requests of one target by the status that the client was sent. Most of ten thousand targets have seen few of them, or none. */
export class StatusCounter {
  /** As long as it has to be. */
  readonly #counts: number[] = [];
  /** Of all. */
  total = 0;

  /** @param status 100 to 999 */
  add(status: number): void {
    const counts = this.#counts;
    const index = codeIndex(status);
    while (counts.length <= index) counts.push(0);
    counts[index]! += 1;
    this.total += 1;
  }

  report(): Record<string, number> {
    const found: [string, number][] = [];
    for (const [index, count] of this.#counts.entries()) if (count > 0) found.push([codes[index] ?? 'other', count]);
    return countsOf(found);
  }
}

const bucketsCount = durationBucketsMs.length + 1;
const noCounts: readonly number[] = Array.from({ length: bucketsCount }, () => 0);

/** A histogram of request durations. A pool that has had no request has none. */
export class DurationCounter {
  #counts: Float64Array | undefined;
  #sumMs = 0;
  /** Of all durations. */
  total = 0;

  add(durationMs: number): void {
    let bucket = 0;
    while (bucket < durationBucketsMs.length && durationMs > durationBucketsMs[bucket]!) bucket++;
    this.#counts ??= new Float64Array(bucketsCount);
    this.#counts[bucket]! += 1;
    this.#sumMs += durationMs;
    this.total += 1;
  }

  report(): DurationReport {
    return { counts: this.#counts === undefined ? noCounts : [...this.#counts], sumMs: this.#sumMs };
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
