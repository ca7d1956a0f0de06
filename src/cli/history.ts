import { Command, InvalidArgumentError } from 'commander';
import { addClientOptions, type ClientFlags, createClient } from './client-options.ts';
import type { Context } from './context.ts';
import { formatTable } from './output.ts';

interface HistoryFlags extends ClientFlags {
  readonly limit: number;
}

interface RevisionBody {
  readonly revision: number;
  readonly createdAt: string;
  readonly actor: string;
  readonly action: string;
  readonly reason: string;
}

export function historyCommand(context: Context): Command {
  const command = new Command('history')
    .summary('list what was changed, when, by whom and why')
    .description('Lists the saved revisions, newest first. The first line is what is in force.')
    .option('-n, --limit <number>', 'how many at most', readLimit, 20)
    .addHelpText(
      'after',
      `
Examples:
  sluice history
  sluice history -n 100 --json`,
    );
  return addClientOptions(command).action(async (flags: HistoryFlags) => {
    const body = await (
      await createClient(flags)
    ).call<{ readonly revisions: readonly RevisionBody[] }>('GET', '/v1/revisions', { query: { limit: String(flags.limit) } });
    if (flags.json === true) {
      context.output.print(JSON.stringify(body));
      return;
    }
    const rows = body.revisions.map(({ revision, createdAt, actor, action, reason }) => [
      String(revision),
      createdAt,
      actor,
      action,
      reason,
    ]);
    context.output.print(formatTable(['REVISION', 'WHEN', 'WHO', 'WHAT', 'WHY'], rows));
  });
}

function readLimit(value: string): number {
  const limit = Number(value);
  if (!Number.isInteger(limit) || limit < 1 || limit > 1000) throw new InvalidArgumentError('Write a whole number from 1 to 1000.');
  return limit;
}
