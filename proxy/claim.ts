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

/** Of a request without a key, where the balance is by hash. */
const noKey = -1;

/**
 * A request's place: the revision that handles it and the target it counts against. One per exchange, filled anew for each request. It holds on
 * to nothing of a revision but what the request itself needs, and to nothing between requests: connections last longer than revisions.
 */
export class Claim {
  /** The one that handles the request. */
  revision = 0;
  service: LiveService | undefined;
  /** The pool that the request is charged to. */
  picked: LivePool | undefined;
  /** The pool that serves it, or whose line it waits in: the one picked, or the fallback. */
  pool: LivePool | undefined;
  target: LiveTarget | undefined;
  decision: Decision = 'none';
  /** The id that a client without one was given; '' = none was. It holds for what else the client sent before it could know. */
  freshClient = '';
  #head: RequestHead | undefined;
  #client: ClientFacts | undefined;
  /** Field lines that make the client known to its pool. */
  #cookies = '';
  /** A client that belongs to a pool which takes nobody new. */
  #isBound = false;
  #boundTarget: LiveTarget | undefined;
  /** The pool whose turn in the split it has taken, by id. */
  #turn = '';
  #isCharged = false;

  /**
   * Chooses service, pool and target by the revision in force, and counts the request against the target. Synchronous, so that no change can
   * come in between.
   * @param isAgain it has waited in line, and a new revision has come, or nothing is left to wait for: a turn in the split that it has had
   *   already is still its own
   * @returns '' or why no target was found; `queued` where one of `pool` is to have room later
   */
  take(context: ClaimContext, head: RequestHead, client: ClientFacts, isAgain: boolean): Cause | '' | 'queued' {
    const { routing } = context;
    const turn = isAgain ? this.#turn : '';
    const isCharged = isAgain && this.#isCharged;
    const serviceBefore = this.service?.id;
    this.clear();
    this.#isCharged = isCharged;
    this.revision = routing.revision;
    const route = matchRoute(routing.table, head);
    if (route < 0) return 'no_route';
    const service = routing.serviceOfRoute[route]!;
    this.service = service;
    this.#head = head;
    this.#client = client;
    this.picked = this.pool = this.#decide(service, context, head, client, service.id === serviceBefore ? turn : '');
    const refusal = this.picked === undefined ? 'no_weight' : this.#seat(service, this.picked, context);
    if (refusal !== 'queued') this.charge();
    return refusal;
  }

  /** For a request that is not chosen for, and between requests. */
  clear(): void {
    this.service = this.picked = this.pool = this.target = this.#boundTarget = undefined;
    this.#head = this.#client = undefined;
    this.decision = 'none';
    this.#cookies = this.#turn = '';
    this.#isBound = this.#isCharged = false;
  }

