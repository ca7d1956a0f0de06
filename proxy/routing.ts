/**
 * Routing: a snapshot bound to the live things that it names. A request reads it once, when its head has been parsed, and keeps it to
 * its end: every request is handled by exactly one revision.
 *
 * What lives longer than a revision is found again by identity (service, pool, target id): connections, the place in a split, and counts,
 * even where revisions in between did not name it (`accounts.ts`).
 */
import type { Listener, SocketAddress } from '../src/core/model.ts';
import type { ServiceReport } from '../src/core/reports.ts';
import { compileRoutes, type RouteTable } from '../src/core/routes.ts';
import type { CompiledPool, CompiledService, CompiledTarget, Snapshot } from '../src/core/snapshot.ts';
import { SplitSequence } from '../src/core/split.ts';
import { accountsOf, KnownAccounts, reportAccounts, retire, type Account } from './accounts.ts';
import { DurationCounter } from './counters.ts';
import { type LivePool, type LiveService, LiveTarget } from './live.ts';
import type { Connector } from './sides.ts';

export interface Routing {
  readonly revision: number;
  /** As text, for the debug header. */
  readonly revisionText: string;
  readonly table: RouteTable;
  /** By route index. */
  readonly serviceOfRoute: readonly LiveService[];
  readonly services: ReadonlyMap<string, LiveService>;
  readonly listeners: readonly Listener[];
  /** What only earlier revisions named, oldest first; requests may still run there. */
  readonly retired: readonly Account[];
}

export interface BindOptions {
  readonly connectorTo: (address: SocketAddress) => Connector;
  /** Numbers in [0, 1). */
  readonly random: () => number;
}

/** Before the first snapshot: routes nothing. */
export const emptyRouting: Routing = {
  revision: 0,
  revisionText: '0',
  table: compileRoutes([]),
  serviceOfRoute: [],
  services: new Map(),
  listeners: [],
  retired: [],
};

/** Binds a snapshot, taking over what `previous` has of the same identity, and closes the connections of targets that are gone. */
export function bindRouting(snapshot: Snapshot, previous: Routing, options: BindOptions): Routing {
  const before = accountsOf(previous.services.values());
  const known = new KnownAccounts([...previous.retired, ...before]);
  const services = new Map(
    snapshot.services.map((service) => [service.id, bindService(service, previous.services.get(service.id), known, options)]),
  );
  const living = accountsOf(services.values());
  const kept = new Set(living.map(({ target }) => target));
  for (const { target } of before) if (!kept.has(target)) target?.connector.close();
  return {
    revision: snapshot.revision,
    revisionText: String(snapshot.revision),
    table: compileRoutes(snapshot.routes),
    serviceOfRoute: snapshot.routes.map((route) => services.get(route.serviceId)!),
    services,
    listeners: snapshot.listeners,
    retired: retire([...previous.retired, ...before], living),
  };
}

function bindService(service: CompiledService, previous: LiveService | undefined, known: KnownAccounts, options: BindOptions): LiveService {
  const poolsBefore = new Map(previous?.pools.map((pool) => [pool.id, pool]));
  return {
    id: service.id,
    policy: service,
    pools: service.pools.map((pool) => bindPool(service.id, pool, poolsBefore.get(pool.id), known, options)),
    split: new SplitSequence(service.pools, previous?.split, options.random),
    counts: known.service(service.id) ?? { retries: 0 },
  };
}

function bindPool(
  serviceId: string,
  pool: CompiledPool,
  previous: LivePool | undefined,
  known: KnownAccounts,
  options: BindOptions,
): LivePool {
  const { id, rotation } = pool;
  const namedBefore = new Set(previous?.targets);
  return {
    id,
    targets: pool.targets.map((target) => {
      const before = known.target(serviceId, id, target.id);
      return before === undefined
        ? new LiveTarget(target.id, target.address, options.connectorTo(target.address))
        : bindTarget(target, before, namedBefore.has(before), options);
    }),
    rotation,
    // Workers begin at different places, or all of them would send their first requests to the same target.
    turn: previous?.turn ?? { next: Math.floor(options.random() * rotation.length) },
    durations: known.pool(serviceId, id) ?? new DurationCounter(),
  };
}

function bindTarget(target: CompiledTarget, before: LiveTarget, wasNamed: boolean, { connectorTo }: BindOptions): LiveTarget {
  const { host, port } = before.address;
  if (wasNamed && host === target.address.host && port === target.address.port) return before;
  // The same target has moved, or returns: what runs on its old connections finishes there, what comes goes to the new address.
  before.connector.close();
  before.address = target.address;
  before.connector = connectorTo(target.address);
  return before;
}

export function targetsOf(service: LiveService): readonly LiveTarget[] {
  return service.pools.flatMap((pool) => pool.targets);
}

/** Totals since the process started, those of what earlier revisions named included. */
export function reportServices({ services, retired }: Routing): ServiceReport[] {
  return reportAccounts([...accountsOf(services.values()), ...retired]);
}
