/** What a change allows and nobody means: traffic that goes where nothing can serve it. */
import { interpret } from '../config/interpret.ts';
import { proposeChange } from '../src/core/change.ts';
import type { Difference } from '../src/core/json.ts';
import type { Model, Pool, Service } from '../src/core/model.ts';
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
    .flatMap(warningsAbout)
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

function warningsAbout(service: Service): string[] {
  const weightOf = (pool: Pool): number => service.weights[pool.id]!;
  const total = service.pools.reduce((sum, pool) => sum + weightOf(pool), 0);
  if (total === 0) return [`All weights of service "${service.id}" are 0, so every request of it is answered with 503.`];
  return service.pools
    .filter((pool) => weightOf(pool) > 0 && !pool.targets.some((target) => target.weight > 0))
    .map((pool) => {
      const share = (100 * weightOf(pool)) / total;
      const what = pool.targets.length === 0 ? 'no targets' : 'only targets of weight 0';
      const whom =
        share === 100
          ? `every request of service "${service.id}" is`
          : `${formatPercent(share)} of the requests of service "${service.id}" are`;
      return `Pool "${pool.id}" has ${what}, so ${whom} answered with 503.`;
    });
}

function formatPercent(share: number): string {
  return share < 0.01 ? 'less than 0.01%' : `${Number(share.toFixed(2))}%`;
}
