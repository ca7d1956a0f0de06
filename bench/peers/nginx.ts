import { writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { hostOf, targetsPerService } from '../case.ts';
import { cipher, writeCertificate } from '../certificate.ts';
import { findCommand, versionOf } from '../command.ts';
import type { Peer, PeerSetup } from '../peer.ts';

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

/** It passes uploads on as they come, as all the others do; by default it takes the whole upload first, into a file where it is large. */
export const nginxUnbuffered: Peer = {
  ...peerWith('nginx-unbuffered', 'proxy_request_buffering off; client_body_buffer_size 64k;'),
  takesPart: ({ bodyBytes = 0 }) => bodyBytes > 0,
};

function peerWith(name: string, buffers: string): Peer {
  return {
    name,
    find() {
      const file = findCommand('nginx');
      return file === undefined ? { missing: 'not installed: bench/install-peers.sh' } : { version: versionOf(file, '-v') };
    },
    async prepare(setup) {
      const configFile = path.join(setup.dir, 'nginx.conf');
      writeFileSync(configFile, nginxFrame(setup.dir, proxyConfig(setup, buffers), setup.benchCase.accessLog));
      return { file: findCommand('nginx') ?? 'nginx', args: ['-e', 'stderr', '-p', setup.dir, '-c', configFile] };
    },
  };
}

/** What every nginx of the bench shares: one worker, no logs unless the case is about them, no end to a connection, no file outside `dir`. */
export function nginxFrame(dir: string, http: string, accessLog = false): string {
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
    access_log ${accessLog ? path.join(dir, 'access.log') : 'off'};
    default_type text/plain;
    # The default closes every connection after 1000 requests, which none of the others does.
    keepalive_requests 1000000000;
    keepalive_timeout 600s;
    client_max_body_size 0;
    ${http}
  }`;
}

function proxyConfig({ port, originPort, dir, benchCase }: PeerSetup, buffers: string): string {
  const { services, encrypted = false } = benchCase;
  const listen = `listen 127.0.0.1:${port}${encrypted ? ' ssl' : ''}`;
  const servers = Array.from({ length: services ?? 1 }, (_, service) => {
    const name = services === undefined ? '_' : hostOf(service);
    // What is said of the socket itself may be said once.
    return `
    upstream origin${service} {
      ${`server 127.0.0.1:${originPort}; `.repeat(services === undefined ? 1 : targetsPerService)}
      keepalive ${services === undefined ? 1024 : 64};
      keepalive_requests 1000000000;
      keepalive_timeout 600s;
    }
    server {
      ${listen}${service === 0 ? ' backlog=4096' : ''};
      server_name ${name};
      location / { proxy_pass http://origin${service}; }
    }`;
  });
  const certificate = encrypted ? writeCertificate(dir) : undefined;
  return `
    ${certificate === undefined ? '' : `ssl_certificate ${certificate.cert}; ssl_certificate_key ${certificate.key};`}
    ssl_protocols TLSv1.3;
    ssl_conf_command Ciphersuites ${cipher};
    server_names_hash_max_size 8192;
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
    ${servers.join('')}`;
}
