/**
 * A snapshot: the compiled form of one revision, ready for the data plane.
 *
 * Plain, immutable and structured-cloneable, because it travels between processes. What costs something is computed here,
 * once per revision, and not per request.
 */
import type { Listener, Model, Pool, RetryPolicy, Route, ServiceTimeouts, SocketAddress } from './model.ts';
import { compileRotation } from './rotation.ts';

export interface Snapshot {
  readonly revision: number;
  /** Limits and time-outs by listener; the addresses themselves are fixed while the process runs. */
  readonly listeners: readonly Listener[];
  readonly services: readonly CompiledService[];
  /** In the order of the document; the data plane indexes them (see `compileRoutes`). */
  readonly routes: readonly Route[];
}

export interface CompiledService {
  readonly id: string;
  readonly pools: readonly CompiledPool[];
  readonly retry: RetryPolicy;
  readonly timeouts: ServiceTimeouts;
  readonly debugHeaders: boolean;
}

export interface CompiledPool {
  readonly id: string;
  /** The pool's share of new requests is `weight / sum of weights`; 0 = none. */
  readonly weight: number;
  readonly targets: readonly CompiledTarget[];
  /** Indexes into `targets`: the order in which round robin visits them, each as often as its weight asks. */
  readonly rotation: readonly number[];
}

export interface CompiledTarget {
  readonly id: string;
  readonly address: SocketAddress;
}

/** @param before another model and its snapshot; what they have in common with this one is not computed again */
export function compileSnapshot(model: Model, revision: number, before?: { readonly model: Model; readonly snapshot: Snapshot }): Snapshot {
  const rotations = new Rotations();
  if (before !== undefined) rotations.learn(before.model, before.snapshot);
  return {
    revision,
    listeners: model.listeners,
    services: model.services.map((service) => ({
      id: service.id,
      pools: service.pools.map((pool) => ({
        id: pool.id,
        weight: service.weights[pool.id]!,
        targets: pool.targets.map(({ id, address }) => ({ id, address })),
        rotation: rotations.of(pool),
      })),
      retry: service.retry,
      timeouts: service.timeouts,
      debugHeaders: service.debugHeaders,
    })),
    routes: model.routes,
  };
}

/** Rotations by the weights that they are made of. A change of one pool should not cost what all of them cost. */
class Rotations {
  readonly #known = new Map<string, readonly number[]>();

  learn(model: Model, snapshot: Snapshot): void {
    for (const [index, service] of model.services.entries()) {
      for (const [place, pool] of service.pools.entries()) this.#known.set(keyOf(pool), snapshot.services[index]!.pools[place]!.rotation);
    }
  }

  of(pool: Pool): readonly number[] {
    const key = keyOf(pool);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const rotation = compileRotation(pool.targets.map(({ weight }) => weight));
    this.#known.set(key, rotation);
    return rotation;
  }
}

function keyOf(pool: Pool): string {
  return pool.targets.map(({ weight }) => weight).join();
}
