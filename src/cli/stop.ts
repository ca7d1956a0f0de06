import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import { formatDuration } from '../../config/units.ts';
import { addClientOptions, type ClientFlags, createClient } from './client-options.ts';
import type { Context } from './context.ts';
import { CommandError, exitCodes } from './exit-codes.ts';

/** Running requests get 30 s, and the processes some more to be gone. */
const timeout = { meaning: 'how long to wait until it is gone, such as 10s', value: '45s' };
/** For the one call that asks which process it is. Milliseconds. */
const callTimeoutMs = 5000;
const pollMs = 50;

/** What `GET /v1/status` answers, as far as it is of use here. */
interface StatusBody {
  readonly supervisor: { readonly pid: number };
  readonly control: { readonly pid: number };
}

export function stopCommand(context: Context): Command {
  const command = new Command('stop')
    .summary('stop a running Sluice')
    .description('Stops a Sluice on this machine: it finishes running requests (at most 30 s) and exits. Waits until it is gone.')
    .addHelpText(
      'after',
      `
Examples:
  sluice stop
  sluice stop --timeout 5s                     wait 5 s at most; exit code 5 if it still runs then
  sluice stop --admin http://127.0.0.1:9081`,
    );
  return addClientOptions(command, timeout).action(async (flags: ClientFlags) => {
    const client = await createClient({ ...flags, timeoutMs: Math.min(flags.timeoutMs, callTimeoutMs) });
    const { supervisor, control } = await client.call<StatusBody>('GET', '/v1/status');
    // The API may be that of another machine, or of a container, where the same numbers are other processes, such as this one's init.
    for (const pid of [supervisor.pid, control.pid]) {
      if (!isAlive(pid) || !looksLikeSluice(pid)) throw notHere(flags.admin, supervisor.pid);
    }
    signal(supervisor.pid);
    await waitUntilGone(supervisor.pid, flags.timeoutMs);
    if (flags.json === true) context.output.print(JSON.stringify({ stopped: supervisor.pid }));
    else context.output.print(`Stopped (pid ${supervisor.pid}).`);
  });
}

function signal(pid: number): void {
  try {
    process.kill(pid, 'SIGTERM');
  } catch (error) {
    if (!isNotPermitted(error)) return;
    throw new CommandError(`Sluice (pid ${pid}) belongs to another user. Type: sudo kill ${pid}`, exitCodes.refused);
  }
}

async function waitUntilGone(pid: number, timeoutMs: number): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (isAlive(pid)) {
    if (performance.now() > deadline) {
      throw new CommandError(
        `Sluice (pid ${pid}) still runs after ${formatDuration(timeoutMs)}; it is told to stop and finishes what runs. To end it at once, type: kill ${pid}`,
        exitCodes.timedOut,
      );
    }
    await sleep(pollMs);
  }
}

function notHere(admin: string, pid: number): CommandError {
  return new CommandError(
    `The Sluice at ${admin} says that it is process ${pid}, which is not on this machine. Run "sluice stop" where it runs, or send that process SIGTERM there.`,
    exitCodes.refused,
  );
}

/** By its command line, where the system shows it. */
function looksLikeSluice(pid: number): boolean {
  try {
    return /sluice|\bmain\.[jt]s\b/.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8'));
  } catch {
    return !existsSync('/proc/self/cmdline');
  }
}

/** A process of another user is alive too. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return isNotPermitted(error);
  }
}

function isNotPermitted(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EPERM';
}
