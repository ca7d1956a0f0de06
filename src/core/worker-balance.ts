/** How many client connections a worker has open, and how many more it would let in. */
export interface WorkerLoad {
  readonly worker: number;
  readonly connections: number;
  /** By the names of listeners: what its part of `limits.connections` and its file descriptors leave. Infinity = there is no limit. */
  readonly rooms: ReadonlyMap<string, number>;
}

/** A worker that a connection could go to. */
export interface Candidate {
  readonly worker: number;
  readonly connections: number;
  /** How many it would let in of those that have nowhere else to go. */
  readonly room: number;
  /** How many of that it should be given only to spread the load. */
  readonly spare: number;
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
 * then above 1.5 times its share, as long as the others have room to spare.
 *
 * @param own connections of the worker that decides, without the new one
 * @param others what it knows of the others, and may be a little late
 */
export function handOverTo(own: number, others: readonly Candidate[]): number | undefined {
  let total = own + 1;
  let least: Candidate | undefined;
  for (const other of others) {
    total += other.connections;
    if (other.spare > 0 && (least === undefined || other.connections < least.connections)) least = other;
  }
  const share = total / (others.length + 1);
  if (least === undefined || least.connections >= own || own + 1 <= share * toleratedRatio + toleratedConnections) return undefined;
  return least.worker;
}

/**
 * Which worker a new connection has to go to where there is no room for it, or undefined where nobody else has room either.
 *
 * @param fullAt workers that have found no room for it already: it is not sent in a circle
 */
export function makeRoomAt(others: readonly Candidate[], fullAt: readonly number[]): number | undefined {
  let least: Candidate | undefined;
  for (const other of others) {
    if (other.room <= 0 || fullAt.includes(other.worker)) continue;
    if (least === undefined || other.connections < least.connections) least = other;
  }
  return least?.worker;
}
