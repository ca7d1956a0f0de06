import { type Command, InvalidArgumentError, Option } from 'commander';
import { formatDuration, readDuration } from '../../config/units.ts';
import type { AdminClient } from './client.ts';
import { CommandError, exitCodes } from './exit-codes.ts';

/** The admin API waits no longer either. */
export const timeoutMsMax = 600_000;

/** What every command that calls the admin API takes. */
export interface ClientFlags {
  readonly admin: string;
  readonly token?: string;
  readonly json?: boolean;
  readonly timeoutMs: number;
}

/** What every command that changes something takes besides. */
export interface ChangeFlags extends ClientFlags {
  readonly reason?: string;
  readonly ifMatch?: string;
  readonly dryRun?: boolean;
}

/** What `--timeout` means to a command, and what it is without the flag, as people write it. */
export interface TimeoutDefault {
  readonly meaning: string;
  readonly value: string;
}

export function addClientOptions(
  command: Command,
  timeout: TimeoutDefault = { meaning: 'how long to wait, such as 500ms or 10s', value: '5s' },
): Command {
  return command
    .addOption(
      new Option('--admin <url>', 'where the admin API is').env('SLUICE_ADMIN').default('http://127.0.0.1:8081').argParser(readAdminUrl),
    )
    .addOption(new Option('--token <token>', 'the token to show').env('SLUICE_TOKEN').argParser((value) => value.trim()))
    .option('--json', "print the API's answer as it is, also where it refuses")
    .addOption(
      new TimeoutOption('--timeout <duration>', timeout.meaning).argParser(readTimeout).default(readTimeout(timeout.value), timeout.value),
    );
}

/** `--timeout` has no unit in its name, because the value has; what becomes of it has. */
class TimeoutOption extends Option {
  override attributeName(): string {
    return 'timeoutMs';
  }
}

export function addChangeOptions(command: Command): Command {
  return addClientOptions(command)
    .option('--reason <text>', 'why, for the history')
    .option('--if-match <revision>', 'refuse unless this is the current revision')
    .option('--dry-run', 'say what would change, and change nothing');
}

/** Loaded when it is needed: the HTTP client is most of what a command would load, and `--help` should not wait for it. */
export async function createClient({ admin, token, timeoutMs }: ClientFlags): Promise<AdminClient> {
  // What a field cannot carry, the client could only report as a connection that failed. The token itself is not shown.
  if (token !== undefined && !/^[!-~]+$/.test(token)) {
    throw new CommandError(
      'The token in --token or SLUICE_TOKEN is not one word of ASCII characters, so no token of Sluice.',
      exitCodes.failed,
    );
  }
  const { AdminClient } = await import('./client.ts');
  return new AdminClient({ admin, token, timeoutMs });
}

/** Scripts have the revision from an ETag, with its quotes, or from an answer, without. */
export function changeCall(flags: ChangeFlags): { query: Record<string, string | undefined>; headers: Record<string, string> } {
  const revision = flags.ifMatch?.replaceAll('"', '');
  return {
    query: { reason: flags.reason, dryRun: flags.dryRun === true ? 'true' : undefined, timeout: `${flags.timeoutMs}ms` },
    headers: revision === undefined ? {} : { 'if-match': revision === '*' ? '*' : `"${revision}"` },
  };
}

function readAdminUrl(value: string): string {
  const text = /^[a-z]+:\/\//i.test(value) ? value : `http://${value}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) {
    throw new InvalidArgumentError('Write a URL such as http://127.0.0.1:8081.');
  }
  return url.href.replace(/\/+$/, '');
}

function readTimeout(value: string): number {
  const reading = readDuration(value);
  if (!reading.ok) throw new InvalidArgumentError('Write a duration such as 500ms or 10s.');
  if (reading.value > timeoutMsMax) throw new InvalidArgumentError(`Write a duration of at most ${formatDuration(timeoutMsMax)}.`);
  return reading.value;
}
