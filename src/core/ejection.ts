/** Leaving out a target that fails real requests, for a while: one worker's view of one target. */
import type { EjectionPolicy } from './model.ts';

/** Immutable; the same object comes back where nothing changes, so that a success costs nothing. */
export interface Ejection {
  /** In a row. */
  readonly failures: number;
  /** How often lately; multiplies the next time out. */
  readonly times: number;
  /** 0 = it is not ejected. */
  readonly untilMs: number;
}

export const notEjected: Ejection = { failures: 0, times: 0, untilMs: 0 };

/** The pool that the target is in, itself included. */
export interface Crowd {
  readonly targets: number;
  readonly ejected: number;
  readonly available: number;
}

export function afterFailure(ejection: Ejection, policy: EjectionPolicy, crowd: Crowd, nowMs: number): Ejection {
  void policy;
  void crowd;
  void nowMs;
  return ejection;
}

export function afterSuccess(ejection: Ejection, nowMs: number): Ejection {
  void nowMs;
  return ejection;
}

/** What time alone does: readmits it, and forgets old times. Called about every second. */
export function afterTime(ejection: Ejection, policy: EjectionPolicy, nowMs: number): Ejection {
  void policy;
  void nowMs;
  return ejection;
}
