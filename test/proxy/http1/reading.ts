import { BodyReader } from '../../../proxy/http1/body.ts';
import { Http1RequestHead } from '../../../proxy/http1/request-head.ts';
import { Http1ResponseHead } from '../../../proxy/http1/response-head.ts';
import { Framing } from '../../../proxy/message.ts';

/** What a parser made of the bytes of a connection. Text is latin-1: one character is one byte. */
export interface Reading {
  readonly messages: readonly ReadMessage[];
  /** `waiting`: more could come. `closed`: the connection ends after the last message. `upgraded`: it is another protocol's from here. */
  readonly end: 'waiting' | 'closed' | 'upgraded' | `rejected: ${string}`;
  /** The head that was rejected. */
  readonly rejectedHead?: string;
}

export interface ReadMessage {
  /** Method, authority and target in origin form; or status and reason. */
  readonly start: string;
  /** `name: value` of every end-to-end field, in order. */
  readonly fields: readonly string[];
  readonly persistent: boolean;
  body: string;
  trailers: readonly string[];
  complete: boolean;
}

export const limits = { headBytes: 32_768, fields: 128 };

/** Reads requests as a client's connection does, the bytes arriving in `pieces`. */
export function readRequests(pieces: readonly Buffer[], head = new Http1RequestHead()): Reading {
  const messages: ReadMessage[] = [];
  const connection = new Connection(pieces);
  for (;;) {
    const text = connection.nextHead(2);
    if (text === undefined) return { messages, end: 'waiting' };
    const fault = parseText(head, text);
    if (fault !== '') return { messages, end: `rejected: ${fault}`, rejectedHead: text };
    const message = begin(`${head.method} ${head.authority} ${head.target}`, head.fields, head.persistent);
    messages.push(message);
    const body = new BodyReader();
    if (head.framing === Framing.length) body.beginLength(head.contentLength);
    else if (head.framing === Framing.stream) body.beginChunked(limits.headBytes, limits.fields);
    connection.readBody(body, message);
    if (body.failed) return { messages, end: 'rejected: chunks' };
    if (!message.complete) return { messages, end: 'waiting' };
    if (!message.persistent) return { messages, end: 'closed' };
  }
}

/** Reads the answers to one request as a target's connection does: interim ones and the final one, then the end of the connection. */
export function readAnswer(pieces: readonly Buffer[], toHead: boolean, head = new Http1ResponseHead()): Reading {
  const messages: ReadMessage[] = [];
  const connection = new Connection(pieces);
  for (;;) {
    const text = connection.nextHead(0);
    if (text === undefined) return { messages, end: 'waiting' };
    const fault = parseAnswerText(head, text, toHead);
    if (fault !== '') return { messages, end: `rejected: ${fault}`, rejectedHead: text };
    const message = begin(`${head.status} ${head.reason}`, head.fields, head.persistent);
    messages.push(message);
    if (head.status === 101) return { messages, end: 'upgraded' };
    const body = new BodyReader();
    if (head.untilClose) body.beginUntilClose();
    else if (head.framing === Framing.length) body.beginLength(head.contentLength);
    else if (head.framing === Framing.stream) body.beginChunked(limits.headBytes, limits.fields);
    connection.readBody(body, message);
    if (head.untilClose) message.complete = true;
    if (body.failed) return { messages, end: 'rejected: chunks' };
    if (!message.complete) return { messages, end: 'waiting' };
    if (head.status >= 200) return { messages, end: 'closed' };
  }
}

/** As if the head began in the middle of what was read. */
export function parseText(head: Http1RequestHead, text: string): ReturnType<Http1RequestHead['parse']> {
  return head.parse(bytes(`before${text}\r\nafter`), 6, 6 + text.length, limits);
}

export function parseAnswerText(head: Http1ResponseHead, text: string, toHead: boolean): ReturnType<Http1ResponseHead['parse']> {
  return head.parse(bytes(`before${text}\r\nafter`), 6, 6 + text.length, limits.fields, toHead);
}

export function bytes(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

/** `text` as it arrives when it is cut at these places. */
export function cutAt(text: string, places: readonly number[]): Buffer[] {
  const pieces: Buffer[] = [];
  let from = 0;
  for (const to of [...places, text.length].toSorted((a, b) => a - b)) {
    if (to > from) pieces.push(bytes(text.slice(from, to)));
    from = Math.max(from, to);
  }
  return pieces;
}

/** `a: 1\r\nb: 2\r\n` as a list, without the white space around values. */
export function fieldList(lines: string): string[] {
  return lines
    .split('\r\n')
    .slice(0, -1)
    .map((line) => {
      const colon = line.indexOf(':');
      return `${line.slice(0, colon)}: ${line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, '')}`;
    });
}

function begin(start: string, fields: string, persistent: boolean): ReadMessage {
  return { start, fields: fieldList(fields), persistent, body: '', trailers: [], complete: false };
}

/** Bytes that arrive in pieces; each piece's buffer is overwritten once it was read, as the real ones are. */
class Connection {
  #pieces: readonly Buffer[];
  #unread = Buffer.alloc(0);

  constructor(pieces: readonly Buffer[]) {
    this.#pieces = pieces;
  }

  /** Before a request, proxy/http1/downstream.ts skips two empty lines. */
  nextHead(emptyLinesMax: number): string | undefined {
    do {
      let start = 0;
      while (start < 2 * emptyLinesMax && this.#unread[start] === 13 && this.#unread[start + 1] === 10) start += 2;
      const end = this.#unread.indexOf('\r\n\r\n', start);
      if (end >= 0) {
        const head = this.#unread.toString('latin1', start, end + 2);
        this.#unread = this.#unread.subarray(end + 4);
        return head;
      }
    } while (this.#receive());
    return undefined;
  }

  readBody(body: BodyReader, message: ReadMessage): void {
    const sink = { onBodySlice: (slice: Buffer) => void (message.body += slice.toString('latin1')) };
    do {
      const piece = this.#unread;
      const rest = Buffer.from(piece.subarray(body.read(piece, 0, sink)));
      piece.fill(0x5a);
      this.#unread = rest;
    } while (!body.done && !body.failed && this.#receive());
    message.complete = body.done;
    message.trailers = fieldList(body.trailers);
  }

  #receive(): boolean {
    const [next, ...rest] = this.#pieces;
    if (next === undefined) return false;
    this.#unread = Buffer.concat([this.#unread, next]);
    this.#pieces = rest;
    return true;
  }
}
