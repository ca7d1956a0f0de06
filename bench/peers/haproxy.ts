import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { cipher, writeCertificate } from '../certificate.ts';
import { findCommand, versionOf } from '../command.ts';
import type { Peer, PeerSetup } from '../peer.ts';

export const haproxy: Peer = {
  name: 'haproxy',
  // It reserves two descriptors per connection, more than a machine usually allows for so many idle ones.
  takesPart: ({ services, idleConnections }) => services === undefined && idleConnections === undefined,
  find() {
    const file = findCommand('haproxy');
    return file === undefined ? { missing: 'not installed: bench/install-peers.sh' } : { version: versionOf(file, '-v') };
  },
  async prepare(setup) {
    const configFile = path.join(setup.dir, 'haproxy.cfg');
    writeFileSync(configFile, config(setup));
    return { file: findCommand('haproxy') ?? 'haproxy', args: ['-db', '-f', configFile] };
  },
};

function config({ port, originPort, dir, benchCase }: PeerSetup): string {
  const { encrypted = false, accessLog = false } = benchCase;
  const tls = encrypted ? ` ssl crt ${writeCertificate(dir).both} ssl-min-ver TLSv1.3 ciphersuites ${cipher} alpn http/1.1` : '';
  return `
global
  nbthread 1
  maxconn 8192
  ${accessLog ? 'log stdout format raw local0' : ''}
defaults
  mode http
  ${accessLog ? 'log global\n  option httplog' : ''}
  option http-keep-alive
  # Any idle connection may carry any request, as with all the others.
  http-reuse always
  timeout connect 5s
  timeout client 600s
  timeout server 600s
  timeout http-keep-alive 600s
frontend web
  bind 127.0.0.1:${port} backlog 4096${tls}
  option forwardfor
  http-request set-header X-Forwarded-Proto ${encrypted ? 'https' : 'http'}
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  http-request set-header Via "1.1 haproxy"
  default_backend origin
backend origin
  server origin 127.0.0.1:${originPort}
`;
}
