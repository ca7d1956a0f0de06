/** How a config file and the changes made live since it was last applied come together. */
import type { Problem } from './errors.ts';
import { keepFixedParts } from './fixed-parts.ts';
import { invariant } from './invariant.ts';
import { childPointer, equalJson, isJsonObject, mergeThreeWay, ownValue, type Json, type JsonObject } from './json.ts';
import { mergePool } from './merge-pool.ts';
import { objectIn } from './proposal.ts';

export type FileMerge =
  | { readonly kind: 'merged'; readonly document: JsonObject }
  /** The file cannot be followed without harm; each problem says the way out. */
  | { readonly kind: 'conflict'; readonly problems: readonly Problem[] };

/**
 * What the file changed since it was last applied (`base`, undefined = never) wins; what only live changes touched stays. A service's
 * weights are relative to each other, so they are one value: the file's, where it changed any of them, or else those in force. What is
 * fixed while the process runs is the file's in any case. Pools are merged as {@link mergePool} says.
 *
 * A file that takes away the very pool that has all the traffic, and says nothing new about where that should go, is a conflict: the
 * service would be left without any weight, and every request would be answered with 503.
 */
export function mergeFile(base: JsonObject | undefined, current: JsonObject, file: JsonObject): FileMerge {
  const merged = mergeThreeWay(base, current, file);
  invariant(isJsonObject(merged), 'a merge of objects is an object');
  const document = keepFixedParts(file, merged);
  const services = ownValue(document, 'services');
  if (!isJsonObject(services)) return { kind: 'merged', document };

  const problems: Problem[] = [];
  const settled = Object.entries(services).map(([id, written]): [string, Json] => {
    const live = serviceOf(current, id);
    const wanted = serviceOf(file, id);
    // Where one of the two does not have the service, it is the other's as a whole.
    if (live === undefined || wanted === undefined || !isJsonObject(written)) return [id, written];
    const service = withMergedPools(written, serviceOf(base, id), live, wanted);
    if (changesWeights(serviceOf(base, id), wanted)) return [id, withWeights(service, ownValue(wanted, 'weights'))];

    const removed = removedPools(live, service);
    const kept = weightsWithout(removed, live);
    if (isJsonObject(kept) && sum(kept) === 0 && sum(ownValue(live, 'weights')) > 0) problems.push(strandedTraffic(id, live, service));
    return [id, withWeights(service, kept)];
  });
  if (problems.length > 0) return { kind: 'conflict', problems };
  return { kind: 'merged', document: { ...document, services: Object.fromEntries(settled) } };
}

/** With the pools that are in both, in force and in the file, merged part by part; the others are those of one side already. */
function withMergedPools(service: JsonObject, base: JsonObject | undefined, live: JsonObject, file: JsonObject): JsonObject {
  const pools = ownValue(service, 'pools');
  if (!isJsonObject(pools)) return service;
  const merged = Object.entries(pools).map(([id, pool]): [string, Json] => {
    const [before, ours, theirs] = [base ?? {}, live, file].map((side) => ownValue(objectIn(side, 'pools'), id));
    if (!isJsonObject(ours) || !isJsonObject(theirs)) return [id, pool];
    return [id, mergePool(isJsonObject(before) ? before : undefined, ours, theirs)];
  });
  return { ...service, pools: Object.fromEntries(merged) };
}

/** A pool that is not named has weight 0: naming it with 0, as one does with a pool that is added, changes no weight. */
function changesWeights(base: JsonObject | undefined, file: JsonObject): boolean {
  const before = base && ownValue(base, 'weights');
  const after = ownValue(file, 'weights');
  if (!isJsonObject(before) || !isJsonObject(after)) return !equalJson(before, after);
  const pools = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...pools].some((id) => !equalJson(ownValue(before, id) ?? 0, ownValue(after, id) ?? 0));
}

/** The pools that are in force and not in the merged service: the file has removed them. */
function removedPools(live: JsonObject, merged: JsonObject): string[] {
  const before = ownValue(live, 'pools');
  const after = ownValue(merged, 'pools');
  return isJsonObject(before) && isJsonObject(after) ? Object.keys(before).filter((id) => !Object.hasOwn(after, id)) : [];
}

function weightsWithout(removed: readonly string[], service: JsonObject): Json | undefined {
  const weights = ownValue(service, 'weights');
  if (!isJsonObject(weights) || removed.length === 0) return weights;
  return Object.fromEntries(Object.entries(weights).filter(([id]) => !removed.includes(id)));
}

/** The service itself where its weights are these already. */
function withWeights(service: JsonObject, weights: Json | undefined): JsonObject {
  if (equalJson(ownValue(service, 'weights'), weights)) return service;
  if (weights !== undefined) return { ...service, weights };
  const { weights: _, ...rest } = service;
  return rest;
}

function strandedTraffic(serviceId: string, live: JsonObject, merged: JsonObject): Problem {
  const weights = ownValue(live, 'weights');
  const carriers = Object.entries(isJsonObject(weights) ? weights : {}).filter(([, weight]) => weight !== 0);
  const names = carriers.map(([id]) => JSON.stringify(id)).join(' and ');
  const pools = ownValue(merged, 'pools');
  const example = Object.keys(isJsonObject(pools) ? pools : {}).map((id, index) => `${id}: ${index === 0 ? 1 : 0}`);
  return {
    pointer: ['services', serviceId, 'weights'].reduce(childPointer, ''),
    message:
      `all traffic of the service is on what the file removes (pool ${names}), and the file's weights are those it had before; ` +
      `switch to another pool first, or change the weights in the file, for example { ${example.join(', ')} }`,
  };
}

function serviceOf(document: JsonObject | undefined, id: string): JsonObject | undefined {
  const services = document && ownValue(document, 'services');
  const service = isJsonObject(services) ? ownValue(services, id) : undefined;
  return isJsonObject(service) ? service : undefined;
}

function sum(weights: Json | undefined): number {
  if (!isJsonObject(weights)) return 0;
  return Object.values(weights).reduce<number>((total, weight) => total + (typeof weight === 'number' ? weight : 0), 0);
}
