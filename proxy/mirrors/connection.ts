import type { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import type { Client, Dispatcher } from 'undici';
import type { Destination } from '../http1/destination.ts';
import { openTargetSocket, readyEvent } from '../http1/target-socket.ts';
import type { Carrier, Copy } from './copy.ts';
import { copyFields } from './copy-fields.ts';

export type ClientClass = typeof Client;

/** What a connection tells those who keep it. */
export interface ConnectionOwner {
  /** So much of an answer is read. */
  readonly answerBytes: number;
  /** It can carry another copy. */
  onIdle(connection: MirrorConnection): void;
  onConnectFailed(): void;
  /** The target has broken a copy off. */
  onReset(): void;
  /** Undici or a callback of ours threw. */
  readonly onBug: (error: unknown) => void;
  /** It is of no use any more. */
  onGone(connection: MirrorConnection): void;
}

/**
 * One connection for copies: a Client of undici that is given one request at a time. Whatever does not end in good order ends the connection
 * with it, so that no copy meets what another left behind, and undici never comes to send anything again.
 */
export class MirrorConnection implements Carrier, Dispatcher.DispatchHandler {
  /** When its last copy was over, on the worker's coarse clock. */
  idleSinceMs = 0;
  readonly #owner: ConnectionOwner;
  readonly #client: Client;
  #socket: Socket | undefined;
  #copy: Copy | undefined;
  #isDispatching = false;
  #isSent = false;
  #answerBytes = 0;
  #isGone = false;

  constructor(UndiciClient: ClientClass, destination: Destination, owner: ConnectionOwner) {
    this.#owner = owner;
    // What the origin says does not matter: we connect, and every copy brings its Host.
    this.#client = new UndiciClient('http://mirror', {
      pipelining: 1,
      allowH2: false,
      // The worker's tick sees to time-outs, but for what a target says of its own.
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: 600_000,
      // Undici's own connector does not say which socket it is connecting, so that it could not be broken off.
      connect: (_options, callback) => {
        const socket = openTargetSocket(destination);
        this.#socket = socket;
        let isConnected = false;
        socket.once(readyEvent(destination), () => {
          isConnected = true;
          callback(null, socket);
        });
        // It stays: an error after undici has let go of the socket must find somebody.
        socket.on('error', (error) => {
          if (!isConnected) callback(error, null);
        });
      },
    });
    const events: EventEmitter = this.#client;
    events.on('error', (error) => {
      owner.onBug(error);
      this.discard();
    });
  }

  get isFree(): boolean {
    return this.#copy === undefined;
  }

  send(copy: Copy): void {
    this.#copy = copy;
    copy.carrier = this;
    this.#isSent = false;
    this.#answerBytes = 0;
    this.#isDispatching = true;
    try {
      const { method, target: path, body = null } = copy;
      this.#client.dispatch({ method, path, headers: copyFields(copy), body }, this);
    } catch {
      copy.drop('invalid');
    }
    this.#isDispatching = false;
  }

  discard(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#copy?.drop('reset');
    this.#client.destroy(null, () => {});
    this.#socket?.destroy();
    this.#owner.onGone(this);
  }

  // From undici.

  onRequestStart(): void {
    this.#isSent = true;
    this.#copy?.onSent();
  }

  onResponseStart(): void {}

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#answerBytes += chunk.length;
    if (this.#answerBytes > this.#owner.answerBytes) this.#copy?.finish();
  }

  onResponseEnd(): void {
    const copy = this.#copy;
    if (copy === undefined || copy.isOver) return;
    this.#copy = copy.carrier = undefined;
    copy.finish();
    this.#owner.onIdle(this);
  }

  onResponseError(): void {
    // What undici refuses, it says before `dispatch` returns.
    const reason = this.#isDispatching ? 'invalid' : this.#isSent ? 'reset' : 'connect_failed';
    if (reason === 'connect_failed' && !this.#isGone) this.#owner.onConnectFailed();
    if (reason === 'reset' && !this.#isGone) this.#owner.onReset();
    this.#copy?.drop(reason);
  }
}
