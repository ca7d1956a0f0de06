/** Changes after which something drains: on request they are answered when nothing runs there any more. */
import type { Command } from '../src/control/ports.ts';
import type { TargetReport } from '../src/core/reports.ts';
import { change, changeAnswer, refusalOf, type Remaining } from './answers.ts';
import type { AdminApiOptions } from './options.ts';
import { readCommandOptions, readParameter, timeoutMsMax } from './query.ts';
import type { Answer, Call } from './route.ts';
import { warningsOf } from './warnings.ts';

/** How often the workers are asked. Milliseconds. */
const askEveryMs = 100;
/** How long one of them may take to answer; a stopped one counts with what it said last. Milliseconds. */
const collectTimeoutMs = 500;
/** What is cut at the deadline goes over some seconds, so that not everybody comes back at once. Milliseconds. */
const afterDeadlineMs = 10_000;

/** A service, one of its pools, or one target of that: what is to drain. */
export interface Draining {
  readonly service: string;
  readonly pool?: string | undefined;
  readonly target?: string | undefined;
  /** How long what runs there may go on before it is cut. Milliseconds. */
  readonly deadlineMs: number;
}

/** Like `change`; with `wait=drained` the answer comes when nothing runs there any more, or with what does when the time is over. */
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
  return changeAnswer(reply, conditions, warnings, await waitForDrain(draining, startedMs + conditions.timeoutMs, options));
}

/** What still runs there when the time is over; nothing, as soon as that is so. Stopping does not wait for this. */
async function waitForDrain(draining: Draining, untilMs: number, { fleet, state }: AdminApiOptions): Promise<Remaining> {
  for (;;) {
    const { totals } = await fleet.read(collectTimeoutMs);
    const targets = totals.services
      .filter(({ id }) => id === draining.service)
      .flatMap((service) => service.pools.filter(({ id }) => draining.pool === undefined || id === draining.pool))
      .flatMap((pool) => pool.targets.filter(({ id }) => draining.target === undefined || isTarget(id, draining.target)));
    const remaining = inFlightBy(targets);
    const leftMs = untilMs - performance.now();
    if (targets.every(({ inFlight }) => inFlight === 0) || leftMs <= 0 || state() === 'draining') return remaining;
    await new Promise((resolve) => setTimeout(resolve, Math.min(askEveryMs, leftMs)));
  }
}

/** A target whose name has been resolved is reported once for each address, as `id@address`. */
function isTarget(reported: string, id: string): boolean {
  return reported === id || reported.startsWith(`${id}@`);
}

/** What runs on all of these, by kind. */
export function inFlightBy(targets: readonly TargetReport[]): Remaining {
  const sum = (of: (target: TargetReport) => number): number => targets.reduce((total, target) => total + of(target), 0);
  const [streaming, upgraded] = [sum((target) => target.streaming), sum((target) => target.upgraded)];
  return { http: sum((target) => target.inFlight) - streaming - upgraded, streaming, upgraded };
}

/** How long what runs may go on where nobody says otherwise. Any number for a service that there is none of: it is refused. */
export function drainMsOf(service: string, { controller }: AdminApiOptions): number {
  return controller.model().services.find(({ id }) => id === service)?.timeouts.drainMs ?? 0;
}
