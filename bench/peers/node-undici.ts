// The peer, and its server when started by itself: `node bench/peers/node-undici.ts PORT ORIGIN_PORT`.
// The proxy one writes in an afternoon with what Node brings, as lean as its documented parts allow.
import http from 'node:http';
import process from 'node:process';
import type { Client, Dispatcher } from 'undici';
import { nodeCommand, packageVersion } from '../command.ts';
import { isPlainHttp, type Peer } from '../peer.ts';

export const nodeUndici: Peer = {
  name: 'node-undici',
  isSlow: true,
  takesPart: isPlainHttp,
  find() {
    const version = packageVersion('undici');
    return version === undefined ? { missing: 'not installed: npm ci' } : { version };
  },
  async prepare({ port, originPort }) {
    return nodeCommand(import.meta.filename, String(port), String(originPort));
  },
};

const hopByHop = new Set(['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade']);

async function serve(port: number, originPort: number): Promise<void> {
  const undici = await import('undici');
  const originUrl = `http://127.0.0.1:${originPort}`;
  // A stack of clients, one connection each. undici's own Pool looks for a free one from the start of its list: 10% of the whole cost.
  const idle: Client[] = [];
  const server = http.createServer((req, res) => {
    const headers = endToEnd(req.rawHeaders);
    headers.push('x-forwarded-for', req.socket.remoteAddress ?? '', 'x-forwarded-proto', 'http');
    headers.push('x-forwarded-host', req.headers.host ?? '', 'via', '1.1 node');
    const hasBody = req.headers['content-length'] !== undefined || req.headers['transfer-encoding'] !== undefined;
    const client = idle.pop() ?? new undici.Client(originUrl, { pipelining: 1, allowH2: false });
    client.dispatch(
      { path: req.url ?? '/', method: req.method ?? 'GET', headers, body: hasBody ? req : null },
      new Relay(res, () => idle.push(client)),
    );
  });
  server.listen({ port, host: '127.0.0.1', backlog: 4096 });
}

/** Hands the origin's answer to the client as it comes, at the client's pace. */
class Relay implements Dispatcher.DispatchHandler {
  readonly #res: http.ServerResponse;
  readonly #release: () => void;

  constructor(res: http.ServerResponse, release: () => void) {
    this.#res = res;
    this.#release = release;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#res.on('close', () => {
      if (!this.#res.writableFinished) controller.abort(new Error('the client went away'));
    });
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: http.IncomingHttpHeaders): void {
    for (const name of hopByHop) delete headers[name];
    this.#res.writeHead(status, headers);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#res.write(chunk)) return;
    controller.pause();
    this.#res.once('drain', () => controller.resume());
  }

  onResponseEnd(): void {
    this.#res.end();
    this.#release();
  }

  onResponseError(): void {
    if (this.#res.headersSent) this.#res.destroy();
    else this.#res.writeHead(502).end();
    this.#release();
  }
}

function endToEnd(rawHeaders: readonly string[]): string[] {
  const kept: string[] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? '';
    if (!hopByHop.has(name.toLowerCase())) kept.push(name, rawHeaders[i + 1] ?? '');
  }
  return kept;
}

if (import.meta.main) await serve(Number(process.argv[2]), Number(process.argv[3]));
