/** The table of calls as OpenAPI: what the paths take and answer, for people and for generators of clients. */
import type { FastifySchema } from 'fastify';
import { Type, type TSchema } from 'typebox';
import { errorSummaries, type ErrorCode } from '../src/core/errors.ts';
import { statusOf } from './error-status.ts';
import { ProblemDocumentSchema } from './problems.ts';
import { queryParameters } from './query.ts';
import type { AnswerDescription, Route } from './route.ts';

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

export const openApiRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/openapi.json',
    summary: 'This table of calls for programs, as OpenAPI.',
    role: 'viewer',
    query: [],
    answers: { 200: { description: 'An OpenAPI 3.1 document.', schema: Type.Object({ openapi: Type.String() }) } },
    errors: [],
    handle: (_call, { openApi }) => ({ status: 200, body: openApi() }),
  },
];

/** Everything that a call may be refused with: what the route itself knows, and what is decided before it is asked. */
export function errorsOf(route: Route): ErrorCode[] {
  const codes = new Set<ErrorCode>(['MALFORMED', 'FORBIDDEN', 'INTERNAL', ...route.errors]);
  if (route.role !== 'public') codes.add('UNAUTHENTICATED');
  if (route.method !== 'GET') codes.add('CROSS_ORIGIN').add('UNSUPPORTED_MEDIA_TYPE').add('BODY_TOO_LARGE').add('INVALID');
  return [...codes];
}

/** Fastify never validates with it: the handlers do, in sentences that say the way out. */
export function describeRoute(route: Route): FastifySchema {
  const parameters = [...route.path.matchAll(/:(\w+)/g)].map((match) => match[1]!);
  return {
    summary: route.summary,
    security: route.role === 'public' ? [] : [{ token: [] }],
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
    ...(route.ifMatch === true ? { headers: { type: 'object', properties: { 'if-match': ifMatch } } } : {}),
    ...(route.body === undefined ? {} : { body: route.body }),
    response: describeResponses(route),
  };
}

const ifMatch = {
  type: 'string',
  description: 'The ETag of what the change is based on; 412 where another revision is in force. "*" for any.',
};

/** Schemas that have a name of their own in the document, and are referred to by it. */
export function namedSchemas(routes: readonly Route[]): readonly TSchema[] {
  const schemas = routes.flatMap((route) => Object.values(route.answers).map(({ schema }) => schema));
  const named = [ProblemDocumentSchema, ...schemas].filter((schema) => schema !== undefined && nameOf(schema) !== undefined);
  return [...new Set(named)] as TSchema[];
}

function describeResponses(route: Route): object {
  const responses: Record<string, object> = {};
  for (const [status, answer] of Object.entries(route.answers)) responses[status] = describeAnswer(answer);
  for (const code of errorsOf(route)) {
    const status = String(statusOf[code]);
    const others = errorsOf(route).filter((candidate) => statusOf[candidate] === statusOf[code]);
    const description = others.map((other) => `${other}: ${errorSummaries[other]}`).join(' ');
    // A probe answers 503 in its own words.
    responses[status] ??= { description, content: { 'application/problem+json': { schema: reference(ProblemDocumentSchema) } } };
  }
  return responses;
}

function describeAnswer({ description, schema, etag = false }: AnswerDescription): object {
  return {
    description,
    content:
      schema === undefined ? { 'text/plain': { schema: { type: 'string' } } } : { 'application/json': { schema: reference(schema) } },
    ...(etag ? { headers: { etag: { type: 'string', description: 'The revision in force, for If-Match.' } } } : {}),
  };
}

function reference(schema: TSchema): object {
  const name = nameOf(schema);
  return name === undefined ? schema : { $ref: `${name}#` };
}

function nameOf(schema: object): string | undefined {
  return '$id' in schema && typeof schema.$id === 'string' ? schema.$id : undefined;
}

function describeParameter(name: keyof typeof queryParameters): [string, object] {
  const { schema, description } = queryParameters[name];
  return [name, { ...schema, description }];
}
