/** What becomes of the deadlines of drains when an earlier revision comes back: they are points in time, and may be over. */
import { isJsonObject, ownValue, type Json, type JsonObject } from '../core/json.ts';
import type { Model, Pool, Target } from '../core/model.ts';
import { objectIn, servicesIn, withKey } from '../core/proposal.ts';

/** A pool or a target. */
type Home = Pick<Pool | Target, 'state' | 'drainUntilMs'>;

/**
 * The document with at least `timeouts.drain` from now for whatever it takes out that is not taken out until that very time already.
 * Otherwise going back to a drain that is long over would cut what runs there at once. One without a deadline stays so.
 * @param document what is gone back to
 * @param meaning what it means
 * @param now what is in force
 */
export function renewDeadlines(document: JsonObject, meaning: Model, now: Model, nowMs: number): JsonObject {
  return meaning.services.reduce((changed, { id, pools, timeouts }) => {
    const before = now.services.find((service) => service.id === id)?.pools ?? [];
    const untilMs = nowMs + timeouts.drainMs;
    return pools.reduce(
      (renewed, pool) => withPool(renewed, id, pool.id, (written) => renewPool(written, pool, byId(before, pool.id), untilMs)),
      changed,
    );
  }, document);
}

function renewPool(written: JsonObject, pool: Pool, now: Pool | undefined, untilMs: number): JsonObject {
  const renewed = renew(written, pool, now, untilMs);
  const items = ownValue(written, 'targets');
  if (!Array.isArray(items)) return renewed;
  // The model has the targets in the order of the document.
  const targets = items.map((item: Json, index): Json => {
    const target = pool.targets[index]!;
    return isJsonObject(item) ? renew(item, target, byId(now?.targets ?? [], target.id), untilMs) : item;
  });
  return targets.every((item, index) => item === items[index]) ? renewed : withKey(renewed, 'targets', targets);
}

/** The very same object where its deadline may stay. */
function renew(written: JsonObject, { state, drainUntilMs }: Home, now: Home | undefined, untilMs: number): JsonObject {
  if (state === 'ready' || drainUntilMs === undefined || drainUntilMs >= untilMs) return written;
  if (now !== undefined && now.state !== 'ready' && now.drainUntilMs === drainUntilMs) return written;
  return withKey(written, 'drainUntil', new Date(untilMs).toISOString());
}

function byId<T extends { readonly id: string }>(homes: readonly T[], id: string): T | undefined {
  return homes.find((home) => home.id === id);
}

/** The very same document where the pool comes out as it was. */
function withPool(document: JsonObject, serviceId: string, poolId: string, change: (pool: JsonObject) => JsonObject): JsonObject {
  const services = servicesIn(document);
  const service = objectIn(services, serviceId);
  const pools = objectIn(service, 'pools');
  const pool = objectIn(pools, poolId);
  const changed = change(pool);
  if (changed === pool) return document;
  return withKey(document, 'services', withKey(services, serviceId, withKey(service, 'pools', withKey(pools, poolId, changed))));
}
