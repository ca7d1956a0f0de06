/** What happened to targets between two looks at the fleet: who was ejected or readmitted, taken out or brought back, and who is done. */
import type { WorkerReading } from './merge-reports.ts';
import type { OperatorState } from './model.ts';
import type { ServiceReport, TargetReport, WorkerReport } from './reports.ts';
import type { Snapshot } from './snapshot.ts';

/** What was in force, and what the fleet had counted by then. */
export interface Look {
  readonly snapshot: Snapshot;
  readonly totals: WorkerReport;
  /** Those that live, with what each of them said last. */
  readonly workers: readonly Pick<WorkerReading, 'report'>[];
}

export interface Transition {
  readonly kind: 'ejection' | 'state' | 'drain';
  readonly service: string;
  readonly pool: string;
  /** '' = it is about all targets of the pool. */
  readonly target: string;
  readonly from: string;
  readonly to: string;
  /** Why, in a few words. */
  readonly cause: string;
}

/** One target in one look; `state` is undefined where the snapshot does not have it (any more). */
interface Seen {
  readonly state: OperatorState | undefined;
  readonly inFlight: number;
  readonly ejected: boolean;
  readonly ejections: number;
}

type Named = Pick<Transition, 'service' | 'pool' | 'target'>;

const unseen: Seen = { state: undefined, inFlight: 0, ejected: false, ejections: 0 };

/** In the order of the snapshots, pool by pool: ejections and states. Nothing is said of targets that were not there before. */
export function transitionsBetween(before: Look, after: Look): Transition[] {
  return byPool(before, after, (pool, was, is) => {
    const targets = new Set([...was.keys(), ...is.keys()]).size;
    const states = eachTarget(pool, was, is, (named, from, to) => changeOfState(named, from, to, after.snapshot.revision));
    return [...eachTarget(pool, was, is, ejectionOf), ...inOne(states, targets)];
  });
}

/**
 * Whether every worker has applied what was in force, and said so: before that, one of them may yet send somebody where something is to
 * drain.
 */
export function isSettled({ snapshot, workers }: Look): boolean {
  return workers.every(({ report }) => report !== undefined && report.revision >= snapshot.revision);
}

/** Which drains have come to their end between two looks that are settled (see {@link isSettled}), in the same order. */
export function drainsBetween(before: Look, after: Look): Transition[] {
  return byPool(before, after, (pool, was, is) => eachTarget(pool, was, is, endOfDrain));
}

type Targets = ReadonlyMap<string, Seen>;

function byPool(before: Look, after: Look, of: (pool: Named, was: Targets, is: Targets) => Transition[]): Transition[] {
  const busy = servicesThatDiffer(before, after);
  if (busy.size === 0) return [];
  const earlier = lookAt(before, busy);
  const later = lookAt(after, busy);
  return [...new Set([...earlier.keys(), ...later.keys()])].flatMap((service) => {
    const was = earlier.get(service);
    const is = later.get(service);
    return [...new Set([...(was?.keys() ?? []), ...(is?.keys() ?? [])])].flatMap((pool) =>
      of({ service, pool, target: '' }, was?.get(pool) ?? new Map(), is?.get(pool) ?? new Map()),
    );
  });
}

function eachTarget(pool: Named, was: Targets, is: Targets, of: (named: Named, before: Seen, after: Seen) => Transition[]): Transition[] {
  return [...new Set([...was.keys(), ...is.keys()])].flatMap((target) =>
    of({ ...pool, target }, was.get(target) ?? unseen, is.get(target) ?? unseen),
  );
}

function ejectionOf(named: Named, before: Seen, after: Seen): Transition[] {
  const found: Transition[] = [];
  const hasBeenEjected = after.ejections > before.ejections;
  if (hasBeenEjected) found.push({ kind: 'ejection', ...named, from: 'available', to: 'ejected', cause: 'connections failed' });
  if ((before.ejected || hasBeenEjected) && !after.ejected) {
    found.push({ kind: 'ejection', ...named, from: 'ejected', to: 'readmitted', cause: 'no worker leaves it out any more' });
  }
  return found;
}

