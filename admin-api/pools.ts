import { PoolSchema } from '../config/schema.ts';
import { findPool } from '../src/core/pool-changes.ts';
import { objectIn, servicesIn } from '../src/core/proposal.ts';
import { change, changing, currentAnswer, showing } from './answers.ts';
import { refuseBody, requireObject } from './body.ts';
import { changeAndDrain, drainMsOf } from './drained.ts';
import { rejectionAnswer } from './problems.ts';
import type { Call, Route } from './route.ts';
import { serviceOf } from './services.ts';

const path = '/v1/services/:service/pools/:pool';
const example = '{"targets":["http://127.0.0.1:3001"]}';

export const poolRoutes: readonly Route[] = [
  {
    method: 'GET',
    path,
    summary: 'One pool, as in the document.',
    role: 'viewer',
    ...showing(PoolSchema, 'SERVICE_NOT_FOUND', 'POOL_NOT_FOUND'),
    handle(call, options) {
      const { document } = options.controller.current();
      const place = findPool({ document, model: options.controller.model() }, serviceOf(call), poolOf(call));
      if (place.kind === 'rejected') return rejectionAnswer(place);
      const pools = objectIn(objectIn(servicesIn(document), place.service.id), 'pools');
      return currentAnswer(pools[place.pool.id], options);
    },
  },
  {
    method: 'PUT',
    path,
    summary:
      'Adds a pool, which has the weight 0 until it is given another, or replaces it; its state, and those of its targets, stay where the body names none.',
    role: 'admin',
    ...changing('SERVICE_NOT_FOUND'),
    body: PoolSchema,
    handle: (call, options) =>
      change({ kind: 'putPool', service: serviceOf(call), pool: poolOf(call), document: requireObject(call.body, example) }, call, options),
  },
  {
    method: 'DELETE',
    path,
    summary: 'Removes a pool that has no weight and that nothing names. What runs there may finish.',
    role: 'admin',
    ...changing('SERVICE_NOT_FOUND', 'POOL_NOT_FOUND', 'POOL_IN_USE'),
    handle(call, options) {
      refuseBody(call.body);
      const [service, pool] = [serviceOf(call), poolOf(call)];
      return changeAndDrain(
        { kind: 'deletePool', service, pool },
        { service, pool, deadlineMs: drainMsOf(service, options) },
        call,
        options,
      );
    },
  },
];

/** The id in the path. */
export function poolOf(call: Call): string {
  return call.params['pool']!;
}
