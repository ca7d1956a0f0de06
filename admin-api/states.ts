/** What an operator wants of a pool or a target: ready, drain or maint. */
import { readDuration } from '../config/units.ts';
import type { Problem } from '../src/core/errors.ts';
import { childPointer, type JsonObject } from '../src/core/json.ts';
import type { OperatorState } from '../src/core/model.ts';
import { changing } from './answers.ts';
import { requireObject } from './body.ts';
import { changeAndDrain, drainMsOf } from './drained.ts';
import type { AdminApiOptions } from './options.ts';
import { poolOf } from './pools.ts';
import { Refusal } from './problems.ts';
import { nothingDrains, readParameter } from './query.ts';
import type { Answer, Call, Route } from './route.ts';
import { serviceOf } from './services.ts';
import { targetOf } from './targets.ts';

/** A pool, or one of its targets. */
interface Place {
  readonly service: string;
  readonly pool: string;
  readonly target: string | undefined;
}

const example = '{"state":"drain","deadline":"30s"}';

const body = {
  type: 'object',
  properties: {
    state: {
      enum: ['ready', 'drain', 'maint'],
      description:
        'drain: nobody new. Clients bound to a target may stay until the deadline; those of a pool move to another at once, but for sticky.onShrink: keep. maint: nobody, at once.',
    },
    deadline: {
      type: 'string',
      description:
        'How long what runs may go on, from now; then it is ended. Default: timeouts.drain of the service; where the state is this one already, the deadline that it has. Not with ready.',
    },
  },
  required: ['state'],
  additionalProperties: false,
};

export const stateRoutes: readonly Route[] = [
  {
    method: 'POST',
    path: '/v1/services/:service/pools/:pool/state',
    summary: 'Takes a pool out (drain, maint) or back in (ready). Its weight stays written, and counts as 0 until it is back.',
    role: 'operator',
    ...changing('SERVICE_NOT_FOUND', 'POOL_NOT_FOUND'),
    body,
    handle: async (call, options) => setState(undefined, call, options),
  },
  {
    method: 'POST',
    path: '/v1/services/:service/pools/:pool/targets/:target/state',
    summary: 'Takes a target out (drain, maint) or back in (ready).',
    role: 'operator',
    ...changing('SERVICE_NOT_FOUND', 'POOL_NOT_FOUND', 'TARGET_NOT_FOUND'),
    body,
    handle: async (call, options) => setState(targetOf(call), call, options),
  },
];

function setState(target: string | undefined, call: Call, options: AdminApiOptions): Promise<Answer> {
  const place = { service: serviceOf(call), pool: poolOf(call), target };
  const { state, deadlineMs } = readState(requireObject(call.body, example));
  if (state === 'ready' && readParameter(call, 'wait') === 'drained') throw nothingDrains('the state is ready');
  const nowMs = (options.nowMs ?? Date.now)();
  const restMs = deadlineMs ?? drainMsOf(place.service, options);
  const drainUntil = state === 'ready' ? undefined : new Date(nowMs + restMs).toISOString();
  const command = { kind: 'state', ...place, state, drainUntil, isDeadlineGiven: deadlineMs !== undefined } as const;
  const waitMs = deadlineMs ?? restOf(place, state, nowMs, options) ?? restMs;
  return changeAndDrain(command, { ...place, deadlineMs: waitMs }, call, options);
}

/** How long the drain has still to go, where it is in this state already; undefined where it is not, or has no deadline. Milliseconds. */
function restOf(place: Place, state: OperatorState, nowMs: number, { controller }: AdminApiOptions): number | undefined {
  const service = controller.model().services.find(({ id }) => id === place.service);
  const pool = service?.pools.find(({ id }) => id === place.pool);
  const home = place.target === undefined ? pool : pool?.targets.find(({ id }) => id === place.target);
  return home?.state === state && home.drainUntilMs !== undefined ? Math.max(0, home.drainUntilMs - nowMs) : undefined;
}

function readState(sent: JsonObject): { readonly state: OperatorState; readonly deadlineMs?: number } {
  const problems: Problem[] = [];
  const { state, deadline, ...unknown } = sent;
  for (const key of Object.keys(unknown)) {
    problems.push({ pointer: childPointer('', key), message: `unknown key ${JSON.stringify(key)}; expected state or deadline` });
  }
  if (state !== 'ready' && state !== 'drain' && state !== 'maint') {
    problems.push({
      pointer: '/state',
      message: `expected ready, drain or maint, found ${state === undefined ? 'nothing' : JSON.stringify(state)}`,
    });
  }
  const reading = deadline === undefined ? undefined : readDuration(deadline);
  if (reading !== undefined && state === 'ready') {
    problems.push({ pointer: '/deadline', message: 'nothing ends when the state is ready; leave it out' });
  } else if (reading?.ok === false) problems.push({ pointer: '/deadline', message: reading.message });
  if (problems.length > 0 || state === undefined) {
    throw new Refusal('INVALID', `The state cannot be set; send for example ${example}.`, { problems });
  }
  return { state: state as OperatorState, ...(reading?.ok === true ? { deadlineMs: reading.value } : {}) };
}