function changeOfState(named: Named, { state: from }: Seen, { state: to }: Seen, revision: number): Transition[] {
  if (from === undefined || to === undefined || from === to) return [];
  return [{ kind: 'state', ...named, from, to, cause: `revision ${revision}` }];
}

function endOfDrain(named: Named, before: Seen, after: Seen): Transition[] {
  if (isDone(before) || !isDone(after)) return [];
  return [{ kind: 'drain', ...named, from: after.state ?? 'removed', to: 'drained', cause: 'nothing runs there any more' }];
}

/** Taken out, and nothing runs there. */
function isDone({ state, inFlight }: Seen): boolean {
  return state !== 'ready' && inFlight === 0;
}

/** A pool that is taken out as a whole is one event, not one for each of its thousand targets. */
function inOne(states: readonly Transition[], targets: number): readonly Transition[] {
  const [first] = states;
  if (first === undefined || states.length < 2 || states.length < targets) return states;
  return states.every(({ from, to }) => from === first.from && to === first.to) ? [{ ...first, target: '' }] : states;
}

/** Services in which anything can have happened: where there are a thousand, that is hardly any from one second to the next. */
function servicesThatDiffer(before: Look, after: Look): ReadonlySet<string> {
  const earlier = new Map(before.totals.services.map((service) => [service.id, service]));
  const busy = new Set<string>();
  for (const service of after.totals.services) {
    if (!isQuiet(earlier.get(service.id), service)) busy.add(service.id);
    earlier.delete(service.id);
  }
  for (const id of earlier.keys()) busy.add(id);
  if (before.snapshot === after.snapshot) return busy;
  for (const service of [...before.snapshot.services, ...after.snapshot.services]) busy.add(service.id);
  return busy;
}

/** Whether nothing of the two is different that an event tells of, whatever the states of the targets are. */
function isQuiet(before: ServiceReport | undefined, after: ServiceReport): boolean {
  if (before === after) return true;
  if (before === undefined || before.pools.length !== after.pools.length) return false;
  for (const [index, { id, targets }] of after.pools.entries()) {
    const pool = before.pools[index]!;
    if (pool.id !== id || pool.targets.length !== targets.length) return false;
    for (const [place, target] of targets.entries()) if (!isSameToEvents(pool.targets[place]!, target)) return false;
  }
  return true;
}

function isSameToEvents(a: TargetReport, b: TargetReport): boolean {
  if (a === b) return true;
  return a.id === b.id && a.ejected === b.ejected && a.ejections === b.ejections && (a.inFlight === 0) === (b.inFlight === 0);
}

/** By service, pool and target; of these services. */
function lookAt(
  { snapshot, totals }: Look,
  wanted: ReadonlySet<string>,
): ReadonlyMap<string, ReadonlyMap<string, ReadonlyMap<string, Seen>>> {
  const services = new Map<string, Map<string, Map<string, Seen>>>();
  const poolOf = (service: string, pool: string): Map<string, Seen> => {
    const pools = services.get(service) ?? new Map<string, Map<string, Seen>>();
    services.set(service, pools);
    const targets = pools.get(pool) ?? new Map<string, Seen>();
    pools.set(pool, targets);
    return targets;
  };
  for (const service of snapshot.services) {
    if (!wanted.has(service.id)) continue;
    for (const pool of service.pools) {
      const targets = poolOf(service.id, pool.id);
      for (const { id, state } of pool.targets) targets.set(id, { ...unseen, state });
    }
  }
  for (const service of totals.services) {
    if (!wanted.has(service.id)) continue;
    for (const pool of service.pools) {
      const targets = poolOf(service.id, pool.id);
      for (const { id, inFlight, ejected, ejections } of pool.targets) {
        targets.set(id, { state: targets.get(id)?.state, inFlight, ejected, ejections });
      }
    }
  }
  return services;
}
