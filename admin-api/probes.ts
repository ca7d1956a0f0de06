import { Type, type Static } from 'typebox';
import type { Answer, ApiContext, Route } from './route.ts';

const AliveSchema = Type.Object({ status: Type.Literal('alive') }, { additionalProperties: false });
const ReadinessSchema = Type.Object(
  {
    status: Type.Enum(['ready', 'starting', 'unavailable', 'draining']),
    reason: Type.Optional(Type.String({ description: 'Why it is not ready.' })),
  },
  { $id: 'Readiness', additionalProperties: false },
);

export const probeRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/livez',
    summary: '200 as long as the control process answers.',
    role: 'public',
    query: [],
    answers: { 200: { description: 'It answers.', schema: AliveSchema } },
    errors: [],
    handle: () => ({ status: 200, body: { status: 'alive' } satisfies Static<typeof AliveSchema> }),
  },
  {
    method: 'GET',
    path: '/readyz',
    summary: '200 once every worker has started and while at least one serves; 503 before, and from the moment of stopping.',
    role: 'public',
    query: [],
    answers: {
      200: { description: 'Requests are served.', schema: ReadinessSchema },
      503: { description: 'Send requests elsewhere.', schema: ReadinessSchema },
    },
    errors: [],
    handle: (_call, context) => readiness(context),
  },
];

/**
 * Before the first start is over, every worker counts. After it, one that serves is enough: while another is replaced, the sockets are
 * open and requests are answered, so that a balancer in front of us must not send them elsewhere.
 */
function readiness({ state, fleet }: ApiContext): Answer {
  const workers = fleet.workers();
  const awaited = workers.filter((worker) => worker.revision === 0).map((worker) => worker.id);
  switch (state()) {
    case 'draining':
      return answer(503, 'draining', 'Sluice is stopping: it finishes what runs and accepts nothing new.');
    case 'starting':
      return answer(503, 'starting', awaited.length > 0 ? `${names(awaited)} not serve yet.` : 'Sluice does not accept connections yet.');
    default:
      if (awaited.length < workers.length) return answer(200, 'ready');
      return answer(503, 'unavailable', 'No worker serves at the moment; each is replaced as soon as it can be.');
  }
}

function answer(status: number, word: Static<typeof ReadinessSchema>['status'], reason?: string): Answer {
  return { status, body: { status: word, ...(reason === undefined ? {} : { reason }) } satisfies Static<typeof ReadinessSchema> };
}

/** `Worker 2 does`, `Workers 1, 2 and 3 do`. */
function names(ids: readonly number[]): string {
  return ids.length === 1 ? `Worker ${ids[0]} does` : `Workers ${ids.slice(0, -1).join(', ')} and ${ids.at(-1)} do`;
}
