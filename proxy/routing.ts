/**
 * Routing: a snapshot bound to the live things that it names. A request reads it once, when its head has been parsed, and keeps it to
 * its end: every request is handled by exactly one revision.
 *
 * What lives longer than a revision is found again by identity (service, pool, target id): connections, counts, the place in a split.
 */
import type { Listener, SocketAddress } from '../src/core/model.ts';
import type { ServiceReport } from '../src/core/reports.ts';
import { compileRoutes, type RouteTable } from '../src/core/routes.ts';
import type { CompiledPool, CompiledService, CompiledTarget, Snapshot } from '../src/core/snapshot.ts';
import { SplitSequence } from '../src/core/split.ts';
import { DurationCounter, StatusCounter } from './counters.ts';
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
}

export interface LiveService {
  readonly id: string;
  readonly policy: CompiledService;
  readonly pools: readonly LivePool[];
  readonly split: SplitSequence;
  readonly counts: ServiceCounts;
}

export interface ServiceCounts {
  retries: number;
}

export interface LivePool {
  readonly id: string;
  readonly targets: readonly LiveTarget[];
  readonly rotation: readonly number[];
  /** The place in the rotation. */
  readonly turn: { next: number };
  readonly durations: DurationCounter;
}

export class LiveTarget {
  readonly id: string;
  /** Requests claimed and not yet released, upgraded connections included. */
  inFlight = 0;
  readonly statuses = new StatusCounter();
  address: SocketAddress;
  connector: Connector;

  constructor(id: string, address: SocketAddress, connector: Connector) {
    this.id = id;
    this.address = address;
    this.connector = connector;
  }
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
};

/** Binds a snapshot, taking over what `previous` has of the same identity, and closes the connections of targets that are gone. */
export function bindRouting(snapshot: Snapshot, previous: Routing, options: BindOptions): Routing {
  const services = new Map(
    snapshot.services.map((service) => [service.id, bindService(service, previous.services.get(service.id), options)]),
  );
  const kept = new Set([...services.values()].flatMap(targetsOf));
  for (const target of [...previous.services.values()].flatMap(targetsOf)) {
    if (!kept.has(target)) target.connector.close();
  }
  return {
    revision: snapshot.revision,
    revisionText: String(snapshot.revision),
    table: compileRoutes(snapshot.routes),
    serviceOfRoute: snapshot.routes.map((route) => services.get(route.serviceId)!),
    services,
    listeners: snapshot.listeners,
  };
}

function bindService(service: CompiledService, previous: LiveService | undefined, options: BindOptions): LiveService {
  return {
    id: service.id,
    policy: service,
    pools: service.pools.map((pool) =>
      bindPool(
        pool,
        previous?.pools.find(({ id }) => id === pool.id),
        options,
      ),
    ),
    split: new SplitSequence(service.pools, previous?.split, options.random),
    counts: previous?.counts ?? { retries: 0 },
  };
}

function bindPool(pool: CompiledPool, previous: LivePool | undefined, options: BindOptions): LivePool {
  const known = new Map(previous?.targets.map((target) => [target.id, target]));
  return {
    id: pool.id,
    targets: pool.targets.map((target) => bindTarget(target, known.get(target.id), options)),
    rotation: pool.rotation,
    // Workers begin at different places, or all of them would send their first requests to the same target.
    turn: previous?.turn ?? { next: Math.floor(options.random() * pool.rotation.length) },
    durations: previous?.durations ?? new DurationCounter(),
  };
}

function bindTarget(target: CompiledTarget, previous: LiveTarget | undefined, { connectorTo }: BindOptions): LiveTarget {
  if (previous === undefined) return new LiveTarget(target.id, target.address, connectorTo(target.address));
  const { host, port } = previous.address;
  if (host !== target.address.host || port !== target.address.port) {
    // The same target has moved: what runs at the old address finishes there, what comes goes to the new one.
    previous.connector.close();
    previous.address = target.address;
    previous.connector = connectorTo(target.address);
  }
  return previous;
}

export function targetsOf(service: LiveService): readonly LiveTarget[] {
  return service.pools.flatMap((pool) => pool.targets);
}

export function reportServices(routing: Routing): ServiceReport[] {
  return [...routing.services.values()].map((service) => ({
    id: service.id,
    retries: service.counts.retries,
    pools: service.pools.map((pool) => ({
      id: pool.id,
      durations: pool.durations.report(),
      targets: pool.targets.map((target) => ({ id: target.id, inFlight: target.inFlight, codes: target.statuses.report() })),
    })),
  }));
}
