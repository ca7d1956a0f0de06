/** Changes of one pool or one target, of mirrors and of overrides. They leave the rest of the document exactly as it was written. */
import type { Change } from './change.ts';
import { childPointer, equalJson, isJsonObject, ownValue, type Json, type JsonObject } from './json.ts';
import type { Pool, Service } from './model.ts';
import { nameHint } from './nearest.ts';
import {
  findService,
  objectIn,
  poolsNotFound,
  proposed,
  reject,
  serviceNotFound,
  servicesIn,
  withKey,
  withoutKeys,
  withService,
  type Proposal,
  type Rejection,
  type Standing,
} from './proposal.ts';
import { keptState, keptStates } from './kept-states.ts';
import { asObject, shortestItem } from './target-items.ts';

type ChangeOf<Kind extends Change['kind']> = Extract<Change, { kind: Kind }>;

export function putPool(current: Standing, { service: serviceId, pool: poolId, document }: ChangeOf<'putPool'>): Proposal {
  const service = findService(current.model, serviceId);
  if (service === undefined) return serviceNotFound(current.model, serviceId);
  const before = ownValue(objectIn(objectIn(servicesIn(current.document), serviceId), 'pools'), poolId);
  const changed = withPool(current, service, poolId, isJsonObject(before) ? keptStates(before, document) : document);
  // One pool may leave the weights out, two may not: the traffic stays where it is.
  const isSecond = service.pools.length === 1 && service.pools[0]!.id !== poolId && ownValue(changed, 'weights') === undefined;
  return withChangedService(current, service, isSecond ? withKey(changed, 'weights', { ...service.weights, [poolId]: 0 }) : changed);
}

export function deletePool(current: Standing, { service: serviceId, pool: poolId }: ChangeOf<'deletePool'>): Proposal {
  const service = findService(current.model, serviceId);
  if (service === undefined) return serviceNotFound(current.model, serviceId);
  if (!service.pools.some((pool) => pool.id === poolId)) return poolsNotFound(service, [poolId]);
  const reasons = usesOf(service, poolId);
  if (reasons.length > 0)
    return reject('POOL_IN_USE', `Pool "${poolId}" of service "${serviceId}" cannot be removed: ${reasons.join('; ')}.`);

  const before = objectIn(servicesIn(current.document), serviceId);
  const after = withKey(before, 'pools', withoutKeys(objectIn(before, 'pools'), poolId));
  const weights = ownValue(before, 'weights');
  return withChangedService(current, service, isJsonObject(weights) ? withKey(after, 'weights', withoutKeys(weights, poolId)) : after);
}

/** Why the service still needs the pool, each with the way out. */
function usesOf(service: Service, poolId: string): string[] {
  const others = service.pools.map((pool) => pool.id).filter((id) => id !== poolId);
  if (others.length === 0) return [`it is the only pool; to remove it, remove the service, or add another pool and switch to it first`];
  const isNamedBy = (entries: readonly { readonly poolId: string }[]): boolean => entries.some((entry) => entry.poolId === poolId);
  const weight = service.weights[poolId]!;
  return [
    ...(weight > 0 ? [`it has the weight ${weight}; move its weight away first, for example by switching to "${others[0]!}"`] : []),
    ...(service.fallback === poolId ? ['it is the fallback; name another pool in "fallback", or none'] : []),
    ...(isNamedBy(service.overrides) ? ['an override names it; change "overrides" first'] : []),
    ...(isNamedBy(service.mirrors) ? ['a mirror copies to it; change "mirrors" first'] : []),
  ];
}

export function putTarget(current: Standing, { service, pool, target, document }: ChangeOf<'putTarget'>): Proposal {
  const place = findPool(current, service, pool);
  if (place.kind === 'rejected') return place;
  const items = itemsOf(current, place);
  const known = place.pool.targets.findIndex((candidate) => candidate.id === target);
  const index = known < 0 ? items.length : known;
  const id = ownValue(document, 'id');
  if (id !== undefined && id !== target) {
    const pointer = ['services', service, 'pools', pool, 'targets', index, 'id'].reduce<string>(childPointer, '');
    const message = `expected ${JSON.stringify(target)}, the id in the path, found ${JSON.stringify(id)}; leave it out`;
    return reject('INVALID', 'The target cannot have another id than the path says.', [{ pointer, message }]);
  }
  const item = shortestItem(target, known < 0 ? document : keptState(asObject(items[known]!), document));
  if (known >= 0 && equalJson(shortestItem(target, asObject(items[index]!)), item)) return proposed(current.document);
  return withItems(current, place, items.toSpliced(index, 1, item));
}

export function deleteTarget(current: Standing, { service, pool, target }: ChangeOf<'deleteTarget'>): Proposal {
  const place = findTarget(current, service, pool, target);
  if (place.kind === 'rejected') return place;
  return withItems(current, place, itemsOf(current, place).toSpliced(place.index, 1));
}

