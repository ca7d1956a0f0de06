/** Clients that talk by WebSocket, and note everything that is not as it should be. */
import type { IncomingMessage } from 'node:http';
import { type ClientOptions, WebSocket } from 'ws';
import { closeCommand, ping, sendInParts } from './socket-app.ts';

/** So many connect at a time. */
const connectingMax = 50;
const megabyte = Buffer.alloc(1024 ** 2, 'sluice');

/** A WebSocket that expects to hear everything back that it says, once and in order, and nothing else. */
export class SocketClient {
  readonly path: string;
  readonly socket: WebSocket;
  /** The application that it came to. */
  readonly app: string;
  /** The cookie that it was given; '' = none. */
  readonly cookie: string;
  readonly #number: number;
  readonly #expected: { readonly bytes: Buffer; readonly binary: boolean }[] = [];
  #waiting: PromiseWithResolvers<void> | undefined;
  #round = 0;
  said = 0;
  /** What it has heard that it should not have heard. */
  complaint = '';
  /** Code and reason; '' = it is open. */
  closing = '';
  readonly closed: Promise<string>;

  private constructor(socket: WebSocket, path: string, number: number, answer: IncomingMessage) {
    this.socket = socket;
    this.path = path;
    this.#number = number;
    this.app = String(answer.headers['x-app']);
    this.cookie = (answer.headers['set-cookie'] ?? []).map((line) => line.split(';')[0]!).join('; ');
    socket.on('message', (message: Buffer, isBinary) => this.#onMessage(message, isBinary));
    socket.on('error', ({ message }) => (this.complaint ||= `${path}: ${message}`));
    this.closed = new Promise((resolve) => {
      socket.once('close', (code, reason) => {
        this.closing = `${code} ${reason.toString()}`.trim();
        this.#waiting?.reject(new Error(`${path} was closed in round ${this.#round}: ${this.closing}`));
        resolve(this.closing);
      });
    });
  }

  /** Every fourth one offers compression. */
  static open(url: string, path: string, number: number, options: ClientOptions = {}): Promise<SocketClient> {
    return new Promise((resolve, reject) => {
      const compressed = number % 4 === 0;
      const socket = new WebSocket(`${url.replace('http', 'ws')}${path}`, {
        perMessageDeflate: compressed && { threshold: 0 },
        ...options,
      });
      let client: SocketClient | undefined;
      socket.once('error', reject);
      // What comes with the answer must not pass by.
      socket.once('upgrade', (answer) => (client = new SocketClient(socket, path, number, answer)));
      socket.once('open', () => {
        const agreed = socket.extensions.startsWith('permessage-deflate');
        if (agreed !== compressed) client!.complaint = `${path}: compression is ${agreed}`;
        resolve(client!);
      });
    });
  }

  /** Says three things at once, now and then a large one in parts with a ping in between; resolves when all have come back. */
  async exchange(): Promise<void> {
    if (this.closing !== '') throw new Error(`${this.path} was closed before round ${this.#round}: ${this.closing}`);
    const round = this.#round++;
    const large = this.#number % 20 === 0 && round % 10 === 0;
    const { promise } = (this.#waiting = Promise.withResolvers<void>());
    this.#say(Buffer.from(`${this.path} ${round} text ${'y'.repeat((this.#number % 7) * 40)}`), false, 1);
    const pinged = large ? ping(this.socket, `${round}`) : undefined;
    this.#say(Buffer.concat([Buffer.from(`${this.path} ${round} binary `), large ? megabyte : Buffer.alloc(0)]), true, large ? 3 : 1);
    this.#say(Buffer.from(`${this.path} ${round} last`), false, 1);
    await promise;
    await pinged;
  }

  /** Closes, or has the application close. @returns what this side has heard: code and reason */
  close(code: number, reason: string, by: 'client' | 'app'): Promise<string> {
    if (by === 'app') this.socket.send(closeCommand(code, reason));
    else this.socket.close(code, reason);
    return this.closed;
  }

  #say(bytes: Buffer, binary: boolean, parts: number): void {
    this.said++;
    this.#expected.push({ bytes, binary });
    sendInParts(this.socket, bytes, binary, parts);
  }

  #onMessage(message: Buffer, isBinary: boolean): void {
    const expected = this.#expected.shift();
    if (expected === undefined || expected.binary !== isBinary || !expected.bytes.equals(message)) {
      this.complaint ||= `${this.path} heard ${message.toString('latin1', 0, 60)} in round ${this.#round}`;
      this.#waiting?.reject(new Error(this.complaint));
    } else if (this.#expected.length === 0) {
      this.#waiting?.resolve();
      this.#waiting = undefined;
    }
  }
}

/** Opens so many, some at a time. */
export async function openClients(
  t: { onTestFinished(leave: () => void): void },
  url: string,
  prefix: string,
  count: number,
  optionsOf: (index: number) => ClientOptions = () => ({}),
): Promise<SocketClient[]> {
  const clients: SocketClient[] = [];
  t.onTestFinished(() => {
    for (const { socket } of clients) socket.terminate();
  });
  while (clients.length < count) {
    const some = Array.from({ length: Math.min(connectingMax, count - clients.length) }, (_, index) => {
      const number = clients.length + index;
      return SocketClient.open(url, `${prefix}/${number}`, number, optionsOf(number));
    });
    clients.push(...(await Promise.all(some)));
  }
  return clients;
}
