/** What a choice is made by. Read at every pick, so these are plain fields or cheap getters. */
export interface Candidate {
  readonly id: string;
  /** 0 to 1000, relative; what the document says. */
  readonly weight: number;
  /** Whether it may be picked at all. Changes rarely; `refresh` tells. */
  readonly open: boolean;
  /** Whether it is below its limits. May change with every request. */
  readonly hasRoom: boolean;
  /** Requests it has now. */
  readonly inFlight: number;
  /** Above 0, at most 1: what it is to be given of its weight now (slow start, or it said that it is busy). */
  shareNow(nowMs: number): number;
  /** What a request to it is expected to take (see `PeakEwma`), in ms; 0 = nothing is known. */
  latencyMs(nowMs: number): number;
}

export interface Balancer<T extends Candidate> {
  /**
   * A candidate that is open, of a weight above 0, and has room, or undefined where there is none.
   * @param keyHash the hash of the request's key where the balance is `hash`, 0 … 2³² − 1; -1 = it has none
   * @param random gives numbers in [0, 1)
   */
  pick(keyHash: number, nowMs: number, random: () => number): T | undefined;
  /** Some candidate's `open` has changed. */
  refresh(): void;
}
