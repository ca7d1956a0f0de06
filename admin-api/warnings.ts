/** What a change allows and nobody means; see {@link warningsAbout}. */
import { interpret } from '../config/interpret.ts';
import { proposeChange } from '../src/core/change.ts';
import type { Difference } from '../src/core/json.ts';
import type { Model, Pool, Service, Target } from '../src/core/model.ts';
import { warningsAbout, warningsMax, type AreUnhealthy } from '../src/core/service-warnings.ts';
import { writtenTarget } from '../src/core/snapshot.ts';
import type { Command, Reply } from '../src/control/ports.ts';
import type { AdminApiOptions } from './options.ts';

/** Warnings about the services that a change has touched. For one that would only be made, about what it would make of them. */
export function warningsOf(command: Command, reply: Extract<Reply, { kind: 'accepted' }>, options: AdminApiOptions): string[] {
  const touched = servicesIn(reply.changes);
  if ('service' in command) touched.add(command.service);
  const model = reply.dryRun ? modelAfter(command, options) : options.controller.model();
  const services = model?.services ?? [];
  const areUnhealthy = healthFrom(options);
  return [
    ...services.flatMap((service) => stillOut(command, service)),
    ...(mayNameFiles(command, reply) ? (options.warnings?.() ?? []) : []),
    ...services.filter((service) => touched.has(service.id)).flatMap((service) => warningsAbout(service, areUnhealthy)),
  ].slice(0, warningsMax);
}

/** A target was brought back, and its pool is out: then that is so of the target too, and whoever asked expects traffic there. */
function stillOut(command: Command, service: Service): string[] {
  if (command.kind !== 'state' || command.state !== 'ready' || command.target === undefined || command.service !== service.id) return [];
  const pool = service.pools.find(({ id }) => id === command.pool);
  if (pool === undefined || pool.state === 'ready') return [];
  const wayOut = `"sluice ready ${service.id}/${pool.id}" brings the pool back`;
  return [`Target "${command.target}" stays out, because its pool "${pool.id}" is in ${pool.state}; ${wayOut}.`];
}

/** What the command would lead to; undefined for ways back, which lead to what was in force before. */
function modelAfter(command: Command, { controller }: AdminApiOptions): Model | undefined {
  if (isWayBack(command)) return undefined;
  const proposal = proposeChange({ document: controller.current().document, model: controller.model() }, command);
  const meaning = proposal.kind === 'proposed' ? interpret(proposal.document) : undefined;
  return meaning?.kind === 'valid' ? meaning.model : undefined;
}

/** Ways back are not refused because of files, so who takes one should hear of those that cannot be used; and of listeners, what is not meant. */
function mayNameFiles(command: Command, { dryRun, changes }: Extract<Reply, { kind: 'accepted' }>): boolean {
  return !dryRun && (isWayBack(command) || changes.some(({ pointer }) => pointer.startsWith('/listeners')));
}

function isWayBack(command: Command): command is Extract<Command, { kind: 'undo' | 'restore' }> {
  return command.kind === 'undo' || command.kind === 'restore';
}

function servicesIn(changes: readonly Difference[]): Set<string> {
  return new Set(changes.flatMap(({ pointer }) => /^\/services\/([^/]+)/.exec(pointer)?.[1] ?? []));
}

function healthFrom(options: AdminApiOptions): AreUnhealthy {
  return (service, pool, targets) => {
    const isUnhealthy = (id: string): boolean => options.health?.conditionOf(service.id, pool.id, id)?.health === 'unhealthy';
    return probedIds(service, pool, targets, options).every(isUnhealthy);
  };
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
