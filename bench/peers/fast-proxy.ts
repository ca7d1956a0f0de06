// The peer, and its server when started by itself: `node bench/peers/fast-proxy.ts PORT ORIGIN_PORT`.
import http from 'node:http';
import process from 'node:process';
import { nodeCommand, packageVersion } from '../command.ts';
import { isPlainHttp, type Peer } from '../peer.ts';

export const fastProxyPeer: Peer = {
  name: 'fast-proxy',
  isSlow: true,
  takesPart: isPlainHttp,
  find() {
    const version = packageVersion('fast-proxy');
    return version === undefined ? { missing: 'not installed: npm ci (a development dependency)' } : { version };
  },
  async prepare({ port, originPort }) {
    return nodeCommand(import.meta.filename, String(port), String(originPort));
  },
};

async function serve(port: number, originPort: number): Promise<void> {
  const { default: fastProxy } = await import('fast-proxy');
  const origin = fastProxy({
    base: `http://127.0.0.1:${originPort}`,
    // Its other client, node:http, costs a third more.
    undici: { connections: 1024, pipelining: 1 },
  });
  const options = {
    // It sets X-Forwarded-Host itself.
    rewriteRequestHeaders: (req: http.IncomingMessage, headers: http.IncomingHttpHeaders): http.IncomingHttpHeaders => {
      headers['x-forwarded-for'] = req.socket.remoteAddress ?? '';
      headers['x-forwarded-proto'] = 'http';
      headers['via'] = '1.1 fast-proxy';
      return headers;
    },
  };
  http.createServer((req, res) => origin.proxy(req, res, req.url ?? '/', options)).listen({ port, host: '127.0.0.1', backlog: 4096 });
}

if (import.meta.main) await serve(Number(process.argv[2]), Number(process.argv[3]));