export function setState(current: Standing, change: ChangeOf<'state'>): Proposal {
  if (change.target === undefined) {
    const place = findPool(current, change.service, change.pool);
    if (place.kind === 'rejected') return place;
    if (keepsDeadline(place.pool, change)) return proposed(current.document);
    const pool = objectIn(poolsOf(current, place.service), change.pool);
    return withChangedService(current, place.service, withPool(current, place.service, change.pool, withState(pool, change)));
  }
  const place = findTarget(current, change.service, change.pool, change.target);
  if (place.kind === 'rejected') return place;
  if (keepsDeadline(place.pool.targets[place.index]!, change)) return proposed(current.document);
  const items = itemsOf(current, place);
  const before = asObject(items[place.index]!);
  const after = withState(before, change);
  // A string is as good as an object until there is more to say than the URL.
  if (equalJson(before, after)) return proposed(current.document);
  return withItems(current, place, items.with(place.index, shortestItem(change.target, after)));
}

export function setList(current: Standing, { kind, service: serviceId, list }: ChangeOf<'mirrors' | 'overrides'>): Proposal {
  const service = findService(current.model, serviceId);
  if (service === undefined) return serviceNotFound(current.model, serviceId);
  const before = objectIn(servicesIn(current.document), serviceId);
  if (equalJson(ownValue(before, kind) ?? [], list)) return proposed(current.document);
  return withChangedService(current, service, list.length === 0 ? withoutKeys(before, kind) : withKey(before, kind, list));
}

/** Asking again, as somebody does who has not seen the answer, must not give what runs more time, nor make a second change to undo. */
function keepsDeadline({ state }: Pick<Pool, 'state'>, change: ChangeOf<'state'>): boolean {
  return change.isDeadlineGiven === false && state === change.state;
}

/** `ready` is what a document that says nothing means. */
function withState(object: JsonObject, { state, drainUntil }: ChangeOf<'state'>): JsonObject {
  const bare = withoutKeys(object, 'state', 'drainUntil');
  if (state === 'ready') return bare;
  return { ...bare, state, ...(drainUntil === undefined ? {} : { drainUntil }) };
}

interface Place {
  readonly kind: 'found';
  readonly service: Service;
  readonly pool: Pool;
}

/** The pool, or why there is none. */
export function findPool({ model }: Standing, serviceId: string, poolId: string): Place | Rejection {
  const service = findService(model, serviceId);
  if (service === undefined) return serviceNotFound(model, serviceId);
  const pool = service.pools.find((candidate) => candidate.id === poolId);
  return pool === undefined ? poolsNotFound(service, [poolId]) : { kind: 'found', service, pool };
}

/** The target's place among those of its pool, or why there is none. */
export function findTarget(
  current: Standing,
  serviceId: string,
  poolId: string,
  targetId: string,
): (Place & { readonly index: number }) | Rejection {
  const place = findPool(current, serviceId, poolId);
  if (place.kind === 'rejected') return place;
  const index = place.pool.targets.findIndex((target) => target.id === targetId);
  return index < 0 ? targetNotFound(place, targetId) : { ...place, index };
}

function targetNotFound({ service, pool }: Place, targetId: string): Rejection {
  const ids = pool.targets.map((target) => target.id);
  const [name] = targetId.split('@');
  const hint =
    name !== targetId && ids.includes(name!)
      ? `It is one of the addresses that "${name!}" has been resolved to; what you set for "${name!}" holds for all of them.`
      : nameHint(targetId, ids);
  return reject('TARGET_NOT_FOUND', `Pool "${pool.id}" of service "${service.id}" has no target "${targetId}". ${hint}`);
}

/** The pool's targets as somebody wrote them; the model has them in the same order. */
export function itemsOf(current: Standing, { service, pool }: Place): readonly Json[] {
  const items = ownValue(objectIn(poolsOf(current, service), pool.id), 'targets');
  return Array.isArray(items) ? items : [];
}

function poolsOf({ document }: Standing, service: Service): JsonObject {
  return objectIn(objectIn(servicesIn(document), service.id), 'pools');
}

function withItems(current: Standing, { service, pool }: Place, items: readonly Json[]): Proposal {
  const before = objectIn(poolsOf(current, service), pool.id);
  return withChangedService(current, service, withPool(current, service, pool.id, withKey(before, 'targets', items)));
}

/** The service's document with another pool. */
function withPool({ document }: Standing, service: Service, poolId: string, pool: JsonObject): JsonObject {
  const before = objectIn(servicesIn(document), service.id);
  return withKey(before, 'pools', withKey(objectIn(before, 'pools'), poolId, pool));
}

function withChangedService({ document }: Standing, { id }: Service, service: JsonObject): Proposal {
  if (equalJson(ownValue(servicesIn(document), id), service)) return proposed(document);
  return proposed(withService(document, id, service));
}
