// The peer, and its server when started by itself: `node bench/peers/http-proxy-3.ts PORT ORIGIN_PORT`.
import http from 'node:http';
import process from 'node:process';
import { nodeCommand, packageVersion } from '../command.ts';
import { isPlainHttp, type Peer } from '../peer.ts';

export const httpProxy3: Peer = {
  name: 'http-proxy-3',
  isSlow: true,
  takesPart: isPlainHttp,
  find() {
    const version = packageVersion('http-proxy-3');
    return version === undefined ? { missing: 'not installed: npm ci' } : { version };
  },
  async prepare({ port, originPort }) {
    return nodeCommand(import.meta.filename, String(port), String(originPort));
  },
};

async function serve(port: number, originPort: number): Promise<void> {
  const { createProxyServer } = await import('http-proxy-3');
  const proxy = createProxyServer({
    target: `http://127.0.0.1:${originPort}`,
    // Without an agent it opens a connection per request.
    agent: new http.Agent({ keepAlive: true, maxFreeSockets: 1024 }),
    xfwd: true,
    headers: { via: '1.1 http-proxy-3' },
  });
  proxy.on('error', (_error, _req, res) => {
    if ('writeHead' in res && !res.headersSent) res.writeHead(502);
    res.end();
  });
  http.createServer((req, res) => proxy.web(req, res)).listen({ port, host: '127.0.0.1', backlog: 4096 });
}

if (import.meta.main) await serve(Number(process.argv[2]), Number(process.argv[3]));
