/** Which target of a pool gets the next request. */
import { Hashed } from './balancing/hashed.ts';
import { LeastRequests } from './balancing/least-requests.ts';
import { LesserOfTwo } from './balancing/lesser-of-two.ts';
import { RandomDraw } from './balancing/random-draw.ts';
import { RoundRobin } from './balancing/round-robin.ts';
import { unreachable } from './invariant.ts';
import type { Balance } from './model.ts';

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

/**
 * @param candidates their ids and weights stay as they are
 * @param start in [0, 1): where a round begins, so that workers do not all begin with the same target
 */
export function createBalancer<T extends Candidate>(balance: Balance, candidates: readonly T[], start: number): Balancer<T> {
  switch (balance.kind) {
    case 'round-robin':
      return new RoundRobin(candidates, start);
    case 'least-requests':
      return new LeastRequests(candidates, start);
    case 'p2c-ewma':
      return new LesserOfTwo(candidates);
    case 'random':
      return new RandomDraw(candidates);
    case 'hash':
      return new Hashed(candidates, start);
    default:
      return unreachable(balance);
  }
}
