/** The targets of the account of stale connections, in a thread of their own: what they close does not wait for what the proxy does. */
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { parentPort } from 'node:worker_threads';

/** How a target closes what is idle. `http`: as node:http does. `raw`: exactly so long after the last byte that it sent. */
export type Closing = 'http' | 'raw';

/** What they are asked: to listen, or what they have seen. */
export type Ask = { readonly listen: { readonly closing: Closing; readonly idleMs: number } } | 'account';

/** What they say to that. */
export interface Seen {
  /** Different requests. */
  readonly requests: number;
  /** Requests that came more than once. */
  readonly twice: number;
  readonly connections: number;
  /** Connections that they closed as idle. */
  readonly closed: number;
}

const times = new Map<string, number>();
let connections = 0;
let closed = 0;

/** @param path begins every request */
function note(path: string): void {
  times.set(path, (times.get(path) ?? 0) + 1);
}

/** Says nothing of its time-out: who sets Connection is not given a Keep-Alive beside it. */
function httpTarget(idleMs: number): Server {
  const server = createHttpServer({ keepAliveTimeout: idleMs, keepAliveTimeoutBuffer: 0 }, (incoming, outgoing) => {
    note(incoming.url!);
    incoming.resume().once('end', () => outgoing.setHeader('connection', 'keep-alive').end('ok'));
  });
  return server.on('timeout', (socket: Socket) => {
    closed++;
    socket.destroy();
  });
}

function rawTarget(idleMs: number): Server {
  return createServer({ noDelay: true }, (socket) => {
    let text = '';
    let timer: NodeJS.Timeout | undefined;
    socket.on('error', () => {});
    socket.on('close', () => clearTimeout(timer));
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      const end = text.indexOf('\r\n\r\nx');
      if (end < 0) return;
      clearTimeout(timer);
      note(text.split(' ')[1]!);
      text = text.slice(end + 5);
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
      timer = setTimeout(() => {
        closed++;
        socket.destroy();
      }, idleMs);
    });
  });
}

parentPort?.on('message', (ask: Ask) => {
  if (ask === 'account') {
    const twice = [...times.values()].filter((count) => count > 1).length;
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin.
    parentPort!.postMessage({ requests: times.size, twice, connections, closed } satisfies Seen);
    return;
  }
  const { closing, idleMs } = ask.listen;
  const server = closing === 'http' ? httpTarget(idleMs) : rawTarget(idleMs);
  server.on('connection', () => connections++);
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin.
  server.listen(0, '127.0.0.1', () => parentPort!.postMessage((server.address() as AddressInfo).port));
});
