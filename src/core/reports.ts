/**
 * What the data plane tells the control plane: totals since the worker started, read on a tick or when somebody asks, never one
 * message per request. Plain and structured-cloneable.
 */
export interface WorkerReport {
  readonly revision: number;
  /** Open client connections. */
  readonly connections: number;
  /** How often accepting was paused, for want of file descriptors. */
  readonly acceptPauses: number;
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
  /** Requests that the budget did not let be sent again. */
  readonly retriesRefused: number;
  /** Requests whose pool failed them and that the fallback answered. */
  readonly rescued: number;
  /** How the pool was decided, by `decision` as the access log has it. */
  readonly decisions: Readonly<Record<string, number>>;
  readonly mirrors: readonly MirrorReport[];
}

export interface MirrorReport {
  readonly pool: string;
  /** Copies that were sent. */
  readonly sent: number;
  /** Copies that were not sent, or given up, by reason. */
  readonly dropped: Readonly<Record<string, number>>;
  /** On their way now. */
  readonly inFlight: number;
}

export interface PoolReport {
  readonly id: string;
  readonly targets: readonly TargetReport[];
  readonly durations: DurationReport;
  /** Requests that were charged to it, whoever answered them. */
  readonly picked: number;
  /** Requests that wait for one of its targets to have room. */
  readonly queued: number;
  /** A sketch of the clients seen lately (see `clients.ts`); undefined where clients are not told apart. */
  readonly clients: Uint8Array | undefined;
}

export interface TargetReport {
  readonly id: string;
  /** Of all kinds. */
  readonly inFlight: number;
  /** Of these, those whose answer has begun and goes on: downloads, event streams. */
  readonly streaming: number;
  /** Of these, connections that have left HTTP. */
  readonly upgraded: number;
  /** Whether this worker would pick it now, but for limits. */
  readonly available: boolean;
  /** Whether this worker leaves it out because real requests failed. */
  readonly ejected: boolean;
  /** How often that has happened. */
  readonly ejections: number;
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
