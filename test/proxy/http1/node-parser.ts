/**
 * Node's own parser (llhttp), called directly: the same object that http.createServer and http.request feed, without sockets around it,
 * so that a run of many thousand cases is fast and the same every time. It is an internal module, but the only way to ask it
 * synchronously; `node-parser.test.ts` holds it to what a real server answers.
 */
import { METHODS } from 'node:http';
import { createRequire } from 'node:module';
import type { ReadMessage, Reading } from './reading.ts';

interface HttpParser {
  initialize(type: number, resource: object, headBytesMax: number, leniency: number): void;
  execute(bytes: Buffer): number | NodeParseError;
  finish(): NodeParseError | undefined;
  [callback: number]: (...parameters: never[]) => number | void;
}

interface NodeParseError extends Error {
  readonly code: string;
}

interface HttpParserClass {
  new (): HttpParser;
  readonly REQUEST: number;
  readonly RESPONSE: number;
  readonly kOnHeaders: number;
  readonly kOnHeadersComplete: number;
  readonly kOnBody: number;
  readonly kOnMessageComplete: number;
}

const require = createRequire(import.meta.url);
const { HTTPParser } = require('node:_http_common') as { readonly HTTPParser: HttpParserClass };

export interface NodeMessage extends ReadMessage {
  readonly minor: number;
  readonly upgrade: boolean;
  /** All fields, those that end at a proxy too. */
  readonly rawFields: readonly (readonly [name: string, value: string])[];
}

export interface NodeReading extends Reading {
  readonly messages: readonly NodeMessage[];
}

/** Reads requests as http.createServer does. */
export function nodeReadsRequests(input: Buffer): NodeReading {
  return read(input, HTTPParser.REQUEST, false);
}

/** Reads answers as http.request does; the connection ends after them. */
export function nodeReadsAnswer(input: Buffer, toHead: boolean): NodeReading {
  return read(input, HTTPParser.RESPONSE, toHead);
}

const parser = new HTTPParser();

function read(input: Buffer, type: number, toHead: boolean): NodeReading {
  const messages: NodeMessage[] = [];
  let message: NodeMessage | undefined;
  let fields: string[] = [];
  let url = '';
  parser.initialize(type, {}, 1 << 20, 0);
  // Many fields, and trailers, come in several calls.
  parser[HTTPParser.kOnHeaders] = (more: string[], moreUrl: string) => {
    fields.push(...more);
    url += moreUrl;
  };
  parser[HTTPParser.kOnHeadersComplete] = (
    major: number,
    minor: number,
    rest: string[] | undefined,
    method: number,
    target: string | undefined,
    status: number,
    reason: string,
    upgrade: boolean,
    persistent: boolean,
  ) => {
    const rawFields = pairs(rest === undefined ? fields : fields.concat(rest));
    const start = type === HTTPParser.REQUEST ? `${methodOfNumber.get(method)} ${target ?? url}` : `${status} ${reason}`;
    message = {
      start: major === 1 ? start : `${start} HTTP/${major}.${minor}`,
      minor,
      upgrade,
      rawFields,
      fields: rawFields.map(([name, value]) => `${name}: ${value}`),
      persistent,
      body: '',
      trailers: [],
      complete: false,
    };
    messages.push(message);
    fields = [];
    url = '';
    // 1 = there is no body, whatever the fields say; http.request decides so for interim answers and those to HEAD.
    return type === HTTPParser.RESPONSE && (toHead || status < 200) ? 1 : 0;
  };
  parser[HTTPParser.kOnBody] = (slice: Buffer) => void (message!.body += slice.toString('latin1'));
  parser[HTTPParser.kOnMessageComplete] = () => {
    message!.complete = true;
    message!.trailers = pairs(fields).map(([name, value]) => `${name}: ${value}`);
    fields = [];
    url = '';
  };

  const outcome = parser.execute(input);
  if (outcome instanceof Error) return { messages, end: `rejected: ${outcome.code}` };
  if (message?.upgrade === true && message.complete) return { messages, end: 'upgraded' };
  if (type === HTTPParser.RESPONSE) parser.finish();
  return { messages, end: message?.complete === true && !message.persistent ? 'closed' : 'waiting' };
}

function pairs(list: readonly string[]): [string, string][] {
  const found: [string, string][] = [];
  for (let index = 0; index < list.length; index += 2) found.push([list[index]!, list[index + 1]!]);
  return found;
}

/** The parser tells methods by number. */
const methodOfNumber = new Map(METHODS.map((method) => [numberOf(method), method]));

function numberOf(method: string): number {
  const numbers: number[] = [];
  parser.initialize(HTTPParser.REQUEST, {}, 1 << 20, 0);
  parser[HTTPParser.kOnHeadersComplete] = (...[, , , number]: [number, number, string[], number]) => void numbers.push(number);
  parser.execute(Buffer.from(`${method} ${method === 'CONNECT' ? 'a:1' : '/'} HTTP/1.1\r\n\r\n`));
  return numbers[0]!;
}
