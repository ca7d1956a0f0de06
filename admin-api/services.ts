import { Type } from 'typebox';
import { ServiceSchema } from '../config/schema.ts';
import { serviceNotFound } from '../src/core/change.ts';
import { isJsonObject, type Json } from '../src/core/json.ts';
import { change, changing, currentAnswer, showing } from './answers.ts';
import { refuseBody, requireObject } from './body.ts';
import { changeAndDrain, drainMsOf } from './drained.ts';
import type { AdminApiOptions } from './options.ts';
import { rejectionAnswer } from './problems.ts';
import type { Call, Route } from './route.ts';

const path = '/v1/services/:service';
const example = '{"pools":{"blue":{"targets":["http://127.0.0.1:3001"]}},"weights":{"blue":100}}';

export const serviceRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/v1/services',
    summary: 'Every service by its id, as in the document.',
    role: 'viewer',
    ...showing(Type.Record(Type.String(), ServiceSchema)),
    handle: (_call, options) => currentAnswer(documentOfServices(options), options),
  },
  {
    method: 'GET',
    path,
    summary: 'One service, as in the document.',
    role: 'viewer',
    ...showing(ServiceSchema, 'SERVICE_NOT_FOUND'),
    handle(call, options) {
      const id = serviceOf(call);
      const services = documentOfServices(options);
      if (!Object.hasOwn(services, id)) return rejectionAnswer(serviceNotFound(options.controller.model(), id));
      return currentAnswer(services[id], options);
    },
  },
  {
    method: 'PUT',
    path,
    summary: 'Adds a service or replaces it.',
    role: 'admin',
    ...changing(),
    body: ServiceSchema,
    handle: (call, options) =>
      change({ kind: 'putService', service: serviceOf(call), document: requireObject(call.body, example) }, call, options),
  },
  {
    method: 'PATCH',
    path,
    summary: 'Changes parts of a service by an RFC 7396 merge patch.',
    role: 'admin',
    ...changing('SERVICE_NOT_FOUND'),
    body: { type: 'object', description: 'A merge patch: null removes, objects merge, everything else replaces.' },
    handle: (call, options) =>
      change({ kind: 'patchService', service: serviceOf(call), patch: requireObject(call.body, example) }, call, options),
  },
  {
    method: 'DELETE',
    path,
    summary: 'Removes a service that no route names any more.',
    role: 'admin',
    ...changing('SERVICE_NOT_FOUND'),
    handle(call, options) {
      refuseBody(call.body);
      const service = serviceOf(call);
      return changeAndDrain({ kind: 'deleteService', service }, { service, deadlineMs: drainMsOf(service, options) }, call, options);
    },
  },
];

/** The id in the path. */
export function serviceOf(call: Call): string {
  return call.params['service']!;
}

function documentOfServices({ controller }: AdminApiOptions): Readonly<Record<string, Json>> {
  const services = controller.current().document['services'];
  return isJsonObject(services) ? services : {};
}
