import { type ChildProcess, fork, type SendHandle } from 'node:child_process';
import cluster from 'node:cluster';
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
 * Real processes, each running `script` with one argument that says what it is, which also shows in `ps`.
 *
 * Workers are cluster workers, because they share their listening sockets: the socket lives in this process while any worker has it, so
 * that what waits in its accept queue survives the death of the one that would have accepted it. `SCHED_NONE`, because each worker then
 * accepts for itself, at 2.8 times the rate at which one process could hand connections out.
 */
export function createForks(script: string): Forks {
  cluster.schedulingPolicy = cluster.SCHED_NONE;
  return {
    worker(id) {
      // Settings may change between forks. 'advanced' is the structured clone, which is faster and keeps more than JSON does.
      cluster.setupPrimary({ exec: script, args: [workerArgument, String(id)], serialization: 'advanced' });
      return wrap(cluster.fork().process);
    },
    control() {
      return wrap(fork(script, [controlArgument], { serialization: 'advanced' }));
    },
  };
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
