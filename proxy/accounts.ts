/**
 * What has been counted, by identity. It outlives the revision that named it: a target that a revision removes still finishes requests, and
 * totals that ran backwards would look like a restart to whoever reads them.
 */
import { mergeClients } from '../src/core/clients.ts';
import type { MirrorReport, PoolReport, ServiceReport, TargetReport } from '../src/core/reports.ts';
import type { LiveService, LiveTarget, PoolCounts, ServiceCounts } from './live.ts';

/** The counts of one target, and of the pool and the service that it is in. A pool without targets has one account, too. */
export interface Account {
  readonly serviceId: string;
  readonly service: ServiceCounts;
  readonly poolId: string;
  readonly pool: PoolCounts;
  readonly target: LiveTarget | undefined;
  /** How long what runs on the target may go on when it is removed. */
  readonly drainMs: number;
}

/**
 * So many accounts of what no revision names any more are kept. Beyond that the oldest without a running request are forgotten, and so are
 * their counts: a fleet whose targets come and go under ever new names must not fill the memory.
 */
export const retiredMax = 1000;

export function accountsOf(services: Iterable<LiveService>): Account[] {
  const accounts: Account[] = [];
  for (const { id: serviceId, counts: service, pools, policy } of services) {
    for (const { id: poolId, counts: pool, targets } of pools) {
      const account = { serviceId, service, poolId, pool, drainMs: policy.timeouts.drainMs };
      if (targets.length === 0) accounts.push({ ...account, target: undefined });
      for (const target of targets) accounts.push({ ...account, target });
    }
  }
  return accounts;
}

/** Finds counts again when their identity returns. */
export class KnownAccounts {
  readonly #services = new Map<string, ServiceCounts>();
  readonly #pools = new Map<string, PoolCounts>();
  readonly #targets = new Map<string, LiveTarget>();

  constructor(accounts: Iterable<Account>) {
    for (const { serviceId, service, poolId, pool, target } of accounts) {
      this.#services.set(serviceId, service);
      this.#pools.set(keyOf(serviceId, poolId), pool);
      if (target !== undefined) this.#targets.set(keyOf(serviceId, poolId, target.id), target);
    }
  }

  service(id: string): ServiceCounts | undefined {
    return this.#services.get(id);
  }

  pool(serviceId: string, id: string): PoolCounts | undefined {
    return this.#pools.get(keyOf(serviceId, id));
  }

  target(serviceId: string, poolId: string, id: string): LiveTarget | undefined {
    return this.#targets.get(keyOf(serviceId, poolId, id));
  }
}

/** Those of `accounts` that `living` do not go on with; in their order, oldest first. */
export function retire(accounts: readonly Account[], living: readonly Account[]): readonly Account[] {
  const named = new Set(living.flatMap(({ target, pool }) => [target, pool]));
  const retired = accounts.filter(({ target, pool }) => !named.has(target ?? pool));
  const idle = retired.filter(({ target }) => target === undefined || target.inFlight === 0);
  const forgotten = new Set(idle.slice(0, Math.max(0, retired.length - retiredMax)));
  return retired.filter((account) => !forgotten.has(account));
}

/** Accounts as they are reported: by service, pool and target, in the order in which each is first met. */
export interface ServiceAccounts {
  readonly id: string;
  readonly counts: ServiceCounts;
  readonly pools: readonly PoolAccounts[];
}

export interface PoolAccounts {
  readonly id: string;
  readonly counts: PoolCounts;
  readonly targets: readonly LiveTarget[];
}

export function groupAccounts(accounts: Iterable<Account>): ServiceAccounts[] {
  const services = new Map<string, { counts: ServiceCounts; pools: Map<string, { counts: PoolCounts; targets: LiveTarget[] }> }>();
  for (const { serviceId, service: counts, poolId, pool: poolCounts, target } of accounts) {
    const service = entryOf(services, serviceId, () => ({ counts, pools: new Map() }));
    const pool = entryOf(service.pools, poolId, () => ({ counts: poolCounts, targets: [] }));
    if (target !== undefined) pool.targets.push(target);
  }
  return [...services].map(([id, { counts, pools }]) => ({
    id,
    counts,
    pools: [...pools].map(([poolId, pool]) => ({ id: poolId, ...pool })),
  }));
}

/** What the requests that run at a target are doing. */
export interface Doing {
  streaming: number;
  upgraded: number;
}

export function reportAccounts(
  accounts: Iterable<Account>,
  doing: ReadonlyMap<LiveTarget, Doing>,
  mirrorsOf: (serviceId: string) => readonly MirrorReport[],
): ServiceReport[] {
  return groupAccounts(accounts).map(({ id, counts, pools }) =>
    reportService(
      id,
      counts,
      mirrorsOf(id),
      pools.map((pool) =>
        reportPool(
          pool,
          pool.targets.map((target) => reportTarget(target, doing.get(target))),
        ),
      ),
    ),
  );
}

export function reportService(
  id: string,
  { retries, retriesRefused, rescued, decisions }: ServiceCounts,
  mirrors: readonly MirrorReport[],
  pools: readonly PoolReport[],
): ServiceReport {
  return { id, retries, retriesRefused, rescued, decisions: { ...decisions }, mirrors, pools };
}

export function reportPool(
  { id, counts: { durations, picked, waiting, clients } }: PoolAccounts,
  targets: readonly TargetReport[],
): PoolReport {
  return {
    id,
    durations: durations.report(),
    targets,
    picked,
    queued: waiting.length,
    clients: clients && mergeClients([clients.current, clients.previous]),
  };
}

export function reportTarget(target: LiveTarget, doing: Doing | undefined): TargetReport {
  const { id, inFlight, available, retired, ejected, ejections, statuses } = target;
  return {
    id,
    inFlight,
    streaming: doing?.streaming ?? 0,
    upgraded: doing?.upgraded ?? 0,
    available: available && !retired,
    ejected: ejected && !retired,
    ejections,
    codes: statuses.report(),
  };
}

function entryOf<T>(map: Map<string, T>, key: string, create: () => T): T {
  const known = map.get(key);
  if (known !== undefined) return known;
  const created = create();
  map.set(key, created);
  return created;
}

function keyOf(...ids: readonly string[]): string {
  return JSON.stringify(ids);
}
