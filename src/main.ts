/** Where every process begins: its first argument says which one it is. */
import { enableCompileCache } from 'node:module';
import packageJson from '../package.json' with { type: 'json' };

// Before anything large is imported: it saves most of the start, which matters for each command and for each worker that is replaced.
enableCompileCache();

/** Standard output may be a pipe whose reader has gone (`| head`). That is no reason for a stack trace. */
process.stdout.on('error', () => {});
process.stderr.on('error', () => {});

process.exit(await main(process.argv.slice(2)));

async function main(args: readonly string[]): Promise<number> {
  const roles = await import('./supervisor/roles.ts');
  if (args[0] === roles.workerArgument) return (await import('./app.ts')).runWorkerProcess();
  if (args[0] === roles.controlArgument) return (await import('./app.ts')).runControlProcess();
  const { runCli } = await import('./cli/cli.ts');
  return runCli(
    args,
    {
      run: async (configuration) => (await import('./app.ts')).runSluice(configuration),
      embed: async (configuration) => (await import('./app.ts')).startSluice(configuration),
      listenForStop: (await import('./supervisor/stop-signals.ts')).listenForStop,
    },
    packageJson.version,
  );
}
