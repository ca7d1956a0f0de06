/** What a change asked for by somebody makes of the current document. Whether the result is valid is for `Interpret` to say. */
import type { Problem } from './errors.ts';
import { invariant, unreachable } from './invariant.ts';
import { childPointer, isJsonObject, mergePatch, type Json, type JsonObject } from './json.ts';
import { weightMax, type OperatorState, type Service } from './model.ts';
import { deletePool, deleteTarget, putPool, putTarget, setList, setState } from './pool-changes.ts';
import {
  findService,
  poolsNotFound,
  proposed,
  reject,
  serviceNotFound,
  servicesIn,
  withService,
  type Proposal,
  type Standing,
} from './proposal.ts';

export { poolsNotFound, reject, serviceNotFound, type Proposal, type Rejection, type Standing } from './proposal.ts';

/** A change of the document that is in force. */
export type Change =
  | { readonly kind: 'replace'; readonly document: JsonObject }
  | { readonly kind: 'patch'; readonly patch: JsonObject }
  | { readonly kind: 'putService'; readonly service: string; readonly document: JsonObject }
  | { readonly kind: 'patchService'; readonly service: string; readonly patch: JsonObject }
  | { readonly kind: 'deleteService'; readonly service: string }
  /** `others: 'zero'` sets pools that are not named to 0, `'keep'` leaves them. */
  | {
      readonly kind: 'weights';
      readonly service: string;
      /** By pool. Any JSON, because which weights are possible is decided with the pools that they are for. */
      readonly weights: JsonObject;
      readonly others: 'zero' | 'keep';
    }
  /** All of the service's traffic to one pool, in one step. */
  | { readonly kind: 'switch'; readonly service: string; readonly to: string }
  /** A state, and until when, that the document does not name stays as it is; of the pool, and of each of its targets. */
  | { readonly kind: 'putPool'; readonly service: string; readonly pool: string; readonly document: JsonObject }
  | { readonly kind: 'deletePool'; readonly service: string; readonly pool: string }
  /** The same for the state of the target. */
  | { readonly kind: 'putTarget'; readonly service: string; readonly pool: string; readonly target: string; readonly document: JsonObject }
  | { readonly kind: 'deleteTarget'; readonly service: string; readonly pool: string; readonly target: string }
  /** Of a pool, or of one of its targets. */
  | {
      readonly kind: 'state';
      readonly service: string;
      readonly pool: string;
      readonly target: string | undefined;
      readonly state: OperatorState;
      /** As the document has it: an instant in ISO 8601; undefined with `ready`. */
      readonly drainUntil: string | undefined;
      /** False: `drainUntil` is only the default, so where the state is this one already its deadline stays. Default true. */
      readonly isDeadlineGiven?: boolean;
    }
  | { readonly kind: 'mirrors' | 'overrides'; readonly service: string; readonly list: readonly Json[] };

/** The weight that a switch gives to its pool where the sum of all was 0. */
const switchWeight = 100;

/** The document after the change. Where the change asks for what is already so, it is the very same document. */
export function proposeChange(current: Standing, change: Change): Proposal {
  switch (change.kind) {
    case 'replace':
      return proposed(change.document);
    case 'patch':
      return proposed(patchObject(current.document, change.patch));
    case 'putService':
      return proposed(withService(current.document, change.service, change.document));
    case 'patchService':
      return patchService(current, change.service, change.patch);
    case 'deleteService':
      return deleteService(current, change.service);
    case 'weights':
      return setWeights(current, change);
    case 'switch':
      return switchTo(current, change.service, change.to);
    case 'putPool':
      return putPool(current, change);
    case 'deletePool':
      return deletePool(current, change);
    case 'putTarget':
      return putTarget(current, change);
    case 'deleteTarget':
      return deleteTarget(current, change);
    case 'state':
      return setState(current, change);
    case 'mirrors':
    case 'overrides':
      return setList(current, change);
    default:
      return unreachable(change);
  }
}

function patchService(current: Standing, id: string, patch: JsonObject): Proposal {
  if (findService(current.model, id) === undefined) return serviceNotFound(current.model, id);
  return proposed(withService(current.document, id, mergePatch(servicesIn(current.document)[id], patch)));
}

function deleteService(current: Standing, id: string): Proposal {
  if (findService(current.model, id) === undefined) return serviceNotFound(current.model, id);
  const rest = Object.entries(servicesIn(current.document)).filter(([key]) => key !== id);
  return proposed({ ...current.document, services: Object.fromEntries(rest) });
}

function setWeights(current: Standing, change: Extract<Change, { kind: 'weights' }>): Proposal {
  const service = findService(current.model, change.service);
  if (service === undefined) return serviceNotFound(current.model, change.service);

  const named = Object.keys(change.weights);
  const pools = service.pools.map((pool) => pool.id);
  if (named.length === 0) {
    return reject('INVALID', `The body names no pool of service "${service.id}"; send for example ${exampleWeights(pools)}.`);
  }
  const unknown = named.filter((id) => !pools.includes(id));
  if (unknown.length > 0) return poolsNotFound(service, unknown);

  const asked = new Map<string, number>();
  const problems: Problem[] = [];
  for (const [id, weight] of Object.entries(change.weights)) {
    if (isWeight(weight)) asked.set(id, weight);
    else problems.push(weightProblem(service, id, weight));
  }
  if (problems.length > 0)
    return reject('INVALID', `Not possible as weights: ${problems.map((problem) => problem.message).join('; ')}.`, problems);

  const weights = pools.map((id) => asked.get(id) ?? (change.others === 'zero' ? 0 : service.weights[id]!));
  return withWeights(current, service, weights);
}

function switchTo(current: Standing, serviceId: string, to: string): Proposal {
  const service = findService(current.model, serviceId);
  if (service === undefined) return serviceNotFound(current.model, serviceId);
  if (!service.pools.some((pool) => pool.id === to)) return poolsNotFound(service, [to]);

  const total = sum(service.pools.map((pool) => service.weights[pool.id]!));
  const weights = service.pools.map((pool) => (pool.id === to ? Math.min(total || switchWeight, weightMax) : 0));
  return withWeights(current, service, weights);
}

/** All pools are written out, in their order, so that the document says what is in force and not what some default makes of it. */
function withWeights(current: Standing, service: Service, weights: readonly number[]): Proposal {
  if (service.pools.every((pool, index) => service.weights[pool.id] === weights[index])) return proposed(current.document);
  const written = Object.fromEntries(service.pools.map((pool, index) => [pool.id, weights[index]!]));
  const before = servicesIn(current.document)[service.id];
  return proposed(withService(current.document, service.id, { ...(isJsonObject(before) ? before : {}), weights: written }));
}

function patchObject(document: JsonObject, patch: JsonObject): JsonObject {
  const patched = mergePatch(document, patch);
  invariant(isJsonObject(patched), 'an object patched with an object is an object');
  return patched;
}

function isWeight(value: Json): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= weightMax;
}

function weightProblem(service: Service, poolId: string, value: Json): Problem {
  const pointer = ['services', service.id, 'weights', poolId].reduce(childPointer, '');
  return { pointer, message: `${poolId}: expected a whole number from 0 to ${weightMax}, found ${JSON.stringify(value)}` };
}

function exampleWeights(pools: readonly string[]): string {
  return JSON.stringify(Object.fromEntries(pools.map((id, index) => [id, index === 0 ? 90 : 10])));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
