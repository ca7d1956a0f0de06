import type { Configuration } from '../../config/effective.ts';
import type { SocketAddress } from '../core/model.ts';

export type { Configuration };

/** A Sluice in this process. */
export interface Embedded {
  readonly listeners: readonly SocketAddress[];
  readonly admin: SocketAddress;
  /** Stops taking new work, finishes what runs for at most `drainMs`, and resolves when everything is closed. */
  close(drainMs?: number): Promise<void>;
}

/** The wish of whoever runs a command to end it. */
export interface StopRequest {
  /** Resolves at the first SIGTERM or SIGINT. */
  readonly first: Promise<unknown>;
  /** Resolves at a further one. */
  readonly second: Promise<unknown>;
}

/** What the command line starts. `main.ts` brings it, so that a client command loads nothing of the server. */
export interface Launcher {
  /** Runs until it is told to stop, and resolves with the exit code. Throws an error with a message for the operator if it cannot start. */
  run(configuration: Configuration): Promise<number>;
  /** Everything in this process, nothing on disk. */
  embed(configuration: Configuration): Promise<Embedded>;
  /** From here on the signals that stop a program are the caller's to heed. */
  listenForStop(): StopRequest;
}
