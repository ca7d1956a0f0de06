import { WeightsSchema } from '../config/schema.ts';
import { serviceNotFound } from '../src/core/change.ts';
import { change, changing, currentAnswer, showing } from './answers.ts';
import { requireObject } from './body.ts';
import type { AdminApiOptions } from './options.ts';
import { rejectionAnswer } from './problems.ts';
import type { Answer, Call, Route } from './route.ts';
import { serviceOf } from './services.ts';

const path = '/v1/services/:service/weights';
const example = '{"blue":90,"green":10}';

export const weightsRoutes: readonly Route[] = [
  {
    method: 'GET',
    path,
    summary: 'The weight of every pool of a service.',
    role: 'viewer',
    ...showing(WeightsSchema, 'SERVICE_NOT_FOUND'),
    handle(call, options) {
      const service = options.controller.model().services.find((candidate) => candidate.id === serviceOf(call));
      if (service === undefined) return rejectionAnswer(serviceNotFound(options.controller.model(), serviceOf(call)));
      return currentAnswer(Object.fromEntries(service.pools.map((pool) => [pool.id, service.weights[pool.id]!])), options);
    },
  },
  {
    method: 'PUT',
    path,
    summary: 'Sets the weights of a service; pools that are not named get 0. If all are 0, requests are answered with 503.',
    role: 'operator',
    ...changing('SERVICE_NOT_FOUND', 'POOL_NOT_FOUND'),
    body: WeightsSchema,
    handle: async (call, options) => setWeights('zero', call, options),
  },
  {
    method: 'PATCH',
    path,
    summary: 'Sets the weights of the pools that are named and leaves the others.',
    role: 'operator',
    ...changing('SERVICE_NOT_FOUND', 'POOL_NOT_FOUND'),
    body: WeightsSchema,
    handle: async (call, options) => setWeights('keep', call, options),
  },
];

function setWeights(others: 'zero' | 'keep', call: Call, options: AdminApiOptions): Promise<Answer> {
  return change({ kind: 'weights', service: serviceOf(call), weights: requireObject(call.body, example), others }, call, options);
}
