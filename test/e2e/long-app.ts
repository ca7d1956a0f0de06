import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'vitest';
import { WebSocketServer } from 'ws';

/**
 * What streams are like. `sized` and `chunked` are downloads that say, or do not say, how long they are; `events` is a stream of events,
 * which may end anywhere.
 */
export type StreamKind = 'sized' | 'chunked' | 'events';

/** Longer than any test lets a download come. */
const sizeOfDownload = 1_000_000;

/** An application whose answers take as long as the test wants: WebSockets, downloads, events, and requests that wait. */
export interface LongApp {
  readonly url: string;
  /** How its WebSockets were closed, as it was told. */
  readonly closeCodes: readonly number[];
  /** How many requests to `/hold` it has not answered. */
  readonly held: number;
  /** Sends each stream that is open its next piece. */
  feed(): void;
  /** Answers every request to `/hold` that has come. */
  answerHeld(): void;
}

interface Stream {
  readonly kind: StreamKind;
  readonly number: number;
  readonly response: ServerResponse;
  pieces: number;
}

/** The next piece of a stream: one byte of a download, or one event. No two downloads are alike. */
export function pieceOf(kind: StreamKind, number: number, index: number): Buffer {
  return kind === 'events' ? Buffer.from(`data: ${number} ${index}\n\n`) : Buffer.of((number * 31 + index * 7) & 255);
}

/** Starts one that answers plain requests with its name, and echoes what it hears by WebSocket. */
export async function startLongApp(t: Pick<TestContext, 'onTestFinished'>, name: string): Promise<LongApp> {
  const streams = new Set<Stream>();
  const held = new Set<ServerResponse>();
  const closeCodes: number[] = [];

  const server = createServer({ keepAliveTimeout: 0, requestTimeout: 0 }, (request, response) => {
    // What stands before that is for the routes.
    const [path, number] = request.url!.split('/').slice(-2);
    if (number === 'hold') hold(response, held);
    else if (path === 'sized' || path === 'chunked' || path === 'events') begin(path, Number(number), response, streams);
    else response.end(name);
  });
  const webSockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  server.on('upgrade', (request: IncomingMessage, socket, head) => {
    webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      webSocket.on('message', (message, isBinary) => webSocket.send(message, { binary: isBinary }));
      webSocket.on('close', (code) => closeCodes.push(code));
      webSocket.on('error', () => {});
    });
  });
  await new Promise<void>((resolve) => server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, resolve));
  t.onTestFinished(() => {
    for (const webSocket of webSockets.clients) webSocket.terminate();
    server.closeAllConnections();
    server.close();
  });

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    closeCodes,
    get held() {
      return held.size;
    },
    feed() {
      for (const stream of streams) stream.response.write(pieceOf(stream.kind, stream.number, stream.pieces++));
    },
    answerHeld() {
      for (const response of held) response.end('finished');
    },
  };
}

function hold(response: ServerResponse, held: Set<ServerResponse>): void {
  held.add(response);
  response.on('close', () => held.delete(response));
}

function begin(kind: StreamKind, number: number, response: ServerResponse, streams: Set<Stream>): void {
  const stream = { kind, number, response, pieces: 0 };
  streams.add(stream);
  response.on('close', () => streams.delete(stream));
  response.on('error', () => {});
  response.writeHead(200, {
    'content-type': kind === 'events' ? 'text/event-stream' : 'application/octet-stream',
    ...(kind === 'sized' ? { 'content-length': sizeOfDownload } : {}),
  });
  response.flushHeaders();
}
