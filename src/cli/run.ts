import { Command, InvalidArgumentError } from 'commander';
import { workersMax } from '../../config/settings.ts';
import type { Context } from './context.ts';
import { CommandError, exitCodes } from './exit-codes.ts';

interface RunFlags {
  readonly config?: string;
  readonly listen?: string;
  readonly adminListen?: string;
  readonly workers?: number | 'auto';
  readonly dataDir?: string;
}

export function runCommand(context: Context): Command {
  return new Command('run')
    .summary('run the proxy')
    .description('Runs the proxy in the foreground: with a config file, or with the pools of one service on the command line.')
    .argument('[pool=url...]', 'without a config file: the pools of the service "default"; the first one gets all requests')
    .option('-c, --config <file>', 'the config file, YAML or JSON')
    .option('--listen <address>', 'without a config file: where clients connect (default 0.0.0.0:8080)')
    .option('--admin-listen <address>', 'where the admin API listens (default 127.0.0.1:8081)')
    .option('--workers <number>', 'processes that carry traffic; auto = one per core, 0 = everything in one process', readWorkers)
    .option('--data-dir <directory>', 'where revisions are kept (default ./sluice-data)', readDataDir)
    .addHelpText(
      'after',
      `
Examples:
  sluice run -c sluice.yaml
  sluice run -c sluice.yaml --workers 2 --data-dir /var/lib/sluice
  sluice run blue=http://127.0.0.1:3001 green=http://127.0.0.1:3002 --listen :8080

Ctrl-C or SIGTERM stops it after running requests are done (at most 30 s); a second one at once.`,
    )
    .action(async (pools: readonly string[], flags: RunFlags) => {
      const { adminListen, workers, dataDir } = flags;
      checkUsage(pools, flags);
      const { readConfigFile, readInline, withFullPaths } = await import('./configuration.ts');
      const overrides = { adminListen, workers, dataDir };
      const { config, listen } = flags;
      const configuration = config === undefined ? readInline(pools, listen, overrides) : await readConfigFile(config, overrides);
      context.exitCode = await context.launcher.run(withFullPaths(configuration));
    });
}

function checkUsage(pools: readonly string[], { config, listen }: RunFlags): void {
  if (config === undefined) {
    if (pools.length > 0) return;
    throw new CommandError(
      'Say what to run: "sluice run -c sluice.yaml", or "sluice run blue=http://127.0.0.1:3001 green=http://127.0.0.1:3002". "sluice demo" shows it with two small apps of its own.',
      exitCodes.failed,
    );
  }
  if (pools.length > 0)
    throw new CommandError(`With a config file, pools are in the file: put "${pools[0]}" there, or leave out -c.`, exitCodes.failed);
  if (listen !== undefined)
    throw new CommandError('With a config file, --listen is in the file: write it as listeners[0].address.', exitCodes.failed);
}

function readWorkers(value: string): number | 'auto' {
  if (value === 'auto') return 'auto';
  if (/^\d{1,4}$/.test(value) && Number(value) <= workersMax) return Number(value);
  throw new InvalidArgumentError(`Write a whole number from 0 to ${workersMax}, or auto for one per core.`);
}

function readDataDir(value: string): string {
  if (value === '') throw new InvalidArgumentError('Name a directory.');
  return value;
}
