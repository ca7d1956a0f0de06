/** How many client connections a worker has open. */
export interface WorkerLoad {
  readonly worker: number;
  readonly connections: number;
}

/** A worker may have so much more than its share … */
const toleratedRatio = 1.25;
/** … and so many connections on top, so that a handful of short ones is never worth moving. */
const toleratedConnections = 2;

/**
 * Which worker a new connection should rather go to, or undefined to keep it.
 *
 * Workers accept from one shared socket, and whoever wakes first takes all that waits there: 64 connections over 4 workers fell 37/17/10/0.
 * So a worker that is above its share hands a new connection on to the one with the fewest. With 8 connections per worker or more nobody is
 * then above 1.5 times its share.
 *
 * @param own connections of the worker that decides, without the new one
 * @param others what it knows of the others, and may be a little late
 */
export function handOverTo(own: number, others: readonly WorkerLoad[]): number | undefined {
  let total = own + 1;
  let least: WorkerLoad | undefined;
  for (const other of others) {
    total += other.connections;
    if (least === undefined || other.connections < least.connections) least = other;
  }
  const share = total / (others.length + 1);
  if (least === undefined || own + 1 <= share * toleratedRatio + toleratedConnections) return undefined;
  return least.worker;
}
