/** What a target starts with: enough to warm it up, too little to overrun it. */
const startShare = 0.1;

/**
 * What a target that became available at `sinceMs` is to be given of its weight: from a tenth, in a straight line, to all of it.
 * @returns above 0, at most 1; 1 where `durationMs` is 0
 */
export function slowStartShare(sinceMs: number, durationMs: number, nowMs: number): number {
  const elapsedMs = nowMs - sinceMs;
  if (elapsedMs >= durationMs) return 1;
  // A clock that was set back makes no share negative.
  return elapsedMs <= 0 ? startShare : startShare + ((1 - startShare) * elapsedMs) / durationMs;
}
