import { type Command, InvalidArgumentError, Option } from 'commander';
import { readDuration } from '../../config/units.ts';
import type { AdminClient } from './client.ts';

/** What every command that calls the admin API takes. */
export interface ClientFlags {
  readonly admin: string;
  readonly token?: string;
  readonly json?: boolean;
  readonly timeout: number;
}

/** What every command that changes something takes besides. */
export interface ChangeFlags extends ClientFlags {
  readonly reason?: string;
  readonly ifMatch?: string;
  readonly dryRun?: boolean;
}

export function addClientOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--admin <url>', 'where the admin API is').env('SLUICE_ADMIN').default('http://127.0.0.1:8081').argParser(readAdminUrl),
    )
    .addOption(new Option('--token <token>', 'the token to show').env('SLUICE_TOKEN'))
    .option('--json', "print the API's answer as it is")
    .addOption(new Option('--timeout <duration>', 'how long to wait, such as 500ms or 10s').argParser(readTimeout).default(5000, '5s'));
}

export function addChangeOptions(command: Command): Command {
  return addClientOptions(command)
    .option('--reason <text>', 'why, for the history')
    .option('--if-match <revision>', 'refuse unless this is the current revision')
    .option('--dry-run', 'say what would change, and change nothing');
}

/** Loaded when it is needed: the HTTP client is most of what a command would load, and `--help` should not wait for it. */
export async function createClient(flags: ClientFlags): Promise<AdminClient> {
  const { AdminClient } = await import('./client.ts');
  return new AdminClient({ admin: flags.admin, token: flags.token, timeoutMs: flags.timeout });
}

/** Scripts have the revision from an ETag, with its quotes, or from an answer, without. */
export function changeCall(flags: ChangeFlags): { query: Record<string, string | undefined>; headers: Record<string, string> } {
  const revision = flags.ifMatch?.replaceAll('"', '');
  return {
    query: { reason: flags.reason, dryRun: flags.dryRun === true ? 'true' : undefined, timeout: `${flags.timeout}ms` },
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
  if (!reading.ok) throw new InvalidArgumentError(`Write a duration such as 500ms or 10s.`);
  return reading.value;
}
