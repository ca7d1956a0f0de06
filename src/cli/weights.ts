import { Command } from 'commander';
import { type ChangeBody, reportChange } from './change.ts';
import { addChangeOptions, type ChangeFlags, changeCall, createClient } from './client-options.ts';
import type { Context } from './context.ts';
import { CommandError, exitCodes } from './exit-codes.ts';
import { formatTable } from './output.ts';

interface WeightsFlags extends ChangeFlags {
  readonly keep?: boolean;
}

export function weightsCommand(context: Context): Command {
  const command = new Command('weights')
    .summary("show or set a service's weights")
    .description('Shows how a service is split between its pools, or sets it. Weights are relative: a pool gets weight / sum of weights.')
    .argument('<service>', 'the service')
    .argument('[pool=weight...]', 'the new weights; pools that are not named get 0')
    .option('--keep', 'leave pools that are not named as they are')
    .addHelpText(
      'after',
      `
Examples:
  sluice weights shop                          show them
  sluice weights shop blue=90 green=10         10% of new requests go to green
  sluice weights shop green=25 --keep          change green's weight only
  sluice weights shop blue=90 green=10 --dry-run`,
    );
  return addChangeOptions(command).action(async (service: string, assignments: readonly string[], flags: WeightsFlags) => {
    const client = await createClient(flags);
    const path = `/v1/services/${encodeURIComponent(service)}/weights`;
    if (assignments.length === 0) {
      const weights = await client.call<Record<string, number>>('GET', path);
      if (flags.json === true) context.output.print(JSON.stringify(weights));
      else context.output.print(describeWeights(weights));
      return;
    }
    const body = readAssignments(service, assignments);
    const answer = await client.call<ChangeBody>(flags.keep === true ? 'PATCH' : 'PUT', path, { body, ...changeCall(flags) });
    context.exitCode = reportChange(answer, flags.json === true, context.output);
  });
}

function readAssignments(service: string, assignments: readonly string[]): Record<string, number> {
  const weights = new Map<string, number>();
  for (const assignment of assignments) {
    const match = /^([^=]+)=(\d{1,9})$/.exec(assignment);
    if (match === null) {
      throw new CommandError(
        `"${assignment}" is not POOL=WEIGHT with a whole number, such as green=10. Type: sluice weights ${service} blue=90 green=10`,
        exitCodes.failed,
      );
    }
    const [, pool, weight] = match;
    if (weights.has(pool!)) throw new CommandError(`"${pool}" is given twice; give each pool one weight.`, exitCodes.failed);
    weights.set(pool!, Number(weight));
  }
  return Object.fromEntries(weights);
}

function describeWeights(weights: Readonly<Record<string, number>>): string {
  const total = Object.values(weights).reduce((sum, weight) => sum + weight, 0);
  const share = (weight: number): string => (total === 0 ? '-' : `${Number(((100 * weight) / total).toFixed(2))}%`);
  return formatTable(
    ['POOL', 'WEIGHT', 'SHARE'],
    Object.entries(weights).map(([pool, weight]) => [pool, String(weight), share(weight)]),
  );
}
