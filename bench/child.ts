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
  /** Resolves when it answers `GET path` with 200; rejects with what it printed when it exits or takes longer than 15 s. */
  answers(port: number, path: string): Promise<void>;
  stop(): Promise<void>;
}

const running = new Set<ChildProcess>();

// Whatever ends the bench ends its children too, those of a supervisor that cannot tell them any more included.
process.on('exit', () => {
  for (const child of running) killTree(child);
});

/** Starts `command` on one core (anywhere when `core` is undefined or taskset is not installed). */
export function startChild(command: Command, core: number | undefined, logFile: string): Child {
  const { file, args } = pinned(command, core);
  const log = openSync(logFile, 'w');
  const child = spawn(file, args, { cwd: rootDir, stdio: ['ignore', log, log] });
  closeSync(log);
  running.add(child);
  // Without a listener a command that cannot be started would end the bench; its missing pid says the same below.
  child.on('error', () => running.delete(child));
  child.on('exit', () => running.delete(child));
  const { pid } = child;
  if (pid === undefined) throw new Error(`${file} could not be started`);

  return {
    pid,
    answers: async (port, path) => {
      const deadline = performance.now() + 15_000;
      while (performance.now() < deadline && running.has(child)) {
        if (await isAnswering(port, path)) return;
        await sleep(50);
      }
      const reason = running.has(child) ? 'did not answer within 15 s' : `exited with ${child.exitCode ?? child.signalCode}`;
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
export async function runToEnd(command: Command, core: number | undefined, timeoutMs: number): Promise<string> {
  const { file, args } = pinned(command, core);
  const result = promisify(execFile)(file, args, { cwd: rootDir, timeout: timeoutMs });
  running.add(result.child);
  try {
    return (await result).stdout;
  } finally {
    running.delete(result.child);
  }
}

function pinned(command: Command, core: number | undefined): Command {
  const taskset = findCommand('taskset');
  if (core === undefined || taskset === undefined) return command;
  // taskset replaces itself with the command, so the pid is the command's own.
  return { file: taskset, args: ['-c', String(core), command.file, ...command.args] };
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

async function isAnswering(port: number, path: string): Promise<boolean> {
  try {
    // A connection of its own: an idle one left behind would hold up the drain of a peer that waits for its clients.
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { connection: 'close' }, signal: AbortSignal.timeout(1000) });
    await answer.arrayBuffer();
    return answer.status === 200;
  } catch {
    return false;
  }
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
