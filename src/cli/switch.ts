import { Command } from 'commander';
import { type ChangeBody, reportChange } from './change.ts';
import { addChangeOptions, type ChangeFlags, changeCall, createClient } from './client-options.ts';
import type { Context } from './context.ts';

export function switchCommand(context: Context): Command {
  const command = new Command('switch')
    .summary('send all of a service to one pool')
    .description('Sends all new requests of a service to one pool. Running requests finish where they are.')
    .argument('<service>', 'the service')
    .argument('<pool>', 'the pool that is to have everything')
    .addHelpText(
      'after',
      `
Examples:
  sluice switch shop green                     all new requests of shop go to green
  sluice undo                                  and back
  sluice switch shop green --if-match 41       only if nobody has changed anything since revision 41`,
    );
  return addChangeOptions(command).action(async (service: string, pool: string, flags: ChangeFlags) => {
    const path = `/v1/services/${encodeURIComponent(service)}/switch`;
    const answer = await (await createClient(flags)).call<ChangeBody>('POST', path, { body: { to: pool }, ...changeCall(flags) });
    context.exitCode = reportChange(answer, flags.json === true, context.output);
  });
}
