import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'vitest';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';
import type { Issued } from '../support/certificates.ts';

/** Longer messages come back in parts. */
const inPartsBytes = 100_000;

/** An application that says back what it hears by WebSocket, and closes with what it is told to close with. */
export interface SocketApp {
  readonly name: string;
  readonly url: string;
  /** By path of the handshake. */
  readonly sockets: ReadonlyMap<string, WebSocket>;
  /** How each was closed, as it was told: code and reason, by path. */
  readonly closings: ReadonlyMap<string, string>;
  /** Messages and pings heard so far. */
  readonly heard: number;
  readonly pings: number;
  /** Pings each of its clients, and resolves when all have answered, each with what its ping said. */
  pingAll(): Promise<void>;
}

/** What tells the application to close, as text; binary messages are never understood. */
export function closeCommand(code: number, reason: string): string {
  return `close ${code} ${reason}`;
}

/** Starts one. With a certificate it speaks HTTPS. Its handshakes say its name in `x-app`. */
export async function startSocketApp(t: Pick<TestContext, 'onTestFinished'>, name: string, certificate?: Issued): Promise<SocketApp> {
  const sockets = new Map<string, WebSocket>();
  const closings = new Map<string, string>();
  let heard = 0;
  let pings = 0;
  const server = certificate === undefined ? createServer() : createTlsServer({ cert: certificate.cert, key: certificate.key });
  const webSockets = new WebSocketServer({ server, perMessageDeflate: { threshold: 0 } });
  webSockets.on('headers', (headers) => headers.push(`x-app: ${name}`));
  webSockets.on('connection', (socket, request) => {
    const path = request.url!;
    sockets.set(path, socket);
    socket.on('error', () => {});
    socket.on('ping', () => pings++);
    socket.on('close', (code, reason) => {
      sockets.delete(path);
      closings.set(path, `${code} ${reason.toString()}`.trim());
    });
    socket.on('message', (message, isBinary) => {
      heard++;
      answer(socket, message, isBinary);
    });
  });
  await new Promise<void>((resolve) => server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, resolve));
  t.onTestFinished(() => {
    for (const socket of webSockets.clients) socket.terminate();
    server.closeAllConnections();
    server.close();
  });
  return {
    name,
    url: `${certificate === undefined ? 'http' : 'https'}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    sockets,
    closings,
    get heard() {
      return heard;
    },
    get pings() {
      return pings;
    },
    async pingAll() {
      await Promise.all([...sockets].map(([path, socket]) => ping(socket, path)));
    },
  };
}

/** Resolves when the answer to exactly this ping has come. */
export function ping(socket: WebSocket, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('pong', (said) => {
      if (said.toString() === text) resolve();
      else reject(new Error(`a ping with ${text} was answered with ${said.toString()}`));
    });
    socket.once('close', () => reject(new Error(`closed before the ping with ${text} was answered`)));
    socket.ping(text);
  });
}

function answer(socket: WebSocket, message: RawData, isBinary: boolean): void {
  const bytes = message as Buffer;
  const [, code, reason] = isBinary || bytes.length > 200 ? [] : (/^close (\d+) (.*)$/s.exec(bytes.toString()) ?? []);
  if (code !== undefined) socket.close(Number(code), reason);
  else sendInParts(socket, bytes, isBinary, bytes.length > inPartsBytes ? 3 : 1);
}

/** Sends a message in so many frames. */
export function sendInParts(socket: WebSocket, bytes: Buffer, binary: boolean, parts: number): void {
  const size = Math.ceil(bytes.length / parts);
  for (let part = 1; part <= parts; part++) socket.send(bytes.subarray((part - 1) * size, part * size), { binary, fin: part === parts });
}
