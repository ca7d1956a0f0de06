import { Command } from 'commander';
import { type ChangeBody, reportChange } from './change.ts';
import { addChangeOptions, type ChangeFlags, changeCall, createClient } from './client-options.ts';
import type { Context } from './context.ts';

export function undoCommand(context: Context): Command {
  const command = new Command('undo')
    .summary('go back to what was before the last change')
    .description('Goes back to what was in force before the last change, as a new revision. Again goes back one more.')
    .addHelpText(
      'after',
      `
Examples:
  sluice undo
  sluice undo --reason "errors on green"
  sluice undo --dry-run                        show what it would change`,
    );
  return addChangeOptions(command).action(async (flags: ChangeFlags) => {
    const answer = await (await createClient(flags)).call<ChangeBody>('POST', '/v1/undo', changeCall(flags));
    context.exitCode = reportChange(answer, flags.json === true, context.output);
  });
}
