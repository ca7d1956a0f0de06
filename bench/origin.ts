import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathOf, type BenchCase } from './case.ts';
import { freePort, startChild, type Child } from './child.ts';
import { findCommand, nodeCommand, versionOf, type Command } from './command.ts';
import { exchange } from './exchange.ts';
import { nginxFrame } from './peers/nginx.ts';

/**
 * What the proxies proxy to, as cheap as it can be made, for it shares its core with the load tool. It serves:
 * - `/bytes/N` for every N asked for: a body of N bytes, as `bodyOf` gives it;
 * - `/bytes/N/fields/M`: the same with M more fields;
 * - `/forwarded`: what the proxy told it, one `name: value` per line, and the number of requests this connection has carried.
 */
export interface Origin {
  readonly port: number;
  readonly version: string;
  readonly child: Child;
}

export const forwardedPath = '/forwarded';
/** The last of the fields that a case may send, told at `forwardedPath` too. */
export const lastFieldName = 'x-bench-last';
export const forwardedNames = ['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'via'] as const;

/** nginx where it is installed, and a small server of ours otherwise. */
export async function startOrigin(dir: string, cases: readonly BenchCase[], core: number | undefined): Promise<Origin> {
  const nginx = findCommand('nginx');
  if (nginx === undefined) return startUploadOrigin(dir, core);
  const port = await freePort();
  const child = startChild(nginxOrigin(nginx, dir, port, cases), core === undefined ? [] : [core], path.join(dir, 'output.log'));
  await child.ready(() => isServing(port));
  return { port, version: `nginx ${versionOf(nginx, '-v')}`, child };
}

/**
 * For cases that upload: nginx's `return` answers before it has read the body, and what proxies make of early answers is another question.
 */
export async function startUploadOrigin(dir: string, core: number | undefined): Promise<Origin> {
  const port = await freePort();
  const command = nodeCommand(path.join(import.meta.dirname, 'origin-server.ts'), String(port));
  const child = startChild(command, core === undefined ? [] : [core], path.join(dir, 'upload-origin.log'));
  await child.ready(() => isServing(port));
  return { port, version: 'node:net', child };
}

async function isServing(port: number): Promise<boolean> {
  return (await exchange({ port, path: forwardedPath, headers: { connection: 'close' }, timeout: 1000 }, false)).status === 200;
}

export function answerFieldName(index: number): string {
  return `x-answer-field-${index}`;
}

export function answerFieldValue(index: number): string {
  return 'what an application says besides'.slice(0, 8 + (index % 24));
}

/** Not constant, so that a proxy that mixes up parts of a body is found out. */
export function bodyOf(bytes: number): string {
  return 'The gate is open, and the river does not stop.\n'.repeat(Math.ceil(bytes / 47)).slice(0, bytes);
}

function nginxOrigin(file: string, dir: string, port: number, cases: readonly BenchCase[]): Command {
  const locations = new Map(cases.map((benchCase) => [pathOf(benchCase), locationOf(benchCase, dir)]));
  const forwarded = [...forwardedNames, lastFieldName].map((name) => `${name}: $http_${name.replaceAll('-', '_')}\n`).join('');
  const config = nginxFrame(
    dir,
    `
    sendfile on;
    open_file_cache max=16 inactive=1h;
    server {
      listen 127.0.0.1:${port} backlog=4096;
      ${[...locations.values()].join('\n      ')}
      location = ${forwardedPath} { return 200 "${forwarded}requests: $connection_requests\n"; }
    }`,
  );
  const configFile = path.join(dir, 'nginx.conf');
  writeFileSync(configFile, config);
  return { file, args: ['-e', 'stderr', '-p', dir, '-c', configFile] };
}

function locationOf(benchCase: BenchCase, dir: string): string {
  const { answerBytes, answerFields = 0 } = benchCase;
  const fields = Array.from({ length: answerFields }, (_, index) => `add_header ${answerFieldName(index)} "${answerFieldValue(index)}";`);
  if (answerBytes <= 1024) return `location = ${pathOf(benchCase)} { ${fields.join(' ')} return 200 "${bodyOf(answerBytes)}"; }`;
  const bodyFile = path.join(dir, `${answerBytes}.txt`);
  writeFileSync(bodyFile, bodyOf(answerBytes));
  return `location = ${pathOf(benchCase)} { ${fields.join(' ')} alias ${bodyFile}; }`;
}
