import type { Problem } from '../src/core/errors.ts';
import { childPointer, type JsonObject } from '../src/core/json.ts';
import { change, changing } from './answers.ts';
import { requireObject } from './body.ts';
import { Refusal } from './problems.ts';
import type { Route } from './route.ts';
import { serviceOf } from './services.ts';

const example = '{"to":"green"}';

export const switchRoutes: readonly Route[] = [
  {
    method: 'POST',
    path: '/v1/services/:service/switch',
    summary: 'Sends all of a service’s new requests to one pool, in one step.',
    role: 'operator',
    ...changing('SERVICE_NOT_FOUND', 'POOL_NOT_FOUND'),
    body: {
      type: 'object',
      properties: { to: { type: 'string', description: 'The pool.' }, mode: { enum: ['atomic'], default: 'atomic' } },
      required: ['to'],
      additionalProperties: false,
    },
    handle: async (call, options) =>
      change({ kind: 'switch', service: serviceOf(call), to: readSwitch(requireObject(call.body, example)) }, call, options),
  },
];

function readSwitch(body: JsonObject): string {
  const problems: Problem[] = [];
  const { to, mode, ...unknown } = body;
  for (const key of Object.keys(unknown)) {
    problems.push({ pointer: childPointer('', key), message: `unknown key ${JSON.stringify(key)}; expected to or mode` });
  }
  if (typeof to !== 'string') {
    problems.push({ pointer: '/to', message: `expected the name of a pool, found ${to === undefined ? 'nothing' : JSON.stringify(to)}` });
  }
  if (mode === 'exclusive') problems.push({ pointer: '/mode', message: '"exclusive" is not supported yet; leave it out for "atomic"' });
  else if (mode !== undefined && mode !== 'atomic') {
    problems.push({ pointer: '/mode', message: `expected "atomic", found ${JSON.stringify(mode)}` });
  }
  if (problems.length === 0 && typeof to === 'string') return to;
  throw new Refusal('INVALID', `The switch cannot be made; send for example ${example}.`, { problems });
}
