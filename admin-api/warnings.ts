/** What a change allows and nobody means: traffic that goes where nothing can serve it. */
import { interpret } from '../config/interpret.ts';
import { proposeChange } from '../src/core/change.ts';
import type { Difference } from '../src/core/json.ts';
import { effectiveWeights } from '../src/core/effective-weights.ts';
import type { Model, Pool, Service, Target } from '../src/core/model.ts';
import { stricter, writtenTarget } from '../src/core/snapshot.ts';
import type { Command, Reply } from '../src/control/ports.ts';
import type { AdminApiOptions } from './options.ts';

/** More than these are not read. */
const warningsMax = 20;

/** Warnings about the services that a change has touched. For one that would only be made, about what it would make of them. */
export function warningsOf(command: Command, reply: Extract<Reply, { kind: 'accepted' }>, options: AdminApiOptions): string[] {
  const touched = servicesIn(reply.changes);
  if ('service' in command) touched.add(command.service);
  const model = reply.dryRun ? modelAfter(command, options) : options.controller.model();
  return (model?.services ?? [])
    .filter((service) => touched.has(service.id))
    .flatMap((service) => warningsAbout(service, options))
    .slice(0, warningsMax);
}

/** What the command would lead to; undefined for ways back, which lead to what was in force before. */
function modelAfter(command: Command, { controller }: AdminApiOptions): Model | undefined {
  if (command.kind === 'undo' || command.kind === 'restore') return undefined;
  const proposal = proposeChange({ document: controller.current().document, model: controller.model() }, command);
  const meaning = proposal.kind === 'proposed' ? interpret(proposal.document) : undefined;
  return meaning?.kind === 'valid' ? meaning.model : undefined;
}

function servicesIn(changes: readonly Difference[]): Set<string> {
  return new Set(changes.flatMap(({ pointer }) => /^\/services\/([^/]+)/.exec(pointer)?.[1] ?? []));
}

function warningsAbout(service: Service, options: AdminApiOptions): string[] {
  const weights = effectiveWeights(service);
  const total = weights.reduce((sum, { weight }) => sum + weight, 0);
  if (total === 0) return [`All weights of service "${service.id}" are 0, so every request of it is answered with 503.`];
  const fallback = service.pools.find((pool) => pool.id === service.fallback);
  const fallbackLack = fallback && lackOf(service, fallback, options);
  return [
    ...service.pools.flatMap((pool, index) => {
      const share = (100 * weights[index]!.weight) / total;
      if (share === 0) return weightOfNoUse(service, pool);
      const what = lackOf(service, pool, options);
      const isSaved = fallback !== undefined && fallbackLack === undefined;
      return what === undefined ? [] : [describeLack(service, pool, what, share, isSaved ? fallback : undefined)];
    }),
    ...(fallback === undefined || fallbackLack?.kind !== 'none'
      ? []
      : [`Pool "${fallback.id}", the fallback of service "${service.id}", has ${fallbackLack.what}, so it can take nothing.`]),
  ];
}

/** The pool counts as of weight 0, which somebody who reads the weights does not see. */
function weightOfNoUse({ id, weights }: Service, pool: Pool): string[] {
  const weight = weights[pool.id]!;
  if (weight === 0) return [];
  return [`Pool "${pool.id}" is in ${pool.state}, so its weight of ${weight} counts as 0; "sluice ready ${id}/${pool.id}" brings it back.`];
}

/** Why a pool cannot serve, or only by targets that probes say are unhealthy; undefined where it can. */
interface Lack {
  readonly kind: 'none' | 'unhealthy';
  readonly what: string;
}

function lackOf(service: Service, pool: Pool, options: AdminApiOptions): Lack | undefined {
  if (pool.targets.length === 0) return { kind: 'none', what: 'no targets' };
  const weighty = pool.targets.filter((target) => target.weight > 0);
  if (weighty.length === 0) return { kind: 'none', what: 'only targets of weight 0' };
  const isReady = ({ state }: Target): boolean => stricter(state, pool.state) === 'ready';
  const ready = weighty.filter(isReady);
  if (ready.length === 0) return { kind: 'none', what: 'no target that is ready' };
  const ids = probedIds(service, pool, ready, options);
  const isUnhealthy = (id: string): boolean => options.health?.conditionOf(service.id, pool.id, id)?.health === 'unhealthy';
  return ids.every(isUnhealthy) ? { kind: 'unhealthy', what: 'no healthy target that is ready' } : undefined;
}

/** What probes call these targets: one whose name has been resolved is several, and serves while one of them does. At least one. */
function probedIds(service: Service, pool: Pool, targets: readonly Target[], { snapshot }: AdminApiOptions): string[] {
  const compiled =
    snapshot?.()
      .services.find(({ id }) => id === service.id)
      ?.pools.find(({ id }) => id === pool.id)?.targets ?? [];
  const written = new Map(pool.targets.map((target) => [target.id, target]));
  const compiledIds = Map.groupBy(
    compiled.map(({ id }) => id),
    (id) => writtenTarget(written, id)?.id,
  );
  return targets.flatMap(({ id }) => compiledIds.get(id) ?? [id]);
}

function describeLack(service: Service, pool: Pool, { kind, what }: Lack, share: number, fallback: Pool | undefined): string {
  const isAll = share === 100;
  const whom = isAll ? `every request of service "${service.id}"` : `${formatPercent(share)} of the requests of service "${service.id}"`;
  const is = isAll ? 'is' : 'are';
  const goes = isAll ? 'goes' : 'go';
  if (fallback !== undefined) return `Pool "${pool.id}" has ${what}, so ${whom} ${goes} to the fallback "${fallback.id}".`;
  if (kind === 'unhealthy') return `Pool "${pool.id}" has ${what}, so ${whom} ${goes} to unhealthy ones.`;
  return `Pool "${pool.id}" has ${what}, so ${whom} ${is} answered with 503.`;
}

function formatPercent(share: number): string {
  return share < 0.01 ? 'less than 0.01%' : `${Number(share.toFixed(2))}%`;
}
