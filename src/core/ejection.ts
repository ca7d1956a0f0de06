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
  /** Since when it has not been ejected, as far as that has not been rewarded by a lower `times`; of no meaning where `times` is 0. */
  readonly calmSinceMs: number;
}

export const notEjected: Ejection = { failures: 0, times: 0, untilMs: 0, calmSinceMs: 0 };

/** The pool that the target is in, itself included. */
export interface Crowd {
  readonly targets: number;
  readonly ejected: number;
  readonly available: number;
}

/** So many times `baseMs` without being ejected make up for one ejection. */
const calmBases = 5;

/** A connection to it could not be made, was reset, or was silent for too long. */
export function afterFailure(ejection: Ejection, policy: EjectionPolicy, crowd: Crowd, nowMs: number): Ejection {
  // Requests that began before the target was ejected may fail long after: what they say is known already.
  if (policy.failures === 0 || ejection.untilMs !== 0) return ejection;
  const failures = ejection.failures + 1;
  if (failures < policy.failures || !mayEject(policy, crowd)) return { ...ejection, failures };
  // Times that no longer make it longer are not counted, or a target that was bad for an hour would be remembered for a day.
  const times = Math.min(ejection.times + 1, Math.max(1, Math.ceil(policy.maxMs / Math.max(1, policy.baseMs))));
  return { failures: 0, times, untilMs: nowMs + Math.min(policy.baseMs * times, policy.maxMs), calmSinceMs: 0 };
}

/** The clock is not asked: a success says that the target is well, whenever it began. */
export function afterSuccess(ejection: Ejection, _nowMs: number): Ejection {
  if (ejection.failures === 0) return ejection;
  return ejection.times === 0 ? notEjected : { ...ejection, failures: 0 };
}

/** What time alone does: readmits it, and forgets old times. Called about every second. */
export function afterTime(ejection: Ejection, policy: EjectionPolicy, nowMs: number): Ejection {
  if (ejection.untilMs !== 0) return nowMs < ejection.untilMs ? ejection : readmit(ejection, policy);
  const rewardMs = calmBases * Math.max(1, policy.baseMs);
  const rewards = Math.floor((nowMs - ejection.calmSinceMs) / rewardMs);
  if (ejection.times === 0 || rewards < 1) return ejection;
  if (rewards >= ejection.times) return { ...notEjected, failures: ejection.failures };
  return { ...ejection, times: ejection.times - rewards, calmSinceMs: ejection.calmSinceMs + rewards * rewardMs };
}

/** One failure short of the next ejection: the first request shows whether it was readmitted too early. */
function readmit({ times, untilMs }: Ejection, policy: EjectionPolicy): Ejection {
  return { failures: Math.max(0, policy.failures - 1), times, untilMs: 0, calmSinceMs: untilMs };
}

/** The target that failed was picked, so it is one of the available, and another one has to be left when it is out. */
function mayEject({ maxShare }: EjectionPolicy, { targets, ejected, available }: Crowd): boolean {
  if (maxShare === 0 || available < 2) return false;
  // 0.29 × 100 is 28.999…96 in binary; what is meant is 29.
  const ejectedMax = Math.max(1, Math.floor(maxShare * targets + 1e-9));
  return ejected < ejectedMax;
}
