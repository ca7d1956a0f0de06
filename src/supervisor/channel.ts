import type { SendHandle } from 'node:child_process';

/** The bare handle of a connection, which may travel with a message. */
export interface Handle {
  close(): void;
}

/** A child's end of its channel to the supervisor. */
export interface Channel<Received, Sent> {
  /** Messages to a supervisor that has gone are dropped. Resolves when the message has left this process. */
  send(message: Sent, handle?: Handle): Promise<void>;
  onMessage(listener: (message: Received, handle: Handle | undefined) => void): void;
  /** The supervisor has died: nobody steers us any more. */
  onLost(listener: () => void): void;
}

/** The channel of the process that we are in, which the supervisor must have forked. */
export function openChannel<Received, Sent>(): Channel<Received, Sent> {
  return {
    send(message, handle) {
      return new Promise((resolve) => {
        if (process.connected && process.send !== undefined)
          process.send(message, handle as SendHandle | undefined, undefined, () => resolve());
        else resolve();
      });
    },
    onMessage: (listener) =>
      void process.on('message', (message, handle) => listener(message as Received, (handle ?? undefined) as Handle | undefined)),
    onLost: (listener) => void process.once('disconnect', listener),
  };
}
