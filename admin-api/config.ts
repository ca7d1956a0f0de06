import { ConfigSchema } from '../config/schema.ts';
import { change, changing, currentAnswer, showing } from './answers.ts';
import { requireObject } from './body.ts';
import type { Route } from './route.ts';

const path = '/v1/config';
const example = '{"services":{"web":{"weights":{"blue":90,"green":10}}}}';

export const configRoutes: readonly Route[] = [
  {
    method: 'GET',
    path,
    summary: 'The whole document that is in force.',
    role: 'viewer',
    ...showing(ConfigSchema),
    handle: (_call, options) => currentAnswer(options.controller.current().document, options),
  },
  {
    method: 'PUT',
    path,
    summary: 'Replaces the whole document.',
    role: 'admin',
    ...changing('NEEDS_RESTART'),
    body: ConfigSchema,
    handle: (call, options) => change({ kind: 'replace', document: requireObject(call.body, example) }, call, options),
  },
  {
    method: 'PATCH',
    path,
    summary: 'Changes parts of the document by an RFC 7396 merge patch: several services in one revision.',
    role: 'admin',
    ...changing('NEEDS_RESTART'),
    body: { type: 'object', description: 'A merge patch: null removes, objects merge, everything else replaces.' },
    handle: (call, options) => change({ kind: 'patch', patch: requireObject(call.body, example) }, call, options),
  },
];
