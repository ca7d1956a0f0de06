/** Clients that stay: each notes what it hears, whether that is what it should hear, and when and how it ends. */
import { Agent, get, type IncomingMessage } from 'node:http';
import { WebSocket } from 'ws';
import { type LongApp, pieceOf, type StreamKind } from './long-app.ts';

/** How a connection, or an answer, has ended. */
export interface Ending {
  readonly kind: 'webSocket' | StreamKind | 'held';
  /** Since the epoch, by the clock of the machine. */
  readonly atMs: number;
  /** Such as `1012 service restart` of a WebSocket, `complete` or `incomplete` of a stream, `503 drained` of a request. */
  readonly how: string;
}

/** How many clients of each kind. */
export interface CrowdSize {
  readonly webSockets: number;
  /** Every second one says how long it is. */
  readonly downloads: number;
  readonly eventStreams: number;
  /** Requests that get no answer. */
  readonly held: number;
}

/** So many connect at a time. */
const connectingMax = 50;

/** A WebSocket that says something and expects to hear it back, and nothing else. */
class Talk {
  readonly ended: Promise<Ending>;
  readonly #socket: WebSocket;
  readonly #number: number;
  #round = 0;
  #waiting: { readonly expected: string; readonly resolve: () => void; readonly reject: (error: Error) => void } | undefined;
  /** What it has heard that it should not have heard. */
  complaint = '';

  private constructor(socket: WebSocket, number: number) {
    this.#socket = socket;
    this.#number = number;
    socket.on('message', (message: Buffer) => this.#onMessage(message.toString()));
    socket.on('error', () => {});
    this.ended = new Promise((resolve) => {
      socket.once('close', (code, reason) => {
        this.#waiting?.reject(new Error(`WebSocket ${number} was closed in round ${this.#round}: ${code} ${reason.toString()}`));
        resolve({ kind: 'webSocket', atMs: Date.now(), how: `${code} ${reason.toString()}`.trim() });
      });
    });
  }

  static open(proxyUrl: string, number: number): Promise<Talk> {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(`${proxyUrl.replace('http:', 'ws:')}/talk/${number}`, { perMessageDeflate: false });
      const talk = new Talk(socket, number);
      socket.once('error', reject);
      socket.once('open', () => resolve(talk));
    });
  }

  /** Sends the next numbered message; resolves when exactly that has come back. Rejects when it is closed first. */
  exchange(): Promise<void> {
    this.#round++;
    if (this.#socket.readyState !== WebSocket.OPEN) return Promise.reject(new Error(`WebSocket ${this.#number} is closed`));
    const expected = `${this.#number}/${this.#round}/${'x'.repeat(paddingOf(this.#number))}`;
    return new Promise((resolve, reject) => {
      this.#waiting = { expected, resolve, reject };
      this.#socket.send(expected);
    });
  }

  leave(): void {
    this.#socket.terminate();
  }

  #onMessage(message: string): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (message === waiting?.expected) waiting.resolve();
    else {
      this.complaint ||= `WebSocket ${this.#number} heard ${message.slice(0, 40)} in round ${this.#round}`;
      waiting?.reject(new Error(this.complaint));
    }
  }
}

/** Frames have their length in one, three or nine bytes (RFC 6455 section 5.2): all of them shall be used. */
function paddingOf(number: number): number {
  return number % 50 === 0 ? 70_000 : number % 5 === 0 ? 200 : 0;
}

/** An answer that comes piece by piece. */
class Stream {
  readonly ended: Promise<Ending>;
  readonly #kind: StreamKind;
  readonly #number: number;
  readonly #response: IncomingMessage;
  #pieces = 0;
  /** The part of the pieces so far that has not come yet. */
  #missing: Buffer = Buffer.alloc(0);
  #waiting: { readonly resolve: () => void; readonly reject: (error: Error) => void } | undefined;
  complaint = '';

