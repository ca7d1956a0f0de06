import { connect, type Socket } from 'node:net';
import type { TestContext } from 'vitest';

/** How the other side ended a connection: in order, or so that what came before cannot be taken for complete. */
export type Ending = 'fin' | 'reset';

/** One end of a connection as a test sees it: what has arrived, byte for byte, and promises for what is to come. */
export class Peer {
  readonly socket: Socket;
  /** The other side has sent FIN or RST. */
  readonly ended: Promise<Ending>;
  /** Everything received, one character per byte. */
  text = '';
  /** The answers before this place have been read by `answer`. */
  #cursor = 0;
  #ending: Ending | undefined;
  readonly #watchers = new Set<() => void>();

  constructor(socket: Socket) {
    this.socket = socket;
    const { promise, resolve } = Promise.withResolvers<Ending>();
    this.ended = promise;
    const end = (ending: Ending) => {
      this.#ending ??= ending;
      resolve(this.#ending);
      this.#look();
    };
    socket.on('data', (chunk: Buffer) => {
      this.text += chunk.toString('latin1');
      this.#look();
    });
    socket.on('end', () => end('fin'));
    socket.on('error', () => end('reset'));
    socket.on('close', () => end('reset'));
  }

  /** A string is sent one byte per character. */
  send(data: string | Buffer): void {
    if (typeof data === 'string') this.socket.write(data, 'latin1');
    else this.socket.write(data);
  }

  /** Resolves when the text has arrived, with everything that has; rejects when the connection ends without it. */
  async contains(text: string, times = 1): Promise<string> {
    await this.#until(() => this.text.split(text).length > times, `${JSON.stringify(text)} × ${times}`);
    return this.text;
  }

  /** Reads the next answer that has not been read yet; interim ones (1xx) come one by one like others. */
  async answer(method = 'GET'): Promise<Answer> {
    let answer: Answer | undefined;
    await this.#until(() => (answer = parseAnswer(this.text.slice(this.#cursor), method, this.#ending)) !== undefined, 'a whole answer');
    this.#cursor += answer!.length;
    return answer!;
  }

  /** Sends a request and reads its answer. Without an empty line at its end the request is completed with Host and that line. */
  ask(request: string): Promise<Answer> {
    this.send(request.includes('\r\n\r\n') ? request : `${request}\r\nHost: shop.example\r\n\r\n`);
    return this.answer(request.slice(0, request.indexOf(' ')));
  }

  /** Sends FIN. */
  end(): void {
    this.socket.end();
  }

  /** Sends RST. After FIN Node could not, and would never close the socket: `resetAndDestroy` fails on one that is being shut down. */
  reset(): void {
    if (this.socket.writableEnded) this.socket.destroy();
    else this.socket.resetAndDestroy();
  }

  /** Stops reading, so that the other side cannot go on writing for ever. */
  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  #until(holds: () => boolean, what: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = () => {
        if (holds()) resolve();
        else if (this.#ending === undefined) return;
        else reject(new Error(`ended (${this.#ending}) without ${what}, after ${JSON.stringify(this.text.slice(-2000))}`));
        this.#watchers.delete(look);
      };
      this.#watchers.add(look);
      look();
    });
  }

  #look(): void {
    for (const look of this.#watchers) look();
  }
}

/** Connects, and closes when the test ends. Tests send whatever bytes they like. */
export async function connectRaw(t: TestContext, port: number): Promise<Peer> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  t.onTestFinished(() => void socket.destroy());
  const peer = new Peer(socket);
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  return peer;
}

/** Lets everything that was sent so far within this process arrive and be worked on. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => void setImmediate(resolve));
}

/** An answer taken apart, without judging it. */
export interface Answer {
  readonly status: number;
  /** Status line and field lines. */
  readonly head: string;
  /** Field lines only, each with its CRLF. */
  readonly fields: string;
  /** The content, chunked coding taken off. */
  readonly body: string;
  /** Trailer lines. */
  readonly trailers: string;
  /** Bytes of it all. */
  readonly length: number;
  /** The field's values, joined by ', ', or undefined. */
  field(name: string): string | undefined;
}

function parseAnswer(text: string, method: string, ending: Ending | undefined): Answer | undefined {
  const headEnd = text.indexOf('\r\n\r\n');
  if (headEnd < 0) return undefined;
  const head = text.slice(0, headEnd + 2);
  const fields = head.slice(head.indexOf('\r\n') + 2);
  const status = Number(head.slice(9, 12));
  const field = (name: string) => fieldOf(fields, name);
  const content = contentOf(text.slice(headEnd + 4), { status, method, field, ending });
  if (content === undefined) return undefined;
  return { status, head, fields, body: content.body, trailers: content.trailers, length: headEnd + 4 + content.length, field };
}

interface Framed {
  readonly status: number;
  readonly method: string;
  readonly field: (name: string) => string | undefined;
  readonly ending: Ending | undefined;
}

function contentOf(
  text: string,
  { status, method, field, ending }: Framed,
): { body: string; trailers: string; length: number } | undefined {
  if (method === 'HEAD' || status < 200 || status === 204 || status === 304) return { body: '', trailers: '', length: 0 };
  if (field('transfer-encoding') === 'chunked') return unchunk(text);
  const length = field('content-length');
  if (length === undefined) return ending === 'fin' ? { body: text, trailers: '', length: text.length } : undefined;
  return text.length < Number(length) ? undefined : { body: text.slice(0, Number(length)), trailers: '', length: Number(length) };
}

function unchunk(text: string): { body: string; trailers: string; length: number } | undefined {
  let body = '';
  for (let at = 0; ;) {
    const lineEnd = text.indexOf('\r\n', at);
    if (lineEnd < 0) return undefined;
    const size = Number.parseInt(text.slice(at, lineEnd), 16);
    if (size === 0) {
      const sectionEnd = text.indexOf('\r\n\r\n', lineEnd);
      return sectionEnd < 0 ? undefined : { body, trailers: text.slice(lineEnd + 2, sectionEnd + 2), length: sectionEnd + 4 };
    }
    if (text.length < lineEnd + 2 + size + 2) return undefined;
    body += text.slice(lineEnd + 2, lineEnd + 2 + size);
    at = lineEnd + 2 + size + 2;
  }
}

/** The value of a field among field lines; several are joined by ', '. */
export function fieldOf(fields: string, name: string): string | undefined {
  const values = fields
    .split('\r\n')
    .filter((line) => line.toLowerCase().startsWith(`${name.toLowerCase()}:`))
    .map((line) => line.slice(line.indexOf(':') + 1).trim());
  return values.length === 0 ? undefined : values.join(', ');
}
