import { type ChildProcess, fork, type SendHandle } from 'node:child_process';
import type { Handle } from './channel.ts';
import type { Child } from './child.ts';
import { controlArgument, workerArgument } from './roles.ts';
import type { FromControl, FromWorker, ToControl, ToWorker } from './messages.ts';

/** Starts the processes that the supervisor holds together. */
export interface Forks {
  worker(id: number): Child<ToWorker, FromWorker>;
  control(): Child<ToControl, FromControl>;
}

/**
 * Real processes, each running `script` with one argument that says what it is, which also shows in `ps`. Workers inherit the sockets of
 * these descriptors, and nobody else does.
 */
export function createForks(script: string, sockets: readonly number[]): Forks {
  // The structured clone, which is faster than JSON and keeps more.
  const serialization = 'advanced';
  const execArgv = [...process.execArgv, ...workerFlags];
  return {
    worker: (id) => wrap(fork(script, [workerArgument, String(id)], { serialization, execArgv, stdio: [...standardStreams, ...sockets] })),
    control: () => wrap(fork(script, [controlArgument], { serialization })),
  };
}

/**
 * Room for what lives no longer than a request or a connection, in MiB. V8 begins with little and grows it hesitantly; each time it runs
 * full, everything that is under way is copied. A new connection per request costs a twentieth less so; the price is some memory.
 */
const workerFlags = ['--min-semi-space-size=16', '--max-semi-space-size=32'];

const standardStreams = ['inherit', 'inherit', 'inherit', 'ipc'] as const;

/** What a worker calls the sockets that it inherits: by the listener's name, in the order in which `createForks` was given them. */
export function inheritedSockets(names: readonly string[]): ReadonlyMap<string, number> {
  return new Map(names.map((name, index) => [name, standardStreams.length + index]));
}

function wrap<Sent extends object, Received>(child: ChildProcess): Child<Sent, Received> {
  return {
    pid: child.pid ?? 0,
    send(message, handle) {
      // Our copy of the connection goes as soon as the other process has its own; or when there is nobody to take it.
      if (child.connected) child.send(message, handle as SendHandle | undefined, undefined, () => handle?.close());
      else handle?.close();
    },
    kill: (signal) => void child.kill(signal),
    onMessage: (listener) =>
      void child.on('message', (message, handle) => listener(message as Received, (handle ?? undefined) as Handle | undefined)),
    onExit: (listener) => {
      child.once('exit', (code, signal) => listener({ code, signal }));
      // Without a pid it never ran (no memory, no descriptors), and there will be no exit. Any other error, such as a write to a process
      // that has just died, is followed by one.
      child.on('error', () => {
        if (child.pid === undefined) listener({ code: -1, signal: null });
      });
    },
  };
}
