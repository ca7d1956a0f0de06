/**
 * A worker's copies of the sockets that it listens on. Node can only stop accepting by closing the socket, and cannot copy a descriptor; but a
 * handle that travels between processes is copied. So it travels to the supervisor and back. While a copy is open, who comes waits in the
 * socket's queue, whether any worker listens or not: see `test/e2e/overload.test.ts`.
 */
import { Server } from 'node:net';
import type { SocketCopy } from '../../proxy/data-plane.ts';
import type { Channel, Handle } from './channel.ts';
import { handleOf } from './hand-over.ts';
import type { FromWorker, ToWorker } from './messages.ts';

export class SocketCopies {
  readonly #channel: Channel<ToWorker, FromWorker>;
  /** Who waits for a copy, in the order in which they asked. */
  readonly #waiting: ((copy: SocketCopy | undefined) => void)[] = [];

  constructor(channel: Channel<ToWorker, FromWorker>) {
    this.#channel = channel;
  }

  /** Where the supervisor has died, it never resolves. */
  copy(socket: Server | SocketCopy): Promise<SocketCopy | undefined> {
    const handle = socket instanceof Server ? handleOf(socket) : socket;
    if (handle === undefined) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      void this.#channel.send({ kind: 'copySocket' }, handle);
    });
  }

  hear(handle: Handle | undefined): void {
    const resolve = this.#waiting.shift();
    if (resolve === undefined) handle?.close();
    else resolve(handle);
  }
}
