import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import net from 'node:net';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { findCommand, rootDir, type Command } from './command.ts';
import { treePids } from './proc.ts';

/** A server we started. Its output goes to a file, so that a full pipe can never slow it down. */
export interface Child {
  readonly pid: number;
  /** Resolves when `isReady` says so; rejects with what it printed when it exits or takes longer than 20 s. A failure to ask is a no. */
  ready(isReady: () => Promise<boolean>): Promise<void>;
  stop(): Promise<void>;
}

const running = new Set<ChildProcess>();

// Whatever ends the bench ends its children too, those of a supervisor that cannot tell them any more included.
process.on('exit', () => {
  for (const child of running) killTree(child);
});

/** Starts `command` on these cores (anywhere when there are none or taskset is not installed). */
export function startChild(command: Command, cores: readonly number[], logFile: string): Child {
  const { file, args } = pinned(command, cores);
  const log = openSync(logFile, 'w');
  const child = spawn(file, args, { cwd: rootDir, stdio: ['ignore', log, log], env: { ...process.env, ...command.env } });
  closeSync(log);
  running.add(child);
  // Without a listener a command that cannot be started would end the bench; its missing pid says the same below.
  child.on('error', () => running.delete(child));
  child.on('exit', () => running.delete(child));
  const { pid } = child;
  if (pid === undefined) throw new Error(`${file} could not be started`);

  return {
    pid,
    ready: async (isReady) => {
      const deadline = performance.now() + 20_000;
      while (performance.now() < deadline && running.has(child)) {
        if (await isReady().catch(() => false)) return;
        await sleep(50);
      }
      const reason = running.has(child) ? 'was not ready within 20 s' : `exited with ${child.exitCode ?? child.signalCode}`;
      throw new Error(`${[command.file, ...command.args].join(' ')} ${reason}\n${readFileSync(logFile, 'utf8').slice(-2000)}`);
    },
    stop: async () => {
      if (!running.has(child)) return;
      child.kill('SIGTERM');
      for (let waitedMs = 0; waitedMs < 5000 && running.has(child); waitedMs += 20) await sleep(20);
      if (running.has(child)) killTree(child);
    },
  };
}

/** Runs `command` until it ends and returns what it printed; rejects when it fails or takes longer than `timeoutMs`. */
export async function runToEnd(command: Command, cores: readonly number[], timeoutMs: number): Promise<string> {
  const { file, args } = pinned(command, cores);
  const result = promisify(execFile)(file, args, { cwd: rootDir, timeout: timeoutMs, env: { ...process.env, ...command.env } });
  running.add(result.child);
  try {
    return (await result).stdout;
  } finally {
    running.delete(result.child);
  }
}

function pinned(command: Command, cores: readonly number[]): Command {
  const taskset = findCommand('taskset');
  if (cores.length === 0 || taskset === undefined) return command;
  // taskset replaces itself with the command, so the pid is the command's own.
  return { file: taskset, args: ['-c', cores.join(','), command.file, ...command.args] };
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = net.createServer();
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen({ port: 0, host: '127.0.0.1' }, resolve);
  await promise;
  const address = server.address();
  server.close();
  if (address === null || typeof address === 'string') throw new Error('no free port at 127.0.0.1');
  return address.port;
}

function killTree(child: ChildProcess): void {
  for (const pid of child.pid === undefined ? [] : treePids(child.pid)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It went away by itself.
    }
  }
}
