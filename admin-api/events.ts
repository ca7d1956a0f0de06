import { Type } from 'typebox';
import { readParameter } from './query.ts';
import type { Route } from './route.ts';

const closed = { additionalProperties: false } as const;

const EventSchema = Type.Object(
  {
    seq: Type.Integer({ description: '1, 2, 3 and so on since the control process started.' }),
    at: Type.String({ description: 'ISO 8601.' }),
    kind: Type.String({ description: 'health, told, busy, ejection, state, drain, addresses, keys or certificates.' }),
    service: Type.String({ description: 'Empty, as the pool: it is about all of them.' }),
    pool: Type.String(),
    target: Type.String({ description: 'Empty: it is about the pool.' }),
    from: Type.String(),
    to: Type.String(),
    cause: Type.String(),
  },
  closed,
);

export const eventRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/v1/events',
    summary:
      'What happened to targets lately, newest first: a JSON list for now, and no stream of server-sent events. Kept while the control process runs, the last 1,000.',
    role: 'viewer',
    query: ['limit'],
    answers: { 200: { description: 'What happened.', schema: Type.Object({ events: Type.Array(EventSchema) }, closed) } },
    errors: [],
    handle(call, { events }) {
      const latest = events?.latest(readParameter(call, 'limit')) ?? [];
      return {
        status: 200,
        body: { events: latest.map(({ seq, atMs, ...event }) => ({ seq, at: new Date(atMs).toISOString(), ...event })) },
      };
    },
  },
];
