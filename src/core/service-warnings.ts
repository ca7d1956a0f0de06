/** What a configuration allows and nobody means: traffic that goes where nothing can serve it, and words that decide nothing. */
import { effectiveWeights } from './effective-weights.ts';
import type { OverrideMatch, Pool, Service, Target } from './model.ts';
import { stricter } from './snapshot.ts';

/** More than these are not read. */
export const warningsMax = 20;

/** Whether probes say of all these targets that they are unhealthy; at least one is asked about. */
export type AreUnhealthy = (service: Service, pool: Pool, targets: readonly Target[]) => boolean;

/** Nobody probes: what can be said of a file. */
export const nothingProbed: AreUnhealthy = () => false;

/** In whole sentences, most pressing first, by where a request goes: overrides, weights, fallback. */
export function warningsAbout(service: Service, areUnhealthy: AreUnhealthy): string[] {
  const taker = service.overrides.findIndex(({ match }) => takesAll(match));
  const reached = taker < 0 ? service.overrides : service.overrides.slice(0, taker + 1);
  const forced = new Set(reached.map(({ poolId }) => poolId));
  const lacks = new Map(service.pools.map((pool) => [pool.id, lackOf(service, pool, areUnhealthy)]));
  return [
    ...aboutTaker(service, taker),
    ...service.pools.filter(({ id }) => forced.has(id)).flatMap((pool) => aboutForced(service, pool, lacks)),
    ...(taker < 0 ? aboutWeights(service, lacks) : []),
    ...aboutFallback(service, lacks),
    ...service.pools.flatMap((pool) => aboutEncryption(service, pool)),
  ];
}

/** Why a pool cannot serve, or only by targets that probes say are unhealthy; undefined where it can. */
interface Lack {
  readonly kind: 'none' | 'unhealthy';
  readonly what: string;
}

/** By pool. */
type Lacks = ReadonlyMap<string, Lack | undefined>;

function lackOf(service: Service, pool: Pool, areUnhealthy: AreUnhealthy): Lack | undefined {
  if (pool.targets.length === 0) return { kind: 'none', what: 'no targets' };
  const weighty = pool.targets.filter((target) => target.weight > 0);
  if (weighty.length === 0) return { kind: 'none', what: 'only targets of weight 0' };
  const ready = weighty.filter(({ state }) => stricter(state, pool.state) === 'ready');
  if (ready.length === 0) return { kind: 'none', what: 'no target that is ready' };
  return areUnhealthy(service, pool, ready) ? { kind: 'unhealthy', what: 'no healthy target that is ready' } : undefined;
}

/** Written without conditions. Those that every request happens to meet are not looked for. */
function takesAll({ host, path, methods, headers, query, cookies, clients, percent }: OverrideMatch): boolean {
  const isAnyPath = path === undefined || (path.kind === 'prefix' && path.value === '');
  const isBare = host === undefined && isAnyPath && percent === undefined;
  return isBare && [methods, headers, query, cookies, clients].every((conditions) => conditions.length === 0);
}

/** An override that leaves nothing to what comes after it, where that would decide otherwise. */
function aboutTaker(service: Service, taker: number): string[] {
  if (taker < 0) return [];
  const { poolId } = service.overrides[taker]!;
  const later = service.overrides.slice(taker + 1);
  const isOnlyWeight = effectiveWeights(service).every(({ id, weight }) => id === poolId || weight === 0);
  if (isOnlyWeight && later.length === 0) return [];
  const whom = taker === 0 ? 'every request' : 'every request that none before it takes';
  const rest = later.length === 0 ? 'weights decide nothing' : 'neither later ones nor weights decide anything';
  return [`Override ${taker + 1} of service "${service.id}" has no conditions: ${whom} goes to pool "${poolId}", and ${rest}.`];
}

/** A pool to which overrides send requests. */
function aboutForced(service: Service, pool: Pool, lacks: Lacks): string[] {
  const lack = lacks.get(pool.id);
  if (lack === undefined) return [];
  const what = `Pool "${pool.id}", to which overrides of service "${service.id}" send requests, has ${lack.what}`;
  return [`${what}, so these ${fateOf(service, lack, lacks, false)}.`];
}

function aboutWeights(service: Service, lacks: Lacks): string[] {
  const weights = effectiveWeights(service);
  const total = weights.reduce((sum, { weight }) => sum + weight, 0);
  if (total === 0) {
    const whom = service.overrides.length === 0 ? 'every request of it' : 'every request of it that no override takes';
    return [`All weights of service "${service.id}" are 0, so ${whom} is answered with 503.`];
  }
  return service.pools.flatMap((pool, index) => {
    const share = (100 * weights[index]!.weight) / total;
    if (share === 0) return weightOfNoUse(service, pool);
    const lack = lacks.get(pool.id);
    return lack === undefined ? [] : [aboutShare(service, pool, lack, share, lacks)];
  });
}

/** The pool counts as of weight 0, which somebody who reads the weights does not see. */
function weightOfNoUse({ id, weights }: Service, pool: Pool): string[] {
  const weight = weights[pool.id]!;
  if (weight === 0) return [];
  return [`Pool "${pool.id}" is in ${pool.state}, so its weight of ${weight} counts as 0; "sluice ready ${id}/${pool.id}" brings it back.`];
}

function aboutShare(service: Service, pool: Pool, lack: Lack, share: number, lacks: Lacks): string {
  const isAll = share === 100;
  const whom = isAll ? `every request of service "${service.id}"` : `${formatPercent(share)} of the requests of service "${service.id}"`;
  return `Pool "${pool.id}" has ${lack.what}, so ${whom} ${fateOf(service, lack, lacks, isAll)}.`;
}

/** What becomes of requests of a pool that lacks something. @param isOne whether the sentence has one subject */
function fateOf({ fallback }: Service, { kind }: Lack, lacks: Lacks, isOne: boolean): string {
  const goes = isOne ? 'goes' : 'go';
  const isSaved = fallback !== undefined && lacks.get(fallback) === undefined;
  if (isSaved) return `${goes} to the fallback "${fallback}"`;
  return kind === 'unhealthy' ? `${goes} to unhealthy ones` : `${isOne ? 'is' : 'are'} answered with 503`;
}

function aboutFallback({ id, fallback, pools }: Service, lacks: Lacks): string[] {
  if (fallback === undefined) return [];
  const pool = `Pool "${fallback}", the fallback of service "${id}",`;
  if (pools.length === 1) return [`${pool} is its only pool, so there is nothing that it could stand in for.`];
  const lack = lacks.get(fallback);
  return lack?.kind === 'none' ? [`${pool} has ${lack.what}, so it can take nothing.`] : [];
}

/** Settings for targets that are reached over TLS, where there are targets and none of them is: probably their URLs should say https. */
function aboutEncryption(service: Service, { id, tls, targets }: Pool): string[] {
  const isBare = tls.verify && tls.serverName === undefined && tls.caFile === undefined && tls.certificate === undefined;
  if (isBare || targets.length === 0 || targets.some(({ encrypted }) => encrypted)) return [];
  const whose = `Pool "${id}" of service "${service.id}"`;
  return [`${whose} has "tls", and none of its targets is reached over TLS: write https:// in the URLs of those that should be.`];
}

function formatPercent(share: number): string {
  return share < 0.01 ? 'less than 0.01%' : `${Number(share.toFixed(2))}%`;
}
