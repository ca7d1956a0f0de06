import { writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { findCommand, versionOf } from '../command.ts';
import type { Peer } from '../peer.ts';

/** With the buffers it comes with: eight of 4 KiB (a page) per connection. */
export const nginx: Peer = peerWith('nginx', '');

/**
 * With buffers as large as one read of Node's (64 KiB), at half a MiB per connection: what somebody who serves large answers would set,
 * at less than half the CPU time. A small answer fits either, so it takes no part in that.
 */
export const nginxLargeBuffers: Peer = {
  ...peerWith('nginx-64k', 'proxy_buffer_size 64k; proxy_buffers 8 64k; proxy_busy_buffers_size 256k;'),
  takesPart: ({ answerBytes }) => answerBytes >= 16 * 1024,
};

function peerWith(name: string, buffers: string): Peer {
  return {
    name,
    find() {
      const file = findCommand('nginx');
      return file === undefined ? { missing: 'not installed: bench/install-peers.sh' } : { version: versionOf(file, '-v') };
    },
    async prepare({ port, originPort, dir }) {
      const configFile = path.join(dir, 'nginx.conf');
      writeFileSync(configFile, nginxFrame(dir, proxyConfig(port, originPort, buffers)));
      return { file: findCommand('nginx') ?? 'nginx', args: ['-e', 'stderr', '-p', dir, '-c', configFile] };
    },
  };
}

/** What every nginx of the bench shares: one worker, no logs, no end to a connection, no file outside `dir`. */
export function nginxFrame(dir: string, http: string): string {
  const tempPaths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${path.join(dir, kind)};`);
  return `
  daemon off;
  worker_processes 1;
  pid ${path.join(dir, 'nginx.pid')};
  # Started by root, workers would become nobody, who may not read our directory.
  ${process.getuid?.() === 0 ? 'user root;' : ''}
  events { worker_connections 16384; }
  http {
    ${tempPaths.join(' ')}
    access_log off;
    default_type text/plain;
    # The default closes every connection after 1000 requests, which none of the others does.
    keepalive_requests 1000000000;
    keepalive_timeout 600s;
    client_max_body_size 0;
    ${http}
  }`;
}

function proxyConfig(port: number, originPort: number, buffers: string): string {
  return `
    upstream origin {
      server 127.0.0.1:${originPort};
      keepalive 1024;
      keepalive_requests 1000000000;
      keepalive_timeout 600s;
    }
    server {
      listen 127.0.0.1:${port} backlog=4096;
      location / {
        proxy_pass http://origin;
        # Without these two lines nginx speaks HTTP/1.0 and opens a connection per request.
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header Host $http_host;
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_set_header X-Forwarded-Host $http_host;
        proxy_set_header Via "1.1 nginx";
        # The default spills what a client does not read at once to a file; nobody else does that.
        proxy_max_temp_file_size 0;
        ${buffers}
      }
    }`;
}
