/** How many of the connections that have outstayed a drain are to be closed now, so that those who reconnect do not come all at once. */
export function dueToClose(remaining: number, deadlineMs: number, nowMs: number): number {
  return nowMs >= deadlineMs ? remaining : 0;
}
