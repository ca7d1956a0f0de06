import { Command } from 'commander';
import type { Context } from './context.ts';
import { CommandError, exitCodes } from './exit-codes.ts';

export function checkCommand(context: Context): Command {
  return new Command('check')
    .summary('check a config file')
    .description('Reads a config file and lists every problem in it, each with line, column and the way out. Starts nothing.')
    .requiredOption('-c, --config <file>', 'the config file, YAML or JSON')
    .option('--json', 'print the problems as JSON')
    .addHelpText(
      'after',
      `
Examples:
  sluice check -c sluice.yaml                  exit code 0: fine, 2: problems
  sluice check -c sluice.yaml --json`,
    )
    .action(async ({ config, json }: { config: string; json?: boolean }) => {
      const { formatProblems, loadFile } = await import('../../config/load.ts');
      const loaded = await loadFile(config);
      if (loaded.kind === 'unreadable') {
        const detail = `${loaded.message.charAt(0).toUpperCase()}${loaded.message.slice(1)}.`;
        throw new CommandError(detail, exitCodes.failed, { code: 'UNREADABLE', detail, file: config });
      }
      const problems = loaded.kind === 'invalid' ? loaded.problems : [];
      if (json === true) context.output.print(JSON.stringify({ file: config, problems }));
      else if (problems.length > 0) context.output.complain(formatProblems(problems, config));
      else context.output.print(`${config} is fine.`);
      context.exitCode = problems.length > 0 ? exitCodes.refused : exitCodes.ok;
    });
}
