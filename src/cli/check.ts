import { Command } from 'commander';
import { printable } from '../../config/reading.ts';
import { warningsAboutListeners } from '../core/listener-warnings.ts';
import type { Model } from '../core/model.ts';
import { nothingProbed, warningsAbout, warningsMax } from '../core/service-warnings.ts';
import type { Context } from './context.ts';
import { CommandError, exitCodes } from './exit-codes.ts';

export function checkCommand(context: Context): Command {
  return new Command('check')
    .summary('check a config file')
    .description(
      'Lists every problem in a config file, each with line, column and the way out; warns of what is probably not meant. Starts nothing.',
    )
    .requiredOption('-c, --config <file>', 'the config file, YAML or JSON')
    .option('--json', 'print problems and warnings as JSON')
    .addHelpText(
      'after',
      `
Examples:
  sluice check -c sluice.yaml                  exit code 0: fine, also with warnings, 2: problems
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
      const warnings = loaded.kind === 'valid' ? [...loaded.warnings, ...warningsIn(loaded.model)].slice(0, warningsMax) : [];
      if (json === true) context.output.print(JSON.stringify({ file: config, problems, warnings }));
      else if (problems.length > 0) context.output.complain(formatProblems(problems, config));
      else context.output.print(`${config} is fine.`);
      if (json !== true) for (const warning of warnings) context.output.complain(printable(`Warning: ${warning}`));
      context.exitCode = problems.length > 0 ? exitCodes.refused : exitCodes.ok;
    });
}

/** Those that a change which led here would have been answered with. */
function warningsIn({ listeners, services }: Model): string[] {
  return [...warningsAboutListeners(listeners), ...services.flatMap((service) => warningsAbout(service, nothingProbed))];
}
