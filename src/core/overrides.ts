import type { OverrideMatch } from './model.ts';
import type { RouteSubject } from './routes.ts';

/** Overrides made ready for the hot path. */
export interface OverrideTable {
  readonly rules: readonly { readonly match: OverrideMatch; readonly pool: number }[];
}

/** @param salt the service's id: so that ten percent of one service are not the ten percent of another */
export function compileOverrides(overrides: readonly { readonly match: OverrideMatch; readonly pool: number }[], salt: string): OverrideTable {
  void salt;
  return { rules: overrides };
}

/** The pool that the first matching override forces, or -1. */
export function matchOverride(table: OverrideTable, subject: RouteSubject, clientAddress: string): number {
  void subject;
  void clientAddress;
  return table.rules.length * 0 - 1;
}
