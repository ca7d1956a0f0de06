/** Over how long connections that have outstayed a drain are closed. Milliseconds. */
export const closingSpreadMs = 5000;

/** The tick that {@link dueToClose} is asked on. Milliseconds. */
const tickMs = 100;
/** So many at once are no storm, and a handful need not wait. */
const perTickMin = 10;

/**
 * How many connections are to be closed by this tick because a drain's deadline has passed: evenly over {@link closingSpreadMs}, so that
 * those who come back do not come all at once, but at least ten a tick, and whatever is left when that time is over. A tick that was left
 * out is made up for by those that follow.
 * @param remaining connections that have not been told to close; those that are closing already do not count
 * @param deadlineMs on the same clock as `nowMs`; nothing is due before it
 */
export function dueToClose(remaining: number, deadlineMs: number, nowMs: number): number {
  if (nowMs < deadlineMs) return 0;
  const ticksLeft = Math.ceil((deadlineMs + closingSpreadMs - nowMs) / tickMs);
  if (ticksLeft <= 1) return remaining;
  return Math.min(remaining, Math.max(perTickMin, Math.ceil(remaining / ticksLeft)));
}
