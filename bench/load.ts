import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathOf, type BenchCase } from './case.ts';
import { runToEnd } from './child.ts';
import { findCommand, nodeCommand, packageVersion, rootDir, versionOf, type Command } from './command.ts';

/** What the clients saw during one run. */
export interface LoadResult {
  readonly requests: number;
  readonly elapsedMs: number;
  /** As fast as the proxy lets them: a latency under full load, to be read with the requests per second. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Answers that are not 2xx, and connections refused, broken or timed out. */
  readonly errors: number;
}

export interface LoadTool {
  readonly version: string;
  run(port: number, benchCase: BenchCase, seconds: number): Promise<LoadResult>;
}

/** wrk where it is installed. autocannon otherwise: it needs ten times the CPU, so fast proxies are not driven to their limit. */
export function loadTool(dir: string, core: number | undefined): LoadTool {
  const wrk = findCommand('wrk');
  return {
    version: wrk === undefined ? `autocannon ${packageVersion('autocannon')}` : `wrk ${versionOf(wrk, '-v')}`,
    async run(port, benchCase, seconds) {
      const url = `http://127.0.0.1:${port}${pathOf(benchCase)}`;
      const command = wrk === undefined ? autocannonCommand(url, benchCase, seconds, dir) : wrkCommand(wrk, url, benchCase, seconds, dir);
      const stdout = await runToEnd(command, core, (seconds + 20) * 1000);
      return wrk === undefined ? readAutocannon(stdout) : readWrk(stdout);
    },
  };
}

function wrkCommand(file: string, url: string, benchCase: BenchCase, seconds: number, dir: string): Command {
  const { connections, method = 'GET', headers = {}, bodyBytes = 0, cookies } = benchCase;
  const cookiesFile = path.join(dir, 'cookies');
  if (cookies !== undefined) writeFileSync(cookiesFile, `${cookies.join('\n')}\n`);
  const fields = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
  const script = path.join(import.meta.dirname, 'wrk.lua');
  const args = [
    '-t',
    '1',
    '-c',
    String(connections),
    '-d',
    `${seconds}s`,
    '--timeout',
    '10s',
    ...fields,
    '-s',
    script,
    url,
    '--',
    method,
    String(bodyBytes),
    ...(cookies === undefined ? [] : [cookiesFile]),
  ];
  return { file, args };
}

/** As wrk.lua prints it. */
type WrkResult = Record<'requests' | 'elapsedUs' | 'p50Us' | 'p99Us' | 'connect' | 'read' | 'write' | 'status' | 'timeout', number>;

function readWrk(stdout: string): LoadResult {
  const line = stdout.split('\n').findLast((text) => text.startsWith('{'));
  if (line === undefined) throw new Error(`wrk printed no result:\n${stdout}`);
  const result: WrkResult = JSON.parse(line);
  return {
    requests: result.requests,
    elapsedMs: result.elapsedUs / 1000,
    p50Ms: result.p50Us / 1000,
    p99Ms: result.p99Us / 1000,
    errors: result.connect + result.read + result.write + result.status + result.timeout,
  };
}

function autocannonCommand(url: string, benchCase: BenchCase, seconds: number, dir: string): Command {
  const { connections, method = 'GET', headers = {}, bodyBytes = 0, cookies } = benchCase;
  if (cookies !== undefined) throw new Error('autocannon cannot send cookies in turn; install wrk (bench/install-peers.sh)');
  const fields = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}=${value}`]);
  const bodyFile = path.join(dir, 'autocannon-body');
  if (bodyBytes > 0) writeFileSync(bodyFile, 'x'.repeat(bodyBytes));
  const body = bodyBytes > 0 ? ['-i', bodyFile] : [];
  const script = path.join(rootDir, 'node_modules', 'autocannon', 'autocannon.js');
  return nodeCommand(script, '-j', '-n', '-c', String(connections), '-d', String(seconds), '-m', method, ...fields, ...body, url);
}

/** What we read of what it prints. */
interface AutocannonResult {
  readonly requests: { readonly total: number };
  readonly latency: { readonly p50: number; readonly p99: number };
  /** Seconds. */
  readonly duration: number;
  /** Timeouts included. */
  readonly errors: number;
  readonly non2xx: number;
}

function readAutocannon(stdout: string): LoadResult {
  const result: AutocannonResult = JSON.parse(stdout);
  return {
    requests: result.requests.total,
    elapsedMs: result.duration * 1000,
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
    errors: result.errors + result.non2xx,
  };
}
