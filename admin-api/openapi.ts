/** The table of calls as OpenAPI: what the paths take and answer, for people and for generators of clients. */
import type { FastifySchema } from 'fastify';
import { queryParameters } from './query.ts';
import type { Route } from './route.ts';

export const openApiInfo = {
  openapi: '3.1.0',
  info: {
    title: 'Sluice admin API',
    version: '1',
    description:
      'Moves live traffic. Every change is answered when every worker has applied it (200), or with the workers that have not (202).',
  },
  components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
} as const;

/** Fastify never validates with it: the handlers do, in sentences that say the way out. */
export function describeRoute(route: Route): FastifySchema {
  const parameters = [...route.path.matchAll(/:(\w+)/g)].map((match) => match[1]!);
  return {
    summary: route.summary,
    security: route.role === 'nobody' ? [] : [{ token: [] }],
    ...(parameters.length === 0
      ? {}
      : {
          params: {
            type: 'object',
            properties: Object.fromEntries(parameters.map((name) => [name, { type: 'string' }])),
            required: parameters,
          },
        }),
    ...(route.query.length === 0
      ? {}
      : { querystring: { type: 'object', properties: Object.fromEntries(route.query.map(describeParameter)) } }),
    ...(route.body === undefined ? {} : { body: route.body }),
  };
}

function describeParameter(name: keyof typeof queryParameters): [string, object] {
  const { schema, description } = queryParameters[name];
  return [name, { ...schema, description }];
}
