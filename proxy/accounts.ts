/**
 * What has been counted, by identity. It outlives the revision that named it: a target that a revision removes still finishes requests, and
 * totals that ran backwards would look like a restart to whoever reads them.
 */
import type { ServiceReport, TargetReport } from '../src/core/reports.ts';
import type { DurationCounter } from './counters.ts';
import type { LiveService, LiveTarget, ServiceCounts } from './live.ts';

/** The counts of one target, and of the pool and the service that it is in. A pool without targets has one account, too. */
export interface Account {
  readonly serviceId: string;
  readonly service: ServiceCounts;
  readonly poolId: string;
  readonly durations: DurationCounter;
  readonly target: LiveTarget | undefined;
}

/**
 * So many accounts of what no revision names any more are kept. Beyond that the oldest without a running request are forgotten, and so are
 * their counts: a fleet whose targets come and go under ever new names must not fill the memory.
 */
export const retiredMax = 1000;

export function accountsOf(services: Iterable<LiveService>): Account[] {
  const accounts: Account[] = [];
  for (const { id: serviceId, counts: service, pools } of services) {
    for (const { id: poolId, durations, targets } of pools) {
      const account = { serviceId, service, poolId, durations };
      if (targets.length === 0) accounts.push({ ...account, target: undefined });
      for (const target of targets) accounts.push({ ...account, target });
    }
  }
  return accounts;
}

/** Finds counts again when their identity returns. */
export class KnownAccounts {
  readonly #services = new Map<string, ServiceCounts>();
  readonly #pools = new Map<string, DurationCounter>();
  readonly #targets = new Map<string, LiveTarget>();

  constructor(accounts: Iterable<Account>) {
    for (const { serviceId, service, poolId, durations, target } of accounts) {
      this.#services.set(serviceId, service);
      this.#pools.set(keyOf(serviceId, poolId), durations);
      if (target !== undefined) this.#targets.set(keyOf(serviceId, poolId, target.id), target);
    }
  }

  service(id: string): ServiceCounts | undefined {
    return this.#services.get(id);
  }

  pool(serviceId: string, id: string): DurationCounter | undefined {
    return this.#pools.get(keyOf(serviceId, id));
  }

  target(serviceId: string, poolId: string, id: string): LiveTarget | undefined {
    return this.#targets.get(keyOf(serviceId, poolId, id));
  }
}

/** Those of `accounts` that `living` do not go on with; in their order, oldest first. */
export function retire(accounts: readonly Account[], living: readonly Account[]): readonly Account[] {
  const named = new Set(living.flatMap(({ target, durations }) => [target, durations]));
  const retired = accounts.filter(({ target, durations }) => !named.has(target ?? durations));
  const idle = retired.filter(({ target }) => target === undefined || target.inFlight === 0);
  const forgotten = new Set(idle.slice(0, Math.max(0, retired.length - retiredMax)));
  return retired.filter((account) => !forgotten.has(account));
}

export function reportAccounts(accounts: Iterable<Account>): ServiceReport[] {
  const services = new Map<
    string,
    { counts: ServiceCounts; pools: Map<string, { durations: DurationCounter; targets: TargetReport[] }> }
  >();
  for (const { serviceId, service: counts, poolId, durations, target } of accounts) {
    const service = entryOf(services, serviceId, () => ({ counts, pools: new Map() }));
    const pool = entryOf(service.pools, poolId, () => ({ durations, targets: [] }));
    if (target !== undefined) pool.targets.push({ id: target.id, inFlight: target.inFlight, codes: target.statuses.report() });
  }
  return [...services].map(([id, { counts, pools }]) => ({
    id,
    retries: counts.retries,
    pools: [...pools].map(([poolId, { durations, targets }]) => ({ id: poolId, durations: durations.report(), targets })),
  }));
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
