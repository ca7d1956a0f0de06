import { connect, type Socket } from 'node:net';
import { bodyOf, uploadOf } from './ill-app.ts';

/** What became of one request, as its client saw it. */
export interface Outcome {
  readonly id: string;
  readonly method: 'GET' | 'POST';
  /**
   * - `answered`: by a target, whole, and with what that target answers to this very request
   * - `failed`: by the proxy, which says why
   * - `cut`: an answer of a target was begun, and the connection broken
   * - `lost`: the connection ended without a byte of an answer
   * - `wrong`: whatever else, such as an answer that is complete and false
   */
  readonly kind: 'answered' | 'failed' | 'cut' | 'lost' | 'wrong';
  /** The target that answered, or the cause that the proxy names, or what was wrong. */
  readonly by: string;
  readonly ms: number;
}

/** So many requests of each ten are posted. */
const postsOfTen = 3;

/**
 * Clients in a closed loop: each keeps one connection and sends its next request when it has its answer. A connection that was broken is
 * replaced. Every outcome is kept.
 */
export class IllLoad {
  readonly outcomes: Outcome[] = [];
  readonly #address: { readonly port: number; readonly host: string };
  readonly #stopped = Promise.withResolvers<void>();
  readonly #onTheWay = new Set<string>();
  #sent = 0;
  #running: number;
  #stopping = false;
  #waiting: { readonly isDue: () => boolean; readonly resolve: () => void }[] = [];

  constructor(url: string, connections: number) {
    const { hostname, port } = new URL(url);
    this.#address = { port: Number(port), host: hostname };
    this.#running = connections;
    for (let index = 0; index < connections; index++) void this.#run();
  }

  /** Resolves when so many more requests have come to an end. */
  more(count: number): Promise<void> {
    const until = this.outcomes.length + count;
    return this.#wait(() => this.outcomes.length >= until);
  }

  /** Resolves when every request that is on its way now has come to an end. */
  turnOver(): Promise<void> {
    const now = [...this.#onTheWay];
    return this.#wait(() => !now.some((id) => this.#onTheWay.has(id)));
  }

  count(kind: Outcome['kind']): number {
    return this.outcomes.filter((outcome) => outcome.kind === kind).length;
  }

  answeredBy(target: string): number {
    return this.outcomes.filter(({ kind, by }) => kind === 'answered' && by === target).length;
  }

  /** Lets each client have its last answer. */
  stop(): Promise<void> {
    this.#stopping = true;
    return this.#stopped.promise;
  }

  async #run(): Promise<void> {
    let connection: ClientConnection | undefined;
    while (!this.#stopping) {
      connection ??= new ClientConnection(connect({ ...this.#address, noDelay: true }));
      const id = String(this.#sent++);
      const method = Number(id) % 10 < postsOfTen ? 'POST' : 'GET';
      const startedAt = performance.now();
      this.#onTheWay.add(id);
      const { text, ended } = await connection.ask(requestOf(method, id));
      this.#book({ id, method, ...judge(text, ended, id), ms: performance.now() - startedAt });
      if (ended) connection = undefined;
    }
    connection?.end();
    if (--this.#running === 0) this.#stopped.resolve();
  }

  #book(outcome: Outcome): void {
    this.outcomes.push(outcome);
    this.#onTheWay.delete(outcome.id);
    const due = this.#waiting.filter(({ isDue }) => isDue());
    if (due.length === 0) return;
    this.#waiting = this.#waiting.filter((one) => !due.includes(one));
    for (const { resolve } of due) resolve();
  }

  #wait(isDue: () => boolean): Promise<void> {
    return new Promise((resolve) => void this.#waiting.push({ isDue, resolve }));
  }
}

function requestOf(method: 'GET' | 'POST', id: string): string {
  const head = `${method} /${method.toLowerCase()}/${id} HTTP/1.1\r\nHost: shop.example\r\n`;
  if (method === 'GET') return `${head}\r\n`;
  const upload = uploadOf(id);
  return `${head}Content-Length: ${upload.length}\r\n\r\n${upload}`;
}

/** What came for one request. */
interface Received {
  readonly text: string;
  /** The connection is no use any more. */
  readonly ended: boolean;
}

class ClientConnection {
  readonly #socket: Socket;
  #text = '';
  #ended = false;
  #resolve: ((received: Received) => void) | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('latin1').on('data', (text: string) => {
      this.#text += text;
      if (isWhole(this.#text)) this.#settle();
    });
    // What it was does not matter: that it ended says all that a client can know.
    socket.on('error', () => {});
    socket.on('end', () => this.#end());
    socket.on('close', () => this.#end());
  }

  ask(request: string): Promise<Received> {
    return new Promise((resolve) => {
      this.#resolve = resolve;
      if (this.#ended) this.#settle();
      else this.#socket.write(request, 'latin1');
    });
  }

  end(): void {
    this.#socket.destroy();
  }

  #end(): void {
    this.#ended = true;
    this.#socket.destroy();
    this.#settle();
  }

  #settle(): void {
    const resolve = this.#resolve;
    if (resolve === undefined) return;
    this.#resolve = undefined;
    const text = this.#text;
    this.#text = '';
    const isLast = this.#ended || /^connection: *close\r$/im.test(text.slice(0, text.indexOf('\r\n\r\n') + 1));
    if (isLast) this.#socket.destroy();
    resolve({ text, ended: isLast });
  }
}

const isChunkedHead = /^transfer-encoding: *chunked\r$/im;

/** Undefined where there is no head yet. */
function split(text: string): { readonly head: string; readonly content: string } | undefined {
  const headEnd = text.indexOf('\r\n\r\n');
  return headEnd < 0 ? undefined : { head: text.slice(0, headEnd + 1), content: text.slice(headEnd + 4) };
}

function isWhole(text: string): boolean {
  const parts = split(text);
  if (parts === undefined) return false;
  if (isChunkedHead.test(parts.head)) return parts.content.endsWith('0\r\n\r\n') && unchunk(parts.content) !== undefined;
  return parts.content.length >= Number(/^content-length: *(\d+)\r$/im.exec(parts.head)?.[1]);
}

/** Undefined where something is missing. */
function unchunk(content: string): string | undefined {
  let body = '';
  for (let at = 0; ;) {
    const lineEnd = content.indexOf('\r\n', at);
    const size = Number.parseInt(content.slice(at, lineEnd), 16);
    if (lineEnd < 0 || content.length < lineEnd + 4 + size) return undefined;
    if (size === 0) return body;
    body += content.slice(lineEnd + 2, lineEnd + 2 + size);
    at = lineEnd + 4 + size;
  }
}

function judge(text: string, ended: boolean, id: string): Pick<Outcome, 'kind' | 'by'> {
  if (text === '') return { kind: 'lost', by: 'connection closed without an answer' };
  if (!isWhole(text)) return ended ? { kind: 'cut', by: '' } : { kind: 'wrong', by: text };
  const { head, content } = split(text)!;
  const status = head.slice(9, 12);
  const cause = /^proxy-status: *sluice; error=[a-z_]+; details="([a-z_]+)"\r$/im.exec(head)?.[1];
  if (cause !== undefined && Number(status) >= 500) return { kind: 'failed', by: cause };
  const body = isChunkedHead.test(head) ? unchunk(content)! : content;
  const target = body.slice(0, body.indexOf(' '));
  if (status !== '200' || body !== bodyOf(target, id)) return { kind: 'wrong', by: `${head}\n${body.slice(0, 200)}` };
  return { kind: 'answered', by: target };
}
