import { hashText } from '../src/core/hash.ts';
import { matchOverride } from '../src/core/overrides.ts';
import { readKey } from '../src/core/request-key.ts';
import { matchRoute } from '../src/core/routes.ts';
import { noteClient } from '../src/core/clients.ts';
import type { Cause } from '../src/core/terminations.ts';
import type { RequestHead } from './message.ts';
import type { LivePool, LiveService, LiveTarget } from './live.ts';
import type { Routing } from './routing.ts';
import type { Downstream } from './sides.ts';

/** How the pool of a request was decided, for the access log. `fallback`: the pool that was picked had no available target. */
export type Decision = 'override' | 'sticky' | 'split' | 'fallback' | 'none';

/** What a claim reads of the plane: the current routing, clocks and chance. */
export interface ClaimContext {
  readonly routing: Routing;
  /** The coarse clock. */
  readonly nowMs: number;
  /** Since the epoch, exact to a tick. */
  readonly wallMs: number;
  readonly random: () => number;
}

/** What is known of a client beside its request. */
export type ClientFacts = Pick<Downstream, 'clientAddress' | 'encrypted'>;

/** Requests without a key of their own, where the balance is by hash. */
const noKey = -1;

/** A request's place: the revision that handles it and the target it counts against. One per exchange, filled anew for each request. */
export class Claim {
  routing: Routing;
  service: LiveService | undefined;
  /** The pool that the request is charged to. */
  picked: LivePool | undefined;
  /** The pool that serves it: the one picked, or the fallback. */
  pool: LivePool | undefined;
  target: LiveTarget | undefined;
  decision: Decision = 'none';
  /** Field lines for the answer: cookies that the client is to keep. */
  cookies = '';
  /** The id that a client without one was given; '' = none was. It holds for what else the client sent before it could know. */
  freshClient = '';
  #keyHash = noKey;
  /** A client that belongs to a pool which takes nobody new. */
  #isBound = false;
  #boundTarget: LiveTarget | undefined;

  constructor(routing: Routing) {
    this.routing = routing;
  }

  /**
   * Chooses service, pool and target by one revision, and counts the request against the target. Synchronous, so that no change can
   * come in between.
   * @returns '' or why no target was found; `queued` where one of the pool is to have room later
   */
  take(context: ClaimContext, head: RequestHead, client: ClientFacts): Cause | '' | 'queued' {
    this.reset(context.routing);
    const route = matchRoute(context.routing.table, head);
    if (route < 0) return 'no_route';
    const service = context.routing.serviceOfRoute[route]!;
    this.service = service;
    const pool = this.#decide(service, context, head, client);
    if (pool === undefined) return 'no_weight';
    this.picked = this.pool = pool;
    pool.counts.picked += 1;
    const { balance } = pool.policy;
    if (balance.kind === 'hash') {
      const key = readKey(balance.key, head, client.clientAddress);
      this.#keyHash = key === undefined ? noKey : hashText(key, 0);
    }
    const refusal = this.#seat(service, pool, context);
    service.counts.decisions[this.decision] += 1;
    if (this.target !== undefined && this.pool === pool) this.#bindToTarget(service, pool, this.target, client);
    return refusal;
  }

  /** For a request that gets no target. */
  reset(routing: Routing): void {
    this.routing = routing;
    this.service = this.picked = this.pool = this.target = this.#boundTarget = undefined;
    this.decision = 'none';
    this.cookies = '';
    this.#keyHash = noKey;
    this.#isBound = false;
  }

