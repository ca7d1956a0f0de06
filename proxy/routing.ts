/**
 * Routing: a snapshot bound to the live things that it names. A request reads it once, when its head has been parsed, and keeps it to
 * its end: every request is handled by exactly one revision.
 *
 * What lives longer than a revision is found again by identity (service, pool, target id): connections, the place in a split, and counts,
 * even where revisions in between did not name it (`accounts.ts`).
 */
import { type Conditions, goodCondition, type TargetCondition } from '../src/core/conditions.ts';
import type { Listener, TargetTls } from '../src/core/model.ts';
import { compileOverrides } from '../src/core/overrides.ts';
import { PeakEwma } from '../src/core/peak-ewma.ts';
import { compileRoutes, type RouteTable } from '../src/core/routes.ts';
import type { CompiledPool, CompiledService, CompiledTarget, Snapshot } from '../src/core/snapshot.ts';
import { SplitSequence } from '../src/core/split.ts';
import { accountsOf, KnownAccounts, retire, type Account } from './accounts.ts';
import { type Destination, isRenewed } from './http1/destination.ts';
import { bindBalancer, LivePool, type LiveService, LiveTarget, PoolCounts, ServiceCounts, shareOfLimit, type WorkerShare } from './live.ts';
import type { Connector } from './sides.ts';
import { StickyClients } from './sticky.ts';

export interface Routing {
  readonly revision: number;
  readonly table: RouteTable;
  /** By route index. */
  readonly serviceOfRoute: readonly LiveService[];
  readonly services: ReadonlyMap<string, LiveService>;
  readonly listeners: readonly Listener[];
  /** What only earlier revisions named, oldest first; requests may still run there. */
  readonly retired: readonly Account[];
}

export interface BindOptions {
  /** The same object for as long as nothing of it changes. */
  readonly destinationOf: (target: CompiledTarget, tls: TargetTls) => Destination;
  readonly connectorTo: (destination: Destination) => Connector;
  /** Numbers in [0, 1). */
  readonly random: () => number;
  readonly share: WorkerShare;
  readonly conditions: KnownConditions;
  /** On the coarse clock. */
  readonly nowMs: number;
  /** Since the epoch. */
  readonly wallMs: number;
}

/** What control has told of targets, by identity. */
export class KnownConditions {
  readonly #conditions: ReadonlyMap<string, TargetCondition>;

  constructor({ targets }: Conditions) {
    this.#conditions = new Map(
      targets.map(({ service, pool, target, ...condition }) => [JSON.stringify([service, pool, target]), condition]),
    );
  }

  of(service: string, pool: string, target: string): TargetCondition {
    return this.#conditions.size === 0 ? goodCondition : (this.#conditions.get(JSON.stringify([service, pool, target])) ?? goodCondition);
  }
}

/** Before the first snapshot: routes nothing. */
export const emptyRouting: Routing = {
  revision: 0,
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
  const binding = { ...options, known, isFirst: previous.revision === 0, signingKeys: snapshot.signingKeys };
  const services = new Map(
    snapshot.services.map((service) => [service.id, bindService(service, previous.services.get(service.id), binding)]),
  );
  const living = accountsOf(services.values());
  const kept = new Set(living.map(({ target }) => target));
  // The same revision once more: nobody has removed anything, only names mean other addresses now. What runs there may stay.
  const isRefresh = snapshot.revision === previous.revision;
  for (const { target, drainMs } of before) {
    if (target !== undefined && !kept.has(target)) retireTarget(target, isRefresh ? Infinity : drainMs, options.wallMs);
  }
  return {
    revision: snapshot.revision,
    table: compileRoutes(snapshot.routes),
    serviceOfRoute: snapshot.routes.map((route) => services.get(route.serviceId)!),
    services,
    listeners: snapshot.listeners,
    retired: retire([...previous.retired, ...before], living),
  };
}

/** Gives every target the condition that is known of it now. */
export function applyConditions({ services }: Routing, conditions: KnownConditions, nowMs: number, wallMs: number): void {
  for (const service of services.values()) {
    for (const pool of service.pools) {
      let hasChanged = false;
      for (const target of pool.targets) {
        const condition = conditions.of(service.id, pool.id, target.id);
        hasChanged ||= !isSameCondition(condition, target.condition);
        target.condition = condition;
      }
      if (hasChanged) pool.update(nowMs, wallMs);
    }
  }
}

