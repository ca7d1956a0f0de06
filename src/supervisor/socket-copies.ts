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

/** By then an answer has come, or will not come any more: a handle may be lost on the way, or the supervisor be dead. Milliseconds. */
const answerWithinMs = 2000;

/** Who waits for a copy. */
interface Asking {
  readonly resolve: (copy: SocketCopy | undefined) => void;
  readonly timer: NodeJS.Timeout;
}

export class SocketCopies {
  readonly #channel: Channel<ToWorker, FromWorker>;
  readonly #withinMs: number;
  readonly #asking = new Map<number, Asking>();
  #ticket = 0;

  constructor(channel: Channel<ToWorker, FromWorker>, withinMs = answerWithinMs) {
    this.#channel = channel;
    this.#withinMs = withinMs;
  }

  /** Undefined where none comes. */
  copy(socket: Server | SocketCopy): Promise<SocketCopy | undefined> {
    const handle = socket instanceof Server ? handleOf(socket) : socket;
    if (handle === undefined) return Promise.resolve(undefined);
    const ticket = ++this.#ticket;
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.hear(ticket, undefined), this.#withinMs).unref();
      this.#asking.set(ticket, { resolve, timer });
      void this.#channel.send({ kind: 'copySocket', ticket }, handle);
    });
  }

  /** One that comes too late is closed: a copy that nobody knows of would keep the socket open for good. */
  hear(ticket: number, handle: Handle | undefined): void {
    const asking = this.#asking.get(ticket);
    if (asking === undefined) {
      handle?.close();
      return;
    }
    this.#asking.delete(ticket);
    clearTimeout(asking.timer);
    asking.resolve(handle);
  }
}
