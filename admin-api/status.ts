import { Type, type Static } from 'typebox';
import { formatAddress } from '../config/addresses.ts';
import type { FleetReading } from '../src/core/merge-reports.ts';
import type { Model, Service } from '../src/core/model.ts';
import type { PoolReport } from '../src/core/reports.ts';
import type { AdminApiOptions } from './options.ts';
import type { Route } from './route.ts';

/** Longer than a busy worker takes; a stopped one is shown with what it said last. */
const collectTimeoutMs = 500;

const closed = { additionalProperties: false } as const;
const count = Type.Integer({ minimum: 0 });

const TargetStatusSchema = Type.Object({ address: Type.String(), inFlight: count, requests: count }, closed);

const PoolStatusSchema = Type.Object(
  {
    weight: count,
    share: Type.Number({ description: 'Its weight divided by the sum of all; 0 where the sum is 0.' }),
    inFlight: count,
    requests: Type.Integer({ minimum: 0, description: 'Requests finished since Sluice started.' }),
    targets: Type.Record(Type.String(), TargetStatusSchema),
  },
  closed,
);

const ServiceStatusSchema = Type.Object(
  {
    weights: Type.Record(Type.String(), count),
    shares: Type.Record(Type.String(), Type.Number()),
    pools: Type.Record(Type.String(), PoolStatusSchema),
  },
  closed,
);

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
  },
  { $id: 'Status', ...closed },
);

/** What `GET /v1/status` answers. */
export type Status = Static<typeof StatusSchema>;
type ServiceStatus = Static<typeof ServiceStatusSchema>;

export const statusRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/v1/status',
    summary: 'What is in force, which processes run, and where requests are now.',
    role: 'viewer',
    query: [],
    answers: { 200: { description: 'As it is now.', schema: StatusSchema } },
    errors: [],
    handle: async (_call, options) => ({ status: 200, body: await readStatus(options) }),
  },
];

async function readStatus({ controller, fleet, state }: AdminApiOptions): Promise<Status> {
  const reading = await fleet.read(collectTimeoutMs);
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
    services: servicesStatus(controller.model(), reading),
  };
}

function servicesStatus(model: Model, reading: FleetReading): Record<string, ServiceStatus> {
  return Object.fromEntries(
    model.services.map((service) => {
      const report = reading.totals.services.find((candidate) => candidate.id === service.id);
      return [service.id, serviceStatus(service, report?.pools ?? [])];
    }),
  );
}

function serviceStatus(service: Service, reports: readonly PoolReport[]): ServiceStatus {
  const weights = service.pools.map((pool) => service.weights[pool.id]!);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const pools = service.pools.map((pool, index) => {
    const report = reports.find((candidate) => candidate.id === pool.id);
    const targets = pool.targets.map(({ id, address }) => {
      const { inFlight, codes } = report?.targets.find((candidate) => candidate.id === id) ?? { inFlight: 0, codes: {} };
      const requests = Object.values(codes).reduce((sum, some) => sum + some, 0);
      return { id, status: { address: formatAddress(address), inFlight, requests } };
    });
    return {
      id: pool.id,
      status: {
        weight: weights[index]!,
        share: total === 0 ? 0 : weights[index]! / total,
        inFlight: targets.reduce((sum, target) => sum + target.status.inFlight, 0),
        requests: targets.reduce((sum, target) => sum + target.status.requests, 0),
        targets: Object.fromEntries(targets.map((target) => [target.id, target.status])),
      },
    };
  });
  return {
    weights: Object.fromEntries(pools.map((pool) => [pool.id, pool.status.weight])),
    shares: Object.fromEntries(pools.map((pool) => [pool.id, pool.status.share])),
    pools: Object.fromEntries(pools.map((pool) => [pool.id, pool.status])),
  };
}
