import { TargetSchema } from '../config/schema.ts';
import { findTarget, itemsOf } from '../src/core/pool-changes.ts';
import { asObject } from '../src/core/target-items.ts';
import type { Json, JsonObject } from '../src/core/json.ts';
import { change, changing, currentAnswer, showing } from './answers.ts';
import { refuseBody, requireObject } from './body.ts';
import { changeAndDrain, drainMsOf } from './drained.ts';
import { poolOf } from './pools.ts';
import { rejectionAnswer } from './problems.ts';
import type { Call, Route } from './route.ts';
import { serviceOf } from './services.ts';

const path = '/v1/services/:service/pools/:pool/targets/:target';
const example = '{"url":"http://127.0.0.1:3001","weight":2}';

export const targetRoutes: readonly Route[] = [
  {
    method: 'GET',
    path,
    summary: 'One target, as in the document; as an object, also where the document has only its URL.',
    role: 'viewer',
    ...showing(TargetSchema, 'SERVICE_NOT_FOUND', 'POOL_NOT_FOUND', 'TARGET_NOT_FOUND'),
    handle(call, options) {
      const standing = { document: options.controller.current().document, model: options.controller.model() };
      const place = findTarget(standing, serviceOf(call), poolOf(call), targetOf(call));
      if (place.kind === 'rejected') return rejectionAnswer(place);
      return currentAnswer(asObject(itemsOf(standing, place)[place.index]!), options);
    },
  },
  {
    method: 'PUT',
    path,
    summary:
      'Adds a target or replaces it, but for its state where the body names none. The body is an object, or its URL alone. A new URL under an old id is the same target, moved.',
    role: 'admin',
    ...changing('SERVICE_NOT_FOUND', 'POOL_NOT_FOUND'),
    body: { anyOf: [TargetSchema, { type: 'string' }] },
    handle: (call, options) => change({ kind: 'putTarget', ...placeOf(call), document: readTarget(call.body) }, call, options),
  },
  {
    method: 'DELETE',
    path,
    summary: 'Removes a target. What runs there may finish.',
    role: 'admin',
    ...changing('SERVICE_NOT_FOUND', 'POOL_NOT_FOUND', 'TARGET_NOT_FOUND'),
    handle(call, options) {
      refuseBody(call.body);
      const place = placeOf(call);
      return changeAndDrain({ kind: 'deleteTarget', ...place }, { ...place, deadlineMs: drainMsOf(place.service, options) }, call, options);
    },
  },
];

/** The id in the path. */
export function targetOf(call: Call): string {
  return call.params['target']!;
}

function placeOf(call: Call): { readonly service: string; readonly pool: string; readonly target: string } {
  return { service: serviceOf(call), pool: poolOf(call), target: targetOf(call) };
}

function readTarget(body: Json | undefined): JsonObject {
  return typeof body === 'string' ? { url: body } : requireObject(body, example);
}
