/**
 * A program behind the proxy that can be made ill. As a process of its own (`ill-app.ts NAME PORT LEDGER`) it serves, obeys what its parent
 * tells it, and ends with it.
 */
import { openSync, writeSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/**
 * - `well`
 * - `slow`: answers after {@link slowMs}
 * - `too slow`: answers after {@link tooSlowMs}
 * - `sick`: fails its probes, and serves all the same
 * - `refusing`: its port is closed, its connections are broken
 * - `resetting`: breaks the connection when it has a request, before a byte of an answer
 * - `resetting mid-body`: the same after half of the answer
 * - `closing`: closes each connection behind its answer without having said so
 */
export type Mood = 'well' | 'slow' | 'too slow' | 'sick' | 'refusing' | 'resetting' | 'resetting mid-body' | 'closing';

/** How long a request takes where nothing is wrong, so that there are always some on their way when something happens. */
const workMs = 8;
/** Below the time-out that the tests configure. */
const slowMs = 100;
/** Above it. */
const tooSlowMs = 3000;
const answerBytes = 8192;

/** What the target answers to a request, and nobody else to any other. */
export function bodyOf(target: string, id: string): string {
  const line = `${target} answers ${id}\n`;
  return line.repeat(Math.ceil(answerBytes / line.length)).slice(0, answerBytes);
}

/** What is posted under an id. */
export function uploadOf(id: string): string {
  return `order ${id}\n`.repeat(64);
}

/** Half of the answers are chunked, because the two codings show in different ways that something is missing. */
export function isChunked(id: string): boolean {
  return Number(id) % 2 === 1;
}

/** From the parent. */
export interface Order {
  readonly mood: Mood;
}

/** To the parent: it listens there, or has obeyed. */
export type Word = { readonly port: number } | { readonly mood: Mood };

if (import.meta.main) serve(process.argv[2]!, Number(process.argv[3]), process.argv[4]!);

function serve(name: string, port: number, ledgerFile: string): void {
  const ledger = openSync(ledgerFile, 'a');
  const say = (word: Word) => void process.send!(word);
  const sockets = new Set<Socket>();
  let mood: Mood = 'well';
  // The order is written down before it is answered, in one system call: not even SIGKILL can come between.
  const app = createApp(
    name,
    () => mood,
    (line) => void writeSync(ledger, `${line}\n`),
  );
  const server = createServer({ keepAliveTimeout: 0 }, app);
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  const listen = (then: () => void) => server.listen({ port, host: '127.0.0.1' }, then);
  process.on('message', ({ mood: next }: Order) => {
    const wasRefusing = mood === 'refusing';
    mood = next;
    if (next === 'refusing') {
      server.close();
      for (const socket of sockets) socket.resetAndDestroy();
      say({ mood });
    } else if (wasRefusing) listen(() => say({ mood }));
    else say({ mood });
  });
  process.once('disconnect', () => process.exit());
  listen(() => say({ port }));
}

function createApp(name: string, moodNow: () => Mood, write: (line: string) => void) {
  return (request: IncomingMessage, response: ServerResponse): void => {
    if (request.url === '/healthz') {
      response.writeHead(moodNow() === 'sick' ? 503 : 200, { 'content-length': '0' }).end();
      return;
    }
    const id = request.url!.slice(request.url!.lastIndexOf('/') + 1);
    let upload = '';
    request.setEncoding('latin1').on('data', (text: string) => (upload += text));
    request.on('end', () => {
      if (request.method === 'POST') write(`${id} ${upload === uploadOf(id) ? 'whole' : 'broken'}`);
      work(moodNow(), () => answer(response, name, id, moodNow()));
    });
  };
}

function work(mood: Mood, then: () => void): void {
  setTimeout(then, mood === 'slow' ? slowMs : mood === 'too slow' ? tooSlowMs : workMs);
}

function answer(response: ServerResponse, name: string, id: string, mood: Mood): void {
  const socket = response.socket;
  if (socket === null || socket.destroyed) return;
  if (mood === 'resetting') {
    socket.resetAndDestroy();
    return;
  }
  const body = bodyOf(name, id);
  response.writeHead(200, isChunked(id) ? {} : { 'content-length': String(body.length) });
  if (mood === 'resetting mid-body') {
    // The first half is given time to be on its way: a reset overtakes what was not sent yet.
    response.write(body.slice(0, body.length / 2), () => setTimeout(() => socket.resetAndDestroy(), workMs));
    return;
  }
  response.end(body, () => {
    if (mood === 'closing') socket.end();
  });
}
