/** How services, pools and targets are: what was configured, what probes and workers say of them, and what runs there. */
import { Type, type Static } from 'typebox';
import { formatAddress } from '../config/addresses.ts';
import { effectiveWeights } from '../src/core/effective-weights.ts';
import type { Pool, Service } from '../src/core/model.ts';
import type { ObservedShare } from '../src/core/observed.ts';
import type { PoolReport, ServiceReport, TargetReport, WorkerReport } from '../src/core/reports.ts';
import { compileSnapshot, type CompiledPool, type CompiledTarget, type Snapshot } from '../src/core/snapshot.ts';
import { inFlightBy } from './answers.ts';
import type { AdminApiOptions, HealthView } from './options.ts';

const closed = { additionalProperties: false } as const;
const count = Type.Integer({ minimum: 0 });
const State = Type.Enum(['ready', 'drain', 'maint'], { description: 'What an operator wants.' });
const DrainUntil = Type.Optional(Type.String({ description: 'Until when what runs may go on; then it is ended. ISO 8601.' }));
const Removed = Type.Optional(
  Type.Literal(true, { description: 'It is not in the configuration any more; what still runs there finishes.' }),
);
const Observed = Type.Union([Type.Number({ minimum: 0, maximum: 1 }), Type.Null()]);

const TargetStatusSchema = Type.Object(
  {
    address: Type.Union([Type.String(), Type.Null()], { description: 'Null where it has been removed.' }),
    state: State,
    drainUntil: DrainUntil,
    health: Type.Enum(['healthy', 'unhealthy', 'unknown', 'unprobed'], {
      description:
        'What probes say. unknown: not yet probed; unprobed: no health check is configured for its pool, so it counts as healthy.',
    }),
    healthSince: Type.Optional(Type.String({ description: 'Since when it has been so, as far as the control process knows. ISO 8601.' })),
    lastProbe: Type.Optional(Type.String({ description: 'What the last probe found, such as "status 503".' })),
    factor: Type.Number({ minimum: 0, maximum: 1, description: 'What is left of its weight, because it said that it is busy.' }),
    told: Type.Optional(Type.Enum(['drain', 'maint'], { description: 'What it said of itself, where that is not ready.' })),
    ejected: Type.Boolean({ description: 'Whether a worker leaves it out because connections to it failed.' }),
    ejections: Type.Integer({ minimum: 0, description: 'How often that has happened.' }),
    available: Type.Boolean({ description: 'Whether any worker would pick it now.' }),
    inFlight: count,
    inFlightBy: Type.Object({ http: count, streaming: count, upgraded: count }, closed),
    requests: Type.Integer({ minimum: 0, description: 'Requests finished since Sluice started.' }),
    removed: Removed,
  },
  closed,
);

const PoolStatusSchema = Type.Object(
  {
    weight: Type.Integer({ minimum: 0, description: 'As it is written. A pool in drain or maint counts as of weight 0.' }),
    share: Type.Number({ description: 'Of new requests: its weight that counts divided by the sum of all; 0 where the sum is 0.' }),
    observed: Type.Object(
      { requests: Observed, clients: Observed },
      {
        ...closed,
        description: 'The share that it really had in the last 60 s, 0 to 1; null where there was nothing to count.',
      },
    ),
    state: State,
    drainUntil: DrainUntil,
    available: Type.Object({ count, of: count }, { ...closed, description: 'How many of its targets may be picked.' }),
    queued: Type.Integer({ minimum: 0, description: 'Requests that wait for one of its targets to have room.' }),
    inFlight: count,
    requests: Type.Integer({ minimum: 0, description: 'Requests finished since Sluice started.' }),
    targets: Type.Record(Type.String(), TargetStatusSchema),
    removed: Removed,
  },
  closed,
);

const MirrorStatusSchema = Type.Object(
  { pool: Type.String(), sent: count, dropped: Type.Record(Type.String(), count), inFlight: count },
  closed,
);

export const ServiceStatusSchema = Type.Object(
  {
    weights: Type.Record(Type.String(), count),
    shares: Type.Record(Type.String(), Type.Number()),
    fallback: Type.Union([Type.String(), Type.Null()]),
    sticky: Type.Boolean(),
    decisions: Type.Record(Type.String(), count, { description: 'How the pool of requests was decided, since Sluice started.' }),
    rescued: Type.Integer({ minimum: 0, description: 'Requests whose pool failed them and that the fallback answered.' }),
    mirrors: Type.Array(MirrorStatusSchema),
    pools: Type.Record(Type.String(), PoolStatusSchema),
  },
  closed,
);
export type ServiceStatus = Static<typeof ServiceStatusSchema>;
export type PoolStatus = Static<typeof PoolStatusSchema>;
export type TargetStatus = Static<typeof TargetStatusSchema>;

export function servicesStatus(totals: WorkerReport, options: AdminApiOptions): Record<string, ServiceStatus> {
  const snapshot = snapshotOf(options);
  const observed = options.observed?.shares(totals);
  return Object.fromEntries(
    options.controller.model().services.map((service) => {
      const report = totals.services.find(({ id }) => id === service.id);
      const compiled = snapshot.services.find(({ id }) => id === service.id)?.pools ?? [];
      return [service.id, serviceStatus(service, { report, compiled, observed: observed?.get(service.id), health: options.health })];
    }),
  );
}

/** What is known of a service beside what was configured. */
interface Known {
  readonly report: ServiceReport | undefined;
  readonly compiled: readonly CompiledPool[];
  readonly observed: ReadonlyMap<string, ObservedShare> | undefined;
  readonly health: HealthView | undefined;
}

