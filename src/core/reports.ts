/**
 * What the data plane tells the control plane: totals since the worker started, read on a tick or when somebody asks, never one
 * message per request. Plain and structured-cloneable.
 */
export interface WorkerReport {
  readonly revision: number;
  /** Open client connections. */
  readonly connections: number;
  /** Requests claimed and not yet released, upgraded connections included. */
  readonly inFlight: number;
  readonly services: readonly ServiceReport[];
  /** How often the proxy itself answered or cut a request, by cause (see `terminations.ts`). */
  readonly terminations: Readonly<Record<string, number>>;
}

export interface ServiceReport {
  readonly id: string;
  readonly pools: readonly PoolReport[];
  /** Attempts beyond the first. */
  readonly retries: number;
}

export interface PoolReport {
  readonly id: string;
  readonly targets: readonly TargetReport[];
  readonly durations: DurationReport;
}

export interface TargetReport {
  readonly id: string;
  readonly inFlight: number;
  /** Finished requests by the status that the client was sent (`"200"`, `"502"`); `"499"` where the client went away first. */
  readonly codes: Readonly<Record<string, number>>;
}

/** A histogram of request durations: counts per bucket of {@link durationBucketsMs}, not cumulative, with one more for what is slower. */
export interface DurationReport {
  readonly counts: readonly number[];
  readonly sumMs: number;
}

/** Upper bounds, inclusive, in milliseconds. */
export const durationBucketsMs: readonly number[] = [1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000];