  private constructor(kind: StreamKind, number: number, response: IncomingMessage) {
    this.#kind = kind;
    this.#number = number;
    this.#response = response;
    response.on('data', (chunk: Buffer) => this.#onData(chunk));
    response.on('error', () => {});
    this.ended = new Promise((resolve) => {
      response.once('close', () => {
        this.#waiting?.reject(new Error(`${kind} stream ${number} ended in piece ${this.#pieces}`));
        resolve({ kind, atMs: Date.now(), how: response.complete ? 'complete' : 'incomplete' });
      });
    });
  }

  static open(proxyUrl: string, kind: StreamKind, number: number, agent: Agent): Promise<Stream> {
    return new Promise((resolve, reject) => {
      const request = get(`${proxyUrl}/${kind}/${number}`, { agent }, (response) => {
        if (response.statusCode === 200) resolve(new Stream(kind, number, response));
        else reject(new Error(`${kind} stream ${number}: ${response.statusCode}`));
      });
      request.on('error', reject);
    });
  }

  /** Resolves when the piece that is sent next has come whole. Rejects when the stream ends first. */
  nextPiece(): Promise<void> {
    this.#missing = pieceOf(this.#kind, this.#number, this.#pieces++);
    if (this.#response.destroyed) return Promise.reject(new Error(`${this.#kind} stream ${this.#number} is over`));
    return new Promise((resolve, reject) => (this.#waiting = { resolve, reject }));
  }

  leave(): void {
    this.#response.destroy();
  }

  #onData(chunk: Buffer): void {
    if (!chunk.equals(this.#missing.subarray(0, chunk.length))) {
      this.complaint ||= `${this.#kind} stream ${this.#number}: wrong bytes in piece ${this.#pieces}`;
      this.#waiting?.reject(new Error(this.complaint));
      return;
    }
    this.#missing = this.#missing.subarray(chunk.length);
    if (this.#missing.length > 0) return;
    this.#waiting?.resolve();
    this.#waiting = undefined;
  }
}

/** A request that waits for its answer. */
function holdOn(proxyUrl: string, agent: Agent): { readonly ended: Promise<Ending>; readonly leave: () => void } {
  const { promise: ended, resolve } = Promise.withResolvers<Ending>();
  const end = (how: string) => resolve({ kind: 'held', atMs: Date.now(), how });
  const request = get(`${proxyUrl}/hold`, { agent }, (response) => {
    const cause = /details="([a-z_]+)"/.exec(String(response.headers['proxy-status'] ?? ''))?.[1] ?? '';
    let body = '';
    response.setEncoding('utf8').on('data', (text: string) => (body += text));
    response.on('close', () => end(`${response.statusCode} ${cause === '' ? body : cause}`));
  });
  request.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
  return { ended, leave: () => void request.destroy() };
}

/** Long-lived clients of one pool. */
export class Crowd {
  readonly size: CrowdSize;
  readonly endings: Ending[] = [];
  /** Resolves with the first ending. */
  readonly firstEnding: Promise<Ending>;
  /** Resolves when all have ended. */
  readonly allEnded: Promise<unknown>;
  readonly #talks: readonly Talk[];
  readonly #streams: readonly Stream[];
  readonly #app: LongApp;
  readonly #leave: () => void;

  private constructor(
    size: CrowdSize,
    app: LongApp,
    talks: readonly Talk[],
    streams: readonly Stream[],
    held: readonly Held[],
    agent: Agent,
  ) {
    this.size = size;
    this.#app = app;
    this.#talks = talks;
    this.#streams = streams;
    const ended = [...talks, ...streams, ...held].map((client) => client.ended);
    for (const ending of ended) void ending.then((how) => this.endings.push(how));
    this.firstEnding = Promise.race(ended);
    this.allEnded = Promise.all(ended);
    this.#leave = () => {
      for (const client of [...talks, ...streams, ...held]) client.leave();
      agent.destroy();
    };
  }

  /** Connects everybody. @param app the one that they come to, as things stand; it must not have other streams */
  static async open(t: { onTestFinished(leave: () => void): void }, proxyUrl: string, app: LongApp, size: CrowdSize): Promise<Crowd> {
    const agent = new Agent({ keepAlive: false });
    const talks = await oneAfterOther(size.webSockets, (number) => Talk.open(proxyUrl, number));
    const streams = await oneAfterOther(size.downloads + size.eventStreams, (number) => {
      const kind = number >= size.downloads ? 'events' : number % 2 === 0 ? 'sized' : 'chunked';
      return Stream.open(proxyUrl, kind, number, agent);
    });
    const held = Array.from({ length: size.held }, () => holdOn(proxyUrl, agent));
    const crowd = new Crowd(size, app, talks, streams, held, agent);
    t.onTestFinished(crowd.#leave);
    return crowd;
  }

  /** Every WebSocket sends a message, and hears it. */
  async exchange(): Promise<void> {
    await Promise.all(this.#talks.map((talk) => talk.exchange()));
  }

  /** Every stream gets one piece more. */
  async feed(): Promise<void> {
    const fed = Promise.all(this.#streams.map((stream) => stream.nextPiece()));
    this.#app.feed();
    await fed;
  }

  get complaints(): readonly string[] {
    return [...this.#talks, ...this.#streams].map(({ complaint }) => complaint).filter((complaint) => complaint !== '');
  }
}

type Held = ReturnType<typeof holdOn>;

async function oneAfterOther<T>(count: number, open: (number: number) => Promise<T>): Promise<T[]> {
  const opened: T[] = [];
  while (opened.length < count) {
    const some = Array.from({ length: Math.min(connectingMax, count - opened.length) }, (_, index) => open(opened.length + index));
    opened.push(...(await Promise.all(some)));
  }
  return opened;
}