function serviceStatus(service: Service, known: Known): ServiceStatus {
  const weights = effectiveWeights(service);
  const total = sum(weights, ({ weight }) => weight);
  const shareOf = (poolId: string): number => (total === 0 ? 0 : weights.find(({ id }) => id === poolId)!.weight / total);
  const { report } = known;
  return {
    weights: Object.fromEntries(service.pools.map(({ id }) => [id, service.weights[id]!])),
    shares: Object.fromEntries(service.pools.map(({ id }) => [id, shareOf(id)])),
    fallback: service.fallback ?? null,
    sticky: service.sticky !== undefined,
    decisions: { ...report?.decisions },
    rescued: report?.rescued ?? 0,
    mirrors: (report?.mirrors ?? []).map(({ pool, sent, dropped, inFlight }) => ({ pool, sent, dropped: { ...dropped }, inFlight })),
    pools: Object.fromEntries([
      ...service.pools.map((pool) => [pool.id, poolStatus(service, pool, shareOf(pool.id), known)] as const),
      ...removedPools(service, report?.pools ?? []),
    ]),
  };
}

function poolStatus(service: Service, pool: Pool, share: number, { report, compiled, observed, health }: Known): PoolStatus {
  const said = report?.pools.find(({ id }) => id === pool.id);
  const saidOf = new Map(said?.targets.map((target) => [target.id, target]));
  const current = (compiled.find(({ id }) => id === pool.id)?.targets ?? []).map(
    (target) => [target.id, targetStatus(service, pool, target, saidOf.get(target.id), health)] as const,
  );
  const targets = [...current, ...removedTargets(new Set(current.map(([id]) => id)), said?.targets ?? [])];
  const { requests = null, clients = null } = observed?.get(pool.id) ?? {};
  return {
    weight: service.weights[pool.id]!,
    share,
    observed: { requests, clients },
    state: pool.state,
    ...drainUntil(pool.drainUntilMs),
    available: { count: current.filter(([, { available }]) => available).length, of: current.length },
    queued: said?.queued ?? 0,
    inFlight: sum(targets, ([, { inFlight }]) => inFlight),
    requests: sum(said?.targets ?? [], requestsOf),
    targets: Object.fromEntries(targets),
  };
}

function targetStatus(
  service: Service,
  pool: Pool,
  target: CompiledTarget,
  said: TargetReport | undefined,
  health: HealthView | undefined,
): TargetStatus {
  const condition = pool.health === undefined ? undefined : health?.conditionOf(service.id, pool.id, target.id);
  return {
    address: formatAddress(target.address),
    state: target.state,
    ...drainUntil(target.drainUntilMs),
    health: condition?.health ?? 'unprobed',
    ...(condition === undefined ? {} : { healthSince: new Date(condition.sinceMs).toISOString() }),
    ...(condition?.last === undefined ? {} : { lastProbe: condition.last.detail }),
    factor: condition?.factor ?? 1,
    ...(condition === undefined || condition.told === 'ready' ? {} : { told: condition.told }),
    ...measures(said),
  };
}

/** What workers say of a target; nothing, where none has answered yet. */
function measures(
  said: TargetReport | undefined,
): Pick<TargetStatus, 'ejected' | 'ejections' | 'available' | 'inFlight' | 'inFlightBy' | 'requests'> {
  return {
    ejected: said?.ejected ?? false,
    ejections: said?.ejections ?? 0,
    available: said?.available ?? false,
    inFlight: said?.inFlight ?? 0,
    inFlightBy: inFlightBy(said === undefined ? [] : [said]),
    requests: said === undefined ? 0 : requestsOf(said),
  };
}

/** Targets that are gone from the configuration are shown as long as something runs there. */
function removedTargets(current: ReadonlySet<string>, said: readonly TargetReport[]): (readonly [string, TargetStatus])[] {
  return said
    .filter(({ id, inFlight }) => inFlight > 0 && !current.has(id))
    .map((target) => {
      const status = { address: null, state: 'maint', health: 'unprobed', factor: 1, ...measures(target), removed: true } as const;
      return [target.id, status] as const;
    });
}

function removedPools(service: Service, said: readonly PoolReport[]): (readonly [string, PoolStatus])[] {
  return said
    .filter((pool) => !service.pools.some(({ id }) => id === pool.id))
    .map((pool) => ({ pool, targets: removedTargets(new Set(), pool.targets) }))
    .filter(({ targets }) => targets.length > 0)
    .map(({ pool, targets }) => [
      pool.id,
      {
        weight: 0,
        share: 0,
        observed: { requests: null, clients: null },
        state: 'maint',
        available: { count: 0, of: 0 },
        queued: pool.queued,
        inFlight: sum(targets, ([, { inFlight }]) => inFlight),
        requests: sum(pool.targets, requestsOf),
        targets: Object.fromEntries(targets),
        removed: true,
      },
    ]);
}

function drainUntil(drainUntilMs: number | undefined): { drainUntil?: string } {
  return drainUntilMs === undefined ? {} : { drainUntil: new Date(drainUntilMs).toISOString() };
}

function requestsOf({ codes }: TargetReport): number {
  return Object.values(codes).reduce((total, some) => total + some, 0);
}

/** What the workers were sent. */
export function snapshotOf({ snapshot, controller }: AdminApiOptions): Snapshot {
  return snapshot?.() ?? compileSnapshot(controller.model(), controller.current().number);
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
