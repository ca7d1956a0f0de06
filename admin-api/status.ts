import { Type, type Static } from 'typebox';
import { servicesStatus, ServiceStatusSchema } from './service-status.ts';
import type { AdminApiOptions } from './options.ts';
import type { Route } from './route.ts';

/** Longer than a busy worker takes; a stopped one is shown with what it said last. */
const collectTimeoutMs = 500;

const closed = { additionalProperties: false } as const;
const count = Type.Integer({ minimum: 0 });

const WorkerStatusSchema = Type.Object(
  {
    id: Type.Integer(),
    pid: Type.Integer(),
    revision: Type.Integer({ description: 'The revision it applied last; 0 before its first.' }),
    connections: Type.Union([count, Type.Null()], { description: 'Null where the worker has not answered yet.' }),
    inFlight: Type.Union([count, Type.Null()], { description: 'Null where the worker has not answered yet.' }),
  },
  closed,
);

const StatusSchema = Type.Object(
  {
    state: Type.Enum(['starting', 'ready', 'draining']),
    revision: Type.Integer({ description: 'The revision in force.' }),
    supervisor: Type.Object({ pid: Type.Integer() }, closed),
    control: Type.Object({ pid: Type.Integer() }, closed),
    workers: Type.Array(WorkerStatusSchema),
    services: Type.Record(Type.String(), ServiceStatusSchema),
    warnings: Type.Optional(
      Type.Array(Type.String(), {
        description:
          'What should be seen to soon: certificates that are over or will be, files that cannot be used, listeners that believe everybody about clients. Absent = nothing.',
      }),
    ),
  },
  { $id: 'Status', ...closed },
);

/** What `GET /v1/status` answers. */
export type Status = Static<typeof StatusSchema>;

export const statusRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/v1/status',
    summary: 'What is in force, which processes run, how targets are, and where requests are now.',
    role: 'viewer',
    query: [],
    answers: { 200: { description: 'As it is now.', schema: StatusSchema } },
    errors: [],
    handle: async (_call, options) => ({ status: 200, body: await readStatus(options) }),
  },
];

async function readStatus(options: AdminApiOptions): Promise<Status> {
  const { controller, fleet, state } = options;
  const reading = await fleet.read(collectTimeoutMs);
  const warnings = options.warnings?.() ?? [];
  return {
    state: state(),
    revision: controller.current().number,
    supervisor: { pid: fleet.supervisorPid },
    control: { pid: fleet.controlPid },
    workers: reading.workers.map(({ id, pid, revision, report }) => ({
      id,
      pid,
      revision,
      connections: report?.connections ?? null,
      inFlight: report?.inFlight ?? null,
    })),
    services: servicesStatus(reading.totals, options),
    ...(warnings.length > 0 ? { warnings: [...warnings] } : {}),
  };
}
