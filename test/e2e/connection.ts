import { connect, type Socket } from 'node:net';
import type { TestContext } from 'vitest';

export interface Answer {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

/** One client connection that is kept alive, written to by hand so that nothing opens another one behind the test's back. */
export class Connection {
  /** Resolves when the other side has closed it, cleanly or not. */
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  #received = '';
  #isClosed = false;
  #waiting: (() => void) | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('latin1').on('data', (text: string) => {
      this.#received += text;
      this.#waiting?.();
    });
    socket.on('error', () => {});
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#isClosed = true;
        this.#waiting?.();
        resolve();
      });
    });
  }

  static open(t: TestContext, url: string): Promise<Connection> {
    const { hostname, port } = new URL(url);
    return new Promise((resolve, reject) => {
      const socket = connect(Number(port), hostname);
      t.onTestFinished(() => void socket.destroy());
      socket.once('error', reject);
      socket.once('connect', () => resolve(new Connection(socket)));
    });
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Sends a request and resolves with its answer, which must have a Content-Length. Rejects when the connection closes first. */
  async get(path = '/'): Promise<Answer> {
    this.#socket.write(`GET ${path} HTTP/1.1\r\nHost: test.example\r\n\r\n`);
    for (;;) {
      const answer = this.#take();
      if (answer !== undefined) return answer;
      if (this.#isClosed) throw new Error(`the connection was closed after ${JSON.stringify(this.#received)}`);
      await new Promise<void>((resolve) => (this.#waiting = resolve));
    }
  }

  #take(): Answer | undefined {
    const headEnd = this.#received.indexOf('\r\n\r\n');
    if (headEnd < 0) return undefined;
    const head = this.#received.slice(0, headEnd);
    const length = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0);
    const end = headEnd + 4 + length;
    if (this.#received.length < end) return undefined;
    const body = this.#received.slice(headEnd + 4, end);
    this.#received = this.#received.slice(end);
    return { status: Number(head.slice(9, 12)), head, body };
  }
}
