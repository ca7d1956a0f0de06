import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { findCommand, versionOf } from '../command.ts';
import type { Peer } from '../peer.ts';

export const haproxy: Peer = {
  name: 'haproxy',
  find() {
    const file = findCommand('haproxy');
    return file === undefined ? { missing: 'not installed: bench/install-peers.sh' } : { version: versionOf(file, '-v') };
  },
  async prepare({ port, originPort, dir }) {
    const configFile = path.join(dir, 'haproxy.cfg');
    writeFileSync(configFile, config(port, originPort));
    return { file: findCommand('haproxy') ?? 'haproxy', args: ['-db', '-f', configFile] };
  },
};

function config(port: number, originPort: number): string {
  return `
global
  nbthread 1
  maxconn 8192
defaults
  mode http
  option http-keep-alive
  # Any idle connection may carry any request, as with all the others.
  http-reuse always
  timeout connect 5s
  timeout client 600s
  timeout server 600s
  timeout http-keep-alive 600s
frontend web
  bind 127.0.0.1:${port} backlog 4096
  option forwardfor
  http-request set-header X-Forwarded-Proto http
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  http-request set-header Via "1.1 haproxy"
  default_backend origin
backend origin
  server origin 127.0.0.1:${originPort}
`;
}
