/** Changes after which something drains: on request they are answered when that is over. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command, Reply } from '../src/control/ports.ts';
import { takesBoundClients } from '../src/core/bound-clients.ts';
import { change, changeAnswer, inFlightBy, refusalOf, type DrainProgress } from './answers.ts';
import type { AdminApiOptions } from './options.ts';
import { readCommandOptions, readParameter, timeoutMsMax } from './query.ts';
import type { Answer, Call } from './route.ts';
import { snapshotOf } from './service-status.ts';
import { warningsOf } from './warnings.ts';

/** How often the workers are asked. Milliseconds. */
const askEveryMs = 100;
/** How long one of them may take to answer; a stopped one counts with what it said last. Milliseconds. */
const collectTimeoutMs = 500;
/** What is cut at the deadline goes over some seconds, so that not everybody comes back at once. Milliseconds. */
const afterDeadlineMs = 10_000;

type Accepted = Extract<Reply, { kind: 'accepted' }>;

/** A service, one of its pools, or one target of that: what is to drain. */
export interface Draining {
  readonly service: string;
  readonly pool?: string | undefined;
  readonly target?: string | undefined;
  /** How long what runs there may go on before it is cut. Milliseconds. */
  readonly deadlineMs: number;
}

/** Like `change`; with `wait=drained` the answer comes when it has drained, or with how far that is when the time is over. */
export async function changeAndDrain(command: Command, draining: Draining, call: Call, options: AdminApiOptions): Promise<Answer> {
  if (readParameter(call, 'wait') !== 'drained') return change(command, call, options);
  const query = new Map(call.query).set('wait', 'workers');
  if (!query.has('timeout')) query.set('timeout', `${Math.min(draining.deadlineMs + afterDeadlineMs, timeoutMsMax)}ms`);
  const conditions = readCommandOptions({ ...call, query });
  const startedMs = performance.now();
  const reply = await options.controller.execute(command, conditions);
  if (reply.kind === 'rejected') return refusalOf(reply, command, call, options);
  const warnings = warningsOf(command, reply, options);
  if (conditions.dryRun) return changeAnswer(reply, conditions, warnings);
  const progress = await waitForDrain(draining, reply.revision, startedMs + conditions.timeoutMs, call, options);
  return changeAnswer(caughtUp(reply, progress, performance.now() - startedMs), conditions, warnings, progress);
}

/** Those who were late with the change and have applied it while the drain was waited for, are late no more. */
function caughtUp(reply: Accepted, { late }: Progress, elapsedMs: number): Accepted {
  const isLate = ({ pid }: Accepted['stragglers'][number]): boolean => late.has(pid);
  const applied = reply.stragglers.filter((worker) => !isLate(worker)).map(({ worker }) => ({ worker, ms: elapsedMs }));
  return { ...reply, applied: [...reply.applied, ...applied], stragglers: reply.stragglers.filter(isLate) };
}

interface Progress extends DrainProgress {
  /** The process ids of workers that have not said that they have applied the change. */
  readonly late: ReadonlySet<number>;
  /** Somebody has brought it back, so there is nothing to wait for. */
  readonly isBack: boolean;
}

/** How far it is when it has drained, or when the time is over. Neither stopping nor a caller who has hung up waits for this. */
async function waitForDrain(
  draining: Draining,
  revision: number,
  untilMs: number,
  { signal }: Call,
  options: AdminApiOptions,
): Promise<Progress> {
  for (;;) {
    const progress = await look(draining, revision, options);
    const leftMs = untilMs - performance.now();
    if (progress.isDrained || progress.isBack || leftMs <= 0 || options.state() === 'draining') return progress;
    // Rejects when the caller has hung up.
    await sleep(Math.min(askEveryMs, leftMs), undefined, { signal }).catch(() => {});
    if (signal.aborted) return progress;
  }
}

/** Drained = every worker has applied it, nothing runs there, and nobody may come any more. */
async function look(draining: Draining, revision: number, options: AdminApiOptions): Promise<Progress> {
  // Before the workers are asked: what they say is to be at least as new as this.
  const snapshot = snapshotOf(options);
  const nowMs = (options.nowMs ?? Date.now)();
  const { workers, totals } = await options.fleet.read(collectTimeoutMs);
  const awaited = Math.max(revision, snapshot.revision);
  const late = new Set(workers.filter(({ report }) => (report?.revision ?? 0) < awaited).map(({ pid }) => pid));
  const remaining = inFlightBy(placesIn(totals.services, draining).map(({ target }) => target));
  const places = placesIn(snapshot.services, draining);
  const mayCome = places.some(({ service, pool, target }) => takesBoundClients(service, pool, target, nowMs));
  const isIdle = remaining.http + remaining.streaming + remaining.upgraded === 0;
  const isBack = places.some(({ target }) => target.state === 'ready');
  return { late, isBack, remaining, mayCome, isDrained: late.size === 0 && isIdle && !mayCome && !isBack };
}

interface ServiceOf<T> {
  readonly id: string;
  readonly pools: readonly { readonly id: string; readonly targets: readonly T[] }[];
}

/** The targets that are to drain, with their service and the index of their pool. */
function placesIn<T extends { readonly id: string }, S extends ServiceOf<T>>(
  services: readonly S[],
  draining: Draining,
): { readonly service: S; readonly pool: number; readonly target: S['pools'][number]['targets'][number] }[] {
  return services
    .filter(({ id }) => id === draining.service)
    .flatMap((service) =>
      service.pools.flatMap(({ id, targets }, pool) =>
        draining.pool !== undefined && id !== draining.pool
          ? []
          : targets
              .filter((target) => draining.target === undefined || isTarget(target.id, draining.target))
              .map((target) => ({ service, pool, target })),
      ),
    );
}

/** A target whose name has been resolved is reported once for each address, as `id@address`. */
function isTarget(reported: string, id: string): boolean {
  return reported === id || reported.startsWith(`${id}@`);
}

/** How long what runs may go on where nobody says otherwise. Any number for a service that there is none of: it is refused. */
export function drainMsOf(service: string, { controller }: AdminApiOptions): number {
  return controller.model().services.find(({ id }) => id === service)?.timeouts.drainMs ?? 0;
}
