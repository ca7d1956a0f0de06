/**
 * What control has found out about targets, as against what an operator wants of them: observations, which never wait for the store and
 * belong to no revision. Plain and structured-cloneable.
 */
import type { OperatorState } from './model.ts';

export interface TargetCondition {
  /** `unknown`: it was added to a running pool and has not been probed yet. Used only where nothing better is left. */
  readonly health: 'healthy' | 'unhealthy' | 'unknown';
  /** Above 0, at most 1: what is left of its weight, because it said that it is busy or told a weight of its own. */
  readonly factor: number;
  /** What the target said of itself; the stricter of this and the operator's word counts. */
  readonly told: OperatorState;
}

/** A target is healthy, with its whole weight, and ready, where nobody says otherwise. */
export const goodCondition: TargetCondition = { health: 'healthy', factor: 1, told: 'ready' };

/** The whole of what is known: replaces what was told before. Targets that are not named are in {@link goodCondition}. */
export interface Conditions {
  readonly targets: readonly ConditionOf[];
}

export interface ConditionOf extends TargetCondition {
  readonly service: string;
  readonly pool: string;
  readonly target: string;
}

export const noConditions: Conditions = { targets: [] };
