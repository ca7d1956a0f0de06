import { connect, type Socket } from 'node:net';

/** What one answer said. */
export interface Answer {
  readonly status: number;
  readonly revision: number;
  readonly pool: string;
  readonly body: string;
}

/** Called for each answer with what `onSend` returned when its request left. */
export interface Ledger<Mark> {
  onSend(): Mark;
  onAnswer(answer: Answer, mark: Mark): void;
  /** Anything that a client would call an error: a refused or broken connection, a malformed answer. */
  onError(what: string): void;
}

/**
 * Clients at full speed: each has one keep-alive connection and sends its next request as soon as it has its answer. Debug headers must be
 * on. Simple enough to be trusted: it expects Content-Length and one answer per read or several reads per answer.
 */
export class ClosedLoop<Mark> {
  readonly #sockets: Socket[] = [];
  readonly #ledger: Ledger<Mark>;
  #stopping = false;
  #running = 0;
  readonly #stopped = Promise.withResolvers<void>();

  constructor(url: string, connections: number, ledger: Ledger<Mark>) {
    this.#ledger = ledger;
    const { hostname, port } = new URL(url);
    for (let index = 0; index < connections; index++) this.#start(connect(Number(port), hostname));
  }

  /** Lets each client have its last answer; none of them may end before. */
  stop(): Promise<void> {
    this.#stopping = true;
    return this.#stopped.promise;
  }

  #start(socket: Socket): void {
    this.#sockets.push(socket);
    this.#running++;
    socket.setNoDelay(true);
    socket.setEncoding('latin1');
    let received = '';
    let mark: Mark;
    let finished = false;
    const send = () => {
      mark = this.#ledger.onSend();
      socket.write('GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n');
    };
    const finish = () => {
      if (finished) return;
      finished = true;
      socket.destroy();
      if (--this.#running === 0) this.#stopped.resolve();
    };
    socket.on('connect', send);
    socket.on('data', (text: string) => {
      received += text;
      const answer = readAnswer(received);
      if (answer === undefined) return;
      received = '';
      this.#ledger.onAnswer(answer, mark);
      if (this.#stopping) finish();
      else send();
    });
    socket.on('error', (error) => this.#ledger.onError(String(error)));
    socket.on('close', () => {
      if (!finished) this.#ledger.onError(`connection closed by the proxy, after ${JSON.stringify(received)}`);
      finish();
    });
  }
}

function readAnswer(text: string): Answer | undefined {
  const headEnd = text.indexOf('\r\n\r\n');
  if (headEnd < 0) return undefined;
  const head = text.slice(0, headEnd + 2);
  const field = (name: string) => new RegExp(`^${name}: *(.*)\r\n`, 'im').exec(head)?.[1] ?? '';
  const body = text.slice(headEnd + 4);
  if (body.length < Number(field('content-length'))) return undefined;
  return { status: Number(head.slice(9, 12)), revision: Number(field('x-sluice-revision')), pool: field('x-sluice-pool'), body };
}
