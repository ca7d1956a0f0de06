import { Command, CommanderError } from 'commander';
import { checkCommand } from './check.ts';
import type { Context } from './context.ts';
import { demoCommand } from './demo.ts';
import { CommandError, exitCodes, type FailureDocument } from './exit-codes.ts';
import { historyCommand } from './history.ts';
import type { Launcher } from './launcher.ts';
import { type Output, standardOutput } from './output.ts';
import { runCommand } from './run.ts';
import { statusCommand } from './status.ts';
import { drainCommand, maintCommand, readyCommand } from './state.ts';
import { stopCommand } from './stop.ts';
import { switchCommand } from './switch.ts';
import { undoCommand } from './undo.ts';
import { weightsCommand } from './weights.ts';

const examples = `
Examples:
  sluice demo                                  try it with two small apps
  sluice run -c sluice.yaml                    run it
  sluice weights shop blue=90 green=10         10% of new requests go to green
  sluice switch shop green                     all of them
  sluice undo                                  back, in one call
  sluice drain shop/blue --wait                nobody new there; come back when nothing runs any more

"sluice help COMMAND" says more. Exit codes: 0 done, 1 wrong usage or failure, 2 refused, 5 timed out, 6 admin API unreachable.`;

/**
 * Runs one command and resolves with the exit code. Never rejects because of what the user typed or what the server answered: that ends
 * as a sentence on standard error.
 */
export async function runCli(
  args: readonly string[],
  launcher: Launcher,
  version: string,
  output: Output = standardOutput,
): Promise<number> {
  const context: Context = { output, launcher, exitCode: exitCodes.ok, json: false };
  forgetEmptyVariables();
  const program = createProgram(context, version);
  try {
    if (args.length === 0) {
      output.print(program.helpInformation() + examples);
      return exitCodes.ok;
    }
    await program.parseAsync(args, { from: 'user' });
    return context.exitCode;
  } catch (error) {
    // Commander has said what is wrong, or has printed the help that was asked for.
    if (error instanceof CommanderError) return error.exitCode;
    output.complain(error instanceof Error && isForOperator(error) ? error.message : describeBug(error));
    if (context.json) output.print(JSON.stringify(failureDocument(error)));
    return error instanceof CommandError ? error.exitCode : exitCodes.failed;
  }
}

/** `SLUICE_ADMIN= sluice …` is how a shell unsets a variable for one command; the library would take it for a value. */
function forgetEmptyVariables(): void {
  for (const name of ['SLUICE_ADMIN', 'SLUICE_TOKEN']) if (process.env[name]?.trim() === '') delete process.env[name];
}

function createProgram(context: Context, version: string): Command {
  const program = new Command('sluice')
    .description('A reverse-proxy load balancer that moves live traffic without losing a request.')
    .version(version, '-V, --version')
    .usage('COMMAND [options]')
    .addHelpText('after', examples)
    .configureHelp({ showGlobalOptions: false })
    .hook('preAction', (_program, command) => {
      context.json = command.opts()['json'] === true;
    });
  const commands = [
    runCommand(context),
    demoCommand(context),
    checkCommand(context),
    statusCommand(context),
    weightsCommand(context),
    switchCommand(context),
    drainCommand(context),
    readyCommand(context),
    maintCommand(context),
    undoCommand(context),
    historyCommand(context),
    stopCommand(context),
  ];
  for (const command of commands) program.addCommand(command);
  for (const command of [program, ...commands]) {
    command.exitOverride().configureOutput({
      writeOut: (text) => context.output.print(text.replace(/\n$/, '')),
      writeErr: (text) => context.output.complain(text.replace(/\n$/, '')),
      outputError: (text, write) => write(explainUsage(text, command)),
    });
  }
  return program;
}

/** Commander says what is wrong; this adds what to type next. */
function explainUsage(text: string, command: Command): string {
  const sentence = text.trim().replace(/^error: /, '');
  const help = command.parent === null ? 'sluice help' : `sluice help ${command.name()}`;
  return `${sentence.charAt(0).toUpperCase()}${sentence.slice(1)}${/[.?!)]$/.test(sentence) ? '' : '.'}\nType "${help}" for the usage and examples.\n`;
}

/** Errors whose message was written for whoever types commands, whichever part of Sluice threw them. */
function isForOperator(error: Error): boolean {
  return ['CommandError', 'StartError', 'StoreError'].includes(error.name);
}

function failureDocument(error: unknown): FailureDocument {
  if (error instanceof CommandError) return error.document;
  return { code: 'FAILED', detail: error instanceof Error ? error.message : String(error) };
}

function describeBug(error: unknown): string {
  const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `Something went wrong that should not; please report it with these lines.\n${what}`;
}