  /** Counts the request for its pool and its decision: once, when it is known how it was placed, or that it was not. */
  charge(): void {
    if (this.#isCharged || this.service === undefined) return;
    this.#isCharged = true;
    this.service.counts.decisions[this.decision] += 1;
    if (this.picked !== undefined) this.picked.counts.picked += 1;
  }

  /** Takes a place that has become free in the pool that the request waits for. @param tried where it has been, and need not go again */
  takeRoom(tried: readonly LiveTarget[], { nowMs, random }: ClaimContext): boolean {
    const pool = this.pool!;
    const target = tried.length > 0 ? pool.pickUntried(tried, random) : pool.balancer.pick(this.hashFor(pool), nowMs, random);
    if (target === undefined || !target.hasRoom) return false;
    this.#sitAt(pool, target);
    this.charge();
    return true;
  }

  /** Instead of waiting any longer: a place in the fallback. It has left the line. */
  takeFallback(context: ClaimContext): boolean {
    const fallback = this.#fallbackIn(context.routing);
    if (fallback === undefined || fallback.available === 0 || !this.#sit(fallback, context)) return false;
    this.charge();
    return true;
  }

  /**
   * Moves the claim to a target of the same pool that is not in `tried`, as the pool is now: a newer revision may have replaced its
   * targets. The request stays charged to its pool.
   */
  takeAnother(tried: readonly LiveTarget[], { routing, random }: ClaimContext): boolean {
    const pool = this.poolIn(routing) ?? this.pool!;
    const target = pool.pickUntried(tried, random);
    if (target === undefined) return false;
    this.#sitAt(pool, target);
    return true;
  }

  /** The same, to one that is only held to be ill: when everything else has failed. */
  takeLastResort(tried: readonly LiveTarget[], { routing, random }: ClaimContext): boolean {
    const pool = this.poolIn(routing) ?? this.pool!;
    const target = pool.pickHeldIll(tried, random);
    if (target === undefined) return false;
    this.#sitAt(pool, target);
    return true;
  }

  /** Gives up its target for the line of the same pool, where one that is not in `tried` is only full. False = there is nothing to wait for. */
  waitForAnother(tried: readonly LiveTarget[], { routing }: ClaimContext): boolean {
    const pool = this.poolIn(routing) ?? this.pool!;
    if (!pool.mayWait || !pool.hasUntried(tried)) return false;
    this.release();
    this.pool = pool;
    return true;
  }

  /** The pool that serves it, as it is in this routing. Undefined where that has it no more. */
  poolIn({ services }: Routing): LivePool | undefined {
    return services.get(this.service!.id)?.pools.find(({ id }) => id === this.pool!.id);
  }

  /** Moves the claim to the fallback, for a request that its own pool has failed. It stays charged to that. */
  takeRescue({ routing, nowMs, random }: ClaimContext): boolean {
    const fallback = this.#fallbackIn(routing);
    if (fallback === undefined || fallback.available === 0) return false;
    const target = fallback.balancer.pick(this.hashFor(fallback), nowMs, random);
    if (target === undefined) return false;
    this.#sitAt(fallback, target);
    return true;
  }

  /** Gives up its target for the line of the fallback, where that is only full. False = there is nothing to wait for. */
  waitForRescue({ routing }: ClaimContext): boolean {
    const fallback = this.#fallbackIn(routing);
    if (fallback === undefined || fallback.available === 0 || !fallback.mayWait) return false;
    this.release();
    this.pool = fallback;
    return true;
  }

  /** Uncounts, once however often it is called. */
  release(): void {
    const { pool, target } = this;
    if (target === undefined) return;
    target.inFlight -= 1;
    this.target = undefined;
    if (pool!.counts.waiting.length > 0) pool!.counts.waiting.serve();
  }

  /** The hash of the request's key where the pool's balance is by one. */
  hashFor({ policy: { balance } }: LivePool): number {
    if (balance.kind !== 'hash') return noKey;
    const key = readKey(balance.key, this.#head!, this.#client!.clientAddress);
    return key === undefined ? noKey : hashText(key, 0);
  }

  /**
   * Field lines for the answer: cookies that the client is to keep. `isTargets`: the target has answered, so that it is the one to come back
   * to. Who is bound to a target that is only full for a moment stays bound to it.
   */
  cookieFields(isTargets: boolean): string {
    const { service, picked, pool, target, decision } = this;
    const sticky = service?.sticky;
    if (!isTargets || sticky?.bindsTargets !== true || decision !== 'sticky' || target === undefined) return this.#cookies;
    if (pool!.id !== picked!.id || target === this.#boundTarget || this.#boundTarget?.openToBound === true) return this.#cookies;
    return this.#cookies + sticky.targetCookie(service!.pools.indexOf(picked!), target.id, this.#client!.encrypted);
  }

  /** Match override → sticky → split. Undefined where every weight is 0. */
  #decide(service: LiveService, context: ClaimContext, head: RequestHead, client: ClientFacts, turn: string): LivePool | undefined {
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
        this.#cookies = place.setCookie;
        this.freshClient = place.fresh;
        this.#isBound = place.isBound;
        const pool = pools[place.pool]!;
        if (pool.counts.clients !== undefined) noteClient(pool.counts.clients.current, place.hash);
        if (sticky.bindsTargets) this.#boundTarget = sticky.boundTarget(head, place.pool, pool);
        return pool;
      }
    }
    this.decision = 'split';
    const pool =
      (turn === '' ? undefined : pools.find(({ id, policy: { weight } }) => id === turn && weight > 0)) ??
      pools[split.pick(context.random)]!;
    this.#turn = pool.id;
    return pool;
  }

  /**
   * Finds a target, or a line to wait in: in the pool that was picked if any of its targets is available, or else in the fallback if any of
   * that is; or else wherever a target is left that was not taken out. Only where its own pool's line is full does a request go on to the fallback.
   */
  #seat({ fallback }: LiveService, pool: LivePool, context: ClaimContext): Cause | '' | 'queued' {
    const bound = this.#boundPlace(pool, context.random);
    if (bound !== undefined) {
      this.#sitAt(pool, bound);
      return '';
    }
    const other = fallback === pool ? undefined : fallback;
    const isOwn = pool.available > 0 || other === undefined || (other.available === 0 && pool.open > 0);
    const first = isOwn ? pool : other;
    if (first.open === 0) return 'no_available_target';
    if (this.#sit(first, context)) return '';
    if (first.mayWait) {
      this.#turnTo(first);
      return 'queued';
    }
    return isOwn && other !== undefined && other.available > 0 && this.#sit(other, context) ? '' : 'queue_full';
  }

  /** The target that the client is bound to, or any of a pool that it is bound to and that takes nobody new. */
  #boundPlace(pool: LivePool, random: () => number): LiveTarget | undefined {
    const bound = this.#boundTarget;
    if (bound !== undefined && bound.openToBound && bound.hasRoom) return bound;
    return this.#isBound && pool.open === 0 ? anyOpenToBound(pool, random) : undefined;
  }

  /** Takes a place in a pool, unless others wait for one. */
  #sit(pool: LivePool, { nowMs, random }: ClaimContext): boolean {
    if (pool.counts.waiting.length > 0) return false;
    const target = pool.balancer.pick(this.hashFor(pool), nowMs, random);
    if (target === undefined) return false;
    this.#sitAt(pool, target);
    this.#turnTo(pool);
    return true;
  }

  #turnTo(pool: LivePool): void {
    this.pool = pool;
    // What has been counted stands.
    if (pool !== this.picked && !this.#isCharged) this.decision = 'fallback';
  }

  /** Counts the request against this target instead of the one before. */
  #sitAt(pool: LivePool, target: LiveTarget): void {
    target.inFlight += 1;
    // Counted first and uncounted then, so that who waits for the room that is left finds everything as it is.
    this.release();
    this.target = target;
    this.pool = pool;
  }

  /** As it is now: a newer revision may have replaced its targets. Undefined where there is none, or the request is there. */
  #fallbackIn({ services }: Routing): LivePool | undefined {
    const fallback = services.get(this.service!.id)?.fallback;
    return fallback?.id === this.pool!.id ? undefined : fallback;
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
