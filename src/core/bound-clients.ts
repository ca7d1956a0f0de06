/** Clients that are bound to what is taken out, and may still be sent there. */
import type { CompiledService, CompiledTarget } from './snapshot.ts';

/**
 * How long after a deadline a worker may still send bound clients: it looks about once per second, by a clock that it sets every 100 ms.
 * Milliseconds.
 */
export const boundLingerMs = 2000;

/**
 * Whether clients that are bound to a target which drains may still be sent there: those with a cookie for the target, and those of its
 * pool where that has no other target left. A pool keeps clients as long as it has slots, or where it gives none away that it had.
 * @param pool an index into the service's pools
 * @param nowMs since the epoch
 */
export function takesBoundClients({ sticky, pools }: CompiledService, pool: number, target: CompiledTarget, nowMs: number): boolean {
  if (sticky === undefined || target.state !== 'drain' || target.weight === 0) return false;
  if (target.drainUntilMs !== undefined && nowMs >= target.drainUntilMs + boundLingerMs) return false;
  if (!sticky.slotPools.includes(pool) && sticky.onShrink !== 'keep') return false;
  const hasOthers = pools[pool]!.targets.some(({ state, weight }) => state === 'ready' && weight > 0);
  return sticky.target || (sticky.key.from === 'own' && !hasOthers);
}
