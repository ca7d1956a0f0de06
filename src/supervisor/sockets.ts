import { BoundSocket } from 'node:net';
import type { Listener } from '../core/model.ts';
import type { OpenListener } from './messages.ts';
import { explainListenError, StartError } from './start-error.ts';

/**
 * The sockets that clients connect to. The supervisor holds them and never accepts; the workers that inherit them do. So a socket and what
 * waits in its queue outlive every worker.
 */
export interface HeldSockets {
  readonly listeners: readonly OpenListener[];
  /** Descriptors in this process, in the order of `listeners`. Not to be used after `close`. */
  readonly descriptors: readonly number[];
  /** Closes the supervisor's copies: what no worker listens on any more is free. */
  close(): void;
}

/** Binds a socket to each address. Nobody can connect before a worker listens. Throws a {@link StartError}; then none stays open. */
export function holdSockets(listeners: readonly Listener[]): HeldSockets {
  const held: BoundSocket[] = [];
  const close = () => {
    for (const socket of held.splice(0)) socket.close();
  };
  try {
    for (const { address } of listeners) held.push(new BoundSocket(address));
  } catch (error) {
    close();
    throw explainListenError(error, 'proxy');
  }
  const descriptors = held.map((socket) => socket.fd());
  if (descriptors.includes(-1)) {
    close();
    throw new StartError(
      'This system cannot share a socket between processes. Run everything in one: set workers to 0, or add --workers 0.',
    );
  }
  return {
    listeners: held.map((socket, index) => ({ name: listeners[index]!.name, host: socket.address().address, port: socket.address().port })),
    descriptors,
    close,
  };
}
