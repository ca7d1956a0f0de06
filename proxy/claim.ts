import { matchRoute } from '../src/core/routes.ts';
import type { Cause } from '../src/core/terminations.ts';
import type { RequestHead } from './message.ts';
import type { LivePool, LiveService, LiveTarget } from './live.ts';
import type { Routing } from './routing.ts';

/** How the pool of a request was decided, for the access log. */
export type Decision = 'split' | 'none';

/** A request's place: the revision that handles it and the target it counts against. One per exchange, filled anew for each request. */
export class Claim {
  routing: Routing;
  service: LiveService | undefined;
  pool: LivePool | undefined;
  target: LiveTarget | undefined;
  decision: Decision = 'none';

  constructor(routing: Routing) {
    this.routing = routing;
  }

  /**
   * Chooses service, pool and target by one revision, and counts the request against the target. Synchronous, so that no change can
   * come in between.
   * @returns '' or why no target was found
   */
  take(routing: Routing, head: RequestHead, random: () => number): Cause | '' {
    this.reset(routing);
    const route = matchRoute(routing.table, head);
    if (route < 0) return 'no_route';
    const service = routing.serviceOfRoute[route]!;
    this.service = service;
    const pick = service.split.pick(random);
    if (pick < 0) return 'no_weight';
    this.pool = service.pools[pick]!;
    this.decision = 'split';
    return this.#count(nextInRotation(this.pool));
  }

  /** For a request that gets no target. */
  reset(routing: Routing): void {
    this.routing = routing;
    this.service = this.pool = this.target = undefined;
    this.decision = 'none';
  }

  /**
   * Moves the claim to a target of the same pool that is not in `tried`. The request stays charged to its pool. It takes no turn from the
   * rotation: with one of two targets dead, pick and retry would make up a whole round, and every request would begin at the dead one.
   */
  takeAnother(tried: readonly LiveTarget[], random: () => number): boolean {
    const pool = this.pool!;
    const target = untriedFrom(pool, Math.floor(random() * pool.rotation.length), tried);
    if (target === undefined) return false;
    this.release();
    this.#count(target);
    return true;
  }

  /** Uncounts, once however often it is called. */
  release(): void {
    if (this.target !== undefined) this.target.inFlight -= 1;
    this.target = undefined;
  }

  #count(target: LiveTarget | undefined): Cause | '' {
    if (target === undefined) return 'no_available_target';
    target.inFlight += 1;
    this.target = target;
    return '';
  }
}

/** Weighted round robin. */
function nextInRotation({ rotation, turn, targets }: LivePool): LiveTarget | undefined {
  if (rotation.length === 0) return undefined;
  const place = turn.next < rotation.length ? turn.next : 0;
  turn.next = place + 1;
  return targets[rotation[place]!];
}

/** The first target from `start` on that is not in `tried`; goes round at most once. */
function untriedFrom({ rotation, targets }: LivePool, start: number, tried: readonly LiveTarget[]): LiveTarget | undefined {
  for (let step = 0; step < rotation.length; step++) {
    const target = targets[rotation[(start + step) % rotation.length]!]!;
    if (!tried.includes(target)) return target;
  }
  return undefined;
}
