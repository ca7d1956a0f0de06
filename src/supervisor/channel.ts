/** A child's end of its channel to the supervisor. */
export interface Channel<Received, Sent> {
  /** Messages to a supervisor that has gone are dropped. Resolves when the message has left this process. */
  send(message: Sent): Promise<void>;
  onMessage(listener: (message: Received) => void): void;
  /** The supervisor has died: nobody steers us any more. */
  onLost(listener: () => void): void;
}

/** The channel of the process that we are in, which the supervisor must have forked. */
export function openChannel<Received, Sent>(): Channel<Received, Sent> {
  return {
    send(message) {
      return new Promise((resolve) => {
        if (process.connected && process.send !== undefined) process.send(message, undefined, undefined, () => resolve());
        else resolve();
      });
    },
    onMessage: (listener) => void process.on('message', (message) => listener(message as Received)),
    onLost: (listener) => void process.once('disconnect', listener),
  };
}
