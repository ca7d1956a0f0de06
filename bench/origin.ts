import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { BenchCase } from './case.ts';
import { freePort, startChild, type Child } from './child.ts';
import { findCommand, nodeCommand, versionOf, type Command } from './command.ts';
import { nginxFrame } from './peers/nginx.ts';

/**
 * What the proxies proxy to, as cheap as it can be made, for it shares its core with the load tool. It serves:
 * - `/bytes/N` for every N asked for: a body of N bytes, as `bodyOf` gives it;
 * - `/forwarded`: what the proxy told it, one `name: value` per line, and the number of requests this connection has carried.
 */
export interface Origin {
  readonly port: number;
  readonly version: string;
  readonly child: Child;
}

export const forwardedPath = '/forwarded';
export const forwardedNames = ['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'via'] as const;

/**
 * nginx where it is installed; a small server of ours otherwise, and where a case uploads: nginx's `return` answers before it has read
 * the body, and what proxies make of early answers is another question.
 */
export async function startOrigin(dir: string, cases: readonly BenchCase[], core: number | undefined): Promise<Origin> {
  const port = await freePort();
  const nginx = cases.some((one) => (one.bodyBytes ?? 0) > 0) ? undefined : findCommand('nginx');
  const sizes = cases.map((one) => one.answerBytes);
  const command = nginx === undefined ? nodeOrigin(port) : nginxOrigin(nginx, dir, port, sizes);
  const child = startChild(command, core, path.join(dir, 'output.log'));
  await child.answers(port, forwardedPath);
  return { port, version: nginx === undefined ? 'node:net' : `nginx ${versionOf(nginx, '-v')}`, child };
}

/** Not constant, so that a proxy that mixes up parts of a body is found out. */
export function bodyOf(bytes: number): string {
  return 'The gate is open, and the river does not stop.\n'.repeat(Math.ceil(bytes / 47)).slice(0, bytes);
}

function nodeOrigin(port: number): Command {
  return nodeCommand(path.join(import.meta.dirname, 'origin-server.ts'), String(port));
}

function nginxOrigin(file: string, dir: string, port: number, sizes: readonly number[]): Command {
  const locations = [...new Set(sizes)].map((size) => {
    if (size <= 1024) return `location = /bytes/${size} { return 200 "${bodyOf(size)}"; }`;
    writeFileSync(path.join(dir, `${size}.txt`), bodyOf(size));
    return `location = /bytes/${size} { alias ${path.join(dir, `${size}.txt`)}; }`;
  });
  const forwarded = forwardedNames.map((name) => `${name}: $http_${name.replaceAll('-', '_')}\n`).join('');
  const config = nginxFrame(
    dir,
    `
    sendfile on;
    open_file_cache max=16 inactive=1h;
    server {
      listen 127.0.0.1:${port} backlog=4096;
      ${locations.join('\n      ')}
      location = ${forwardedPath} { return 200 "${forwarded}requests: $connection_requests\n"; }
    }`,
  );
  const configFile = path.join(dir, 'nginx.conf');
  writeFileSync(configFile, config);
  return { file, args: ['-e', 'stderr', '-p', dir, '-c', configFile] };
}
