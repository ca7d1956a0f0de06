/** Which target of a pool gets the next request. */
import type { Balancer, Candidate } from './balancing/balancer.ts';
import { Hashed } from './balancing/hashed.ts';
import { LeastRequests } from './balancing/least-requests.ts';
import { LesserOfTwo } from './balancing/lesser-of-two.ts';
import { RandomDraw } from './balancing/random-draw.ts';
import { RoundRobin } from './balancing/round-robin.ts';
import { unreachable } from './invariant.ts';
import type { Balance } from './model.ts';

/**
 * @param candidates their ids and weights stay as they are
 * @param start in [0, 1): where a round begins, so that workers do not all begin with the same target
 */
export function createBalancer<T extends Candidate>(balance: Balance, candidates: readonly T[], start: number): Balancer<T> {
  switch (balance.kind) {
    case 'round-robin':
      return new RoundRobin(candidates, start);
    case 'least-requests':
      return new LeastRequests(candidates, start);
    case 'p2c-ewma':
      return new LesserOfTwo(candidates);
    case 'random':
      return new RandomDraw(candidates);
    case 'hash':
      return new Hashed(candidates, start);
    default:
      return unreachable(balance);
  }
}
