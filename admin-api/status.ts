import { formatAddress } from '../config/addresses.ts';
import type { FleetReading } from '../src/core/merge-reports.ts';
import type { Model, Service } from '../src/core/model.ts';
import type { PoolReport } from '../src/core/reports.ts';
import type { AdminApiOptions, ProcessState } from './options.ts';
import type { Route } from './route.ts';

/** Longer than a busy worker takes; a stopped one is shown with what it said last. */
const collectTimeoutMs = 500;

/** What `GET /v1/status` answers. */
export interface Status {
  readonly state: ProcessState;
  readonly revision: number;
  readonly supervisor: { readonly pid: number };
  readonly control: { readonly pid: number };
  readonly workers: readonly WorkerStatus[];
  readonly services: Readonly<Record<string, ServiceStatus>>;
}

export interface WorkerStatus {
  readonly id: number;
  readonly pid: number;
  /** The revision it applied last; 0 before its first. */
  readonly revision: number;
  /** Null where the worker has not answered yet. */
  readonly connections: number | null;
  readonly inFlight: number | null;
}

export interface ServiceStatus {
  readonly weights: Readonly<Record<string, number>>;
  /** Each pool's weight divided by the sum of all; 0 for all where the sum is 0. */
  readonly shares: Readonly<Record<string, number>>;
  readonly pools: Readonly<Record<string, PoolStatus>>;
}

export interface PoolStatus {
  readonly weight: number;
  readonly share: number;
  readonly inFlight: number;
  /** Requests finished since Sluice started. */
  readonly requests: number;
  readonly targets: Readonly<Record<string, TargetStatus>>;
}

export interface TargetStatus {
  readonly address: string;
  readonly inFlight: number;
  readonly requests: number;
}

export const statusRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/v1/status',
    summary: 'What is in force, which processes run, and where requests are now.',
    role: 'viewer',
    query: [],
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
  const weights = service.pools.map((pool) => service.weights[pool.id] ?? 0);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const pools = service.pools.map((pool, index) => {
    const report = reports.find((candidate) => candidate.id === pool.id);
    const targets = pool.targets.map(({ id, address }) => {
      const { inFlight, codes } = report?.targets.find((candidate) => candidate.id === id) ?? { inFlight: 0, codes: {} };
      const requests = Object.values(codes).reduce((sum, count) => sum + count, 0);
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