  /** Takes a place that has become free in the pool that the request waits for. */
  takeRoom({ nowMs, random }: ClaimContext, client: ClientFacts): boolean {
    const pool = this.pool!;
    if (!this.#count(pool, pool.balancer.pick(this.#keyHash, nowMs, random))) return false;
    this.#bindToTarget(this.service!, pool, this.target!, client);
    return true;
  }

  /** It waits no longer, and is chosen for anew: as if it had never been charged. */
  withdraw(): void {
    this.picked!.counts.picked -= 1;
    this.service!.counts.decisions[this.decision] -= 1;
  }

  /**
   * Moves the claim to a target of the same pool that is not in `tried`, as the pool is now: a newer revision may have replaced its
   * targets. The request stays charged to its pool.
   */
  takeAnother(tried: readonly LiveTarget[], { routing, random }: ClaimContext): boolean {
    const current = this.poolIn(routing) ?? this.pool!;
    const target = current.pickUntried(tried, random);
    if (target === undefined) return false;
    this.#uncount();
    return this.#count(current, target);
  }

  /** The pool that serves it, as it is in this routing. Undefined where that has it no more. */
  poolIn(routing: Routing): LivePool | undefined {
    if (routing === this.routing) return this.pool;
    return routing.services.get(this.service!.id)?.pools.find(({ id }) => id === this.pool!.id);
  }

  /** Moves the claim to the fallback, for a request that its own pool has failed. It stays charged to that. */
  takeRescue({ nowMs, random }: ClaimContext): boolean {
    const { fallback } = this.service!;
    if (fallback === undefined || fallback === this.pool || fallback.available === 0) return false;
    const target = fallback.balancer.pick(noKey, nowMs, random);
    if (target === undefined) return false;
    this.#uncount();
    return this.#count(fallback, target);
  }

  /** Uncounts, once however often it is called. */
  release(): void {
    const { pool, target } = this;
    if (target === undefined) return;
    this.#uncount();
    if (pool!.counts.waiting.length > 0) pool!.counts.waiting.serve();
  }

  /** Match override → sticky → split. Undefined where every weight is 0. */
  #decide(service: LiveService, context: ClaimContext, head: RequestHead, client: ClientFacts): LivePool | undefined {
    const { pools, overrides, policy, sticky, split } = service;
    if (policy.overrides.length > 0) {
      const forced = matchOverride(overrides, head, client.clientAddress);
      if (forced >= 0) {
        this.decision = 'override';
        return pools[forced];
      }
    }
    if (split.isEmpty) return undefined;
    if (sticky !== undefined) {
      const place = sticky.place(head, client, this.freshClient, context, service);
      if (place !== undefined) {
        this.decision = 'sticky';
        this.cookies = place.setCookie;
        this.freshClient = place.fresh;
        this.#isBound = place.isBound;
        const pool = pools[place.pool]!;
        if (pool.counts.clients !== undefined) noteClient(pool.counts.clients.current, place.hash);
        if (sticky.bindsTargets) this.#boundTarget = sticky.boundTarget(head, place.pool, pool);
        return pool;
      }
    }
    this.decision = 'split';
    return pools[split.pick(context.random)];
  }

  /** Finds a target in the pool that was picked, or in the fallback where that has none. */
  #seat({ fallback }: LiveService, pool: LivePool, context: ClaimContext): Cause | '' | 'queued' {
    const bound = this.#boundTarget ?? (this.#isBound && pool.open === 0 ? anyOpenToBound(pool, context.random) : undefined);
    if (bound !== undefined && bound.openToBound && bound.hasRoom && this.#count(pool, bound)) return '';
    const mayFallBack = fallback !== undefined && fallback !== pool;
    const isLastResort = pool.available === 0;
    if (isLastResort && mayFallBack && fallback.available > 0 && this.#sit(fallback, context)) return '';
    if (pool.open > 0) {
      if (this.#sit(pool, context)) return '';
      if (pool.counts.waiting.length < pool.queuedMax) return 'queued';
    }
    if (mayFallBack && fallback.open > 0 && this.#sit(fallback, context)) return '';
    return pool.open > 0 ? 'queue_full' : 'no_available_target';
  }

  /** Takes a place in a pool, unless others wait for one. */
  #sit(pool: LivePool, { nowMs, random }: ClaimContext): boolean {
    if (pool.counts.waiting.length > 0) return false;
    const isPicked = pool === this.picked;
    if (!this.#count(pool, pool.balancer.pick(isPicked ? this.#keyHash : noKey, nowMs, random))) return false;
    if (!isPicked) this.decision = 'fallback';
    return true;
  }

  /** A cookie that brings the client back to its target, where that is wanted. */
  #bindToTarget({ sticky }: LiveService, pool: LivePool, target: LiveTarget, client: ClientFacts): void {
    if (sticky?.bindsTargets !== true || this.decision !== 'sticky' || target === this.#boundTarget) return;
    this.cookies += sticky.targetCookie(this.service!.pools.indexOf(pool), target.id, client.encrypted);
  }

  #count(pool: LivePool, target: LiveTarget | undefined): boolean {
    if (target === undefined) return false;
    target.inFlight += 1;
    this.target = target;
    this.pool = pool;
    return true;
  }

  #uncount(): void {
    if (this.target !== undefined) this.target.inFlight -= 1;
    this.target = undefined;
  }
}

/** A target of a pool that drains, for those who may stay with the pool. Goes round at most once. */
function anyOpenToBound({ targets }: LivePool, random: () => number): LiveTarget | undefined {
  const start = Math.floor(random() * targets.length);
  for (let step = 0; step < targets.length; step++) {
    const target = targets[(start + step) % targets.length]!;
    if (target.openToBound && target.hasRoom) return target;
  }
  return undefined;
}