export function targetsOf(service: LiveService): readonly LiveTarget[] {
  return service.pools.flatMap((pool) => pool.targets);
}

interface Binding extends BindOptions {
  readonly known: KnownAccounts;
  /** Nothing was bound before: what is there then was there from the start. */
  readonly isFirst: boolean;
  readonly signingKeys: Snapshot['signingKeys'];
}

function bindService(service: CompiledService, previous: LiveService | undefined, binding: Binding): LiveService {
  const { id } = service;
  const poolsBefore = new Map(previous?.pools.map((pool) => [pool.id, pool]));
  const pools = service.pools.map((pool) => bindPool(service, pool, poolsBefore.get(pool.id), binding));
  return {
    id,
    policy: service,
    pools,
    fallback: pools[service.fallback],
    overrides: compileOverrides(service.overrides, id),
    sticky: service.sticky && new StickyClients(id, service.sticky, binding.signingKeys, service.pools, previous?.sticky),
    split: new SplitSequence(service.pools, previous?.split, binding.random),
    counts: binding.known.service(id) ?? new ServiceCounts(),
  };
}

function bindPool(service: CompiledService, pool: CompiledPool, previous: LivePool | undefined, binding: Binding): LivePool {
  const { known, random, share, nowMs, wallMs } = binding;
  const counts = known.pool(service.id, pool.id) ?? new PoolCounts();
  counts.countClients(service.sticky !== undefined);
  const namedBefore = new Set(previous?.targets);
  let hasChanged = false;
  const targets = pool.targets.map((target) => {
    const before = known.target(service.id, pool.id, target.id);
    const destination = binding.destinationOf(target, pool.tls);
    const live = before ?? new LiveTarget(target.id, destination, binding.connectorTo(destination));
    if (before !== undefined) moveTarget(before, destination, namedBefore.has(before), binding);
    if (!namedBefore.has(live) && !binding.isFirst) live.arrive();
    if (live.weight !== target.weight) hasChanged = true;
    setPolicy(live, target, pool, share);
    live.condition = binding.conditions.of(service.id, pool.id, target.id);
    return live;
  });
  const live = new LivePool(pool, targets, bindBalancer(pool, targets, previous, hasChanged, random), counts, share);
  live.refresh(nowMs, wallMs);
  return live;
}

/** The same target has moved, or returns: what runs on its old connections finishes there, what comes goes to the new address. */
function moveTarget(target: LiveTarget, destination: Destination, wasNamed: boolean, { connectorTo }: Binding): void {
  const { destination: before, connector } = target;
  if (wasNamed && before === destination) return;
  const { host, port } = destination.address;
  if (before.address.host !== host || before.address.port !== port) target.arrive();
  target.destination = destination;
  if (wasNamed && isRenewed(before, destination)) {
    connector.renew(destination);
    return;
  }
  connector.close();
  target.connector = connectorTo(destination);
}

function setPolicy(live: LiveTarget, { weight, state, drainUntilMs }: CompiledTarget, pool: CompiledPool, share: WorkerShare): void {
  const { maxInFlight, maxConnections } = pool.limits;
  const connections = shareOfLimit(maxConnections, share) || Infinity;
  live.weight = weight;
  live.state = state;
  live.drainUntilMs = drainUntilMs;
  live.retired = false;
  live.slowStartMs = pool.slowStartMs;
  live.inFlightMax = Math.min(shareOfLimit(maxInFlight, share) || Infinity, connections);
  live.connector.connectionsMax = connections;
  if (pool.balance.kind === 'p2c-ewma') live.latency ??= new PeakEwma();
  else live.latency = undefined;
}

/** Nobody new comes; what runs has as long as a drain that nobody gave another deadline. */
function retireTarget(target: LiveTarget, drainMs: number, wallMs: number): void {
  target.connector.close();
  target.retired = true;
  target.open = target.openToBound = false;
  const untilMs = Math.min(target.drainUntilMs ?? Infinity, wallMs + drainMs);
  target.drainUntilMs = untilMs === Infinity ? undefined : untilMs;
}

function isSameCondition(a: TargetCondition, b: TargetCondition): boolean {
  return a === b || (a.health === b.health && a.factor === b.factor && a.told === b.told);
}
