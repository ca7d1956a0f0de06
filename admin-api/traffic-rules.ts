/** The lists of a service that say where some requests go besides, or regardless of, its weights: mirrors and overrides. */
import { MirrorsSchema, OverridesSchema } from '../config/schema.ts';
import { serviceNotFound } from '../src/core/change.ts';
import type { Json } from '../src/core/json.ts';
import { objectIn, servicesIn } from '../src/core/proposal.ts';
import { change, changing, currentAnswer, showing } from './answers.ts';
import { Refusal, rejectionAnswer } from './problems.ts';
import type { Route } from './route.ts';
import { serviceOf } from './services.ts';

const rules = [
  {
    kind: 'mirrors',
    schema: MirrorsSchema,
    example: '[{"pool":"shadow","percent":10}]',
    reads: 'Which pools get copies of requests.',
    replaces: 'Replaces the list of pools that get copies of requests; an empty list ends mirroring.',
  },
  {
    kind: 'overrides',
    schema: OverridesSchema,
    example: '[{"match":{"headers":{"x-canary":"1"}},"pool":"green"}]',
    reads: 'Which requests go to a certain pool, whatever the weights.',
    replaces: 'Replaces the list of requests that go to a certain pool, whatever the weights. The first that matches decides.',
  },
] as const;

export const trafficRuleRoutes: readonly Route[] = rules.flatMap(({ kind, schema, example, reads, replaces }): Route[] => {
  const path = `/v1/services/:service/${kind}`;
  return [
    {
      method: 'GET',
      path,
      summary: reads,
      role: 'viewer',
      ...showing(schema, 'SERVICE_NOT_FOUND'),
      handle(call, options) {
        const id = serviceOf(call);
        const model = options.controller.model();
        if (!model.services.some((service) => service.id === id)) return rejectionAnswer(serviceNotFound(model, id));
        const service = objectIn(servicesIn(options.controller.current().document), id);
        return currentAnswer(service[kind] ?? [], options);
      },
    },
    {
      method: 'PUT',
      path,
      summary: replaces,
      role: 'operator',
      ...changing('SERVICE_NOT_FOUND'),
      body: schema,
      handle: async (call, options) => change({ kind, service: serviceOf(call), list: requireList(call.body, example) }, call, options),
    },
  ];
});

function requireList(body: Json | undefined, example: string): readonly Json[] {
  if (body === undefined) throw new Refusal('MALFORMED', `The body is empty; send a JSON array such as ${example}, or [].`);
  if (Array.isArray(body)) return body as readonly Json[];
  throw new Refusal('INVALID', `The body is no array; send one such as ${example}, or [].`, {
    problems: [{ pointer: '', message: `expected an array, found ${body === null ? 'null' : `a value of type ${typeof body}`}` }],
  });
}
