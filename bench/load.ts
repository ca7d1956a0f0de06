import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathOf, type BenchCase } from './case.ts';
import { cipher } from './certificate.ts';
import { runToEnd } from './child.ts';
import { findCommand, nodeCommand, packageVersion, rootDir, versionOf, type Command } from './command.ts';

/** What the clients saw during one run. */
export interface LoadResult {
  readonly requests: number;
  readonly elapsedMs: number;
  /** As fast as the proxy lets them: a latency under full load, to be read with the requests per second. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms?: number;
  /** Answers that are not 2xx, and connections refused, broken or timed out. */
  readonly errors: number;
}

export interface LoadTool {
  readonly version: string;
  run(port: number, benchCase: BenchCase, seconds: number): Promise<LoadResult>;
}

/** wrk where it is installed. autocannon otherwise: it needs ten times the CPU, so fast proxies are not driven to their limit. */
export function loadTool(dir: string, cores: readonly number[]): LoadTool {
  const wrk = findCommand('wrk');
  return {
    version: wrk === undefined ? `autocannon ${packageVersion('autocannon')}` : `wrk ${versionOf(wrk, '-v')}`,
    async run(port, benchCase, seconds) {
      const url = `${benchCase.encrypted === true ? 'https' : 'http'}://127.0.0.1:${port}${pathOf(benchCase)}`;
      const command = wrk === undefined ? autocannonCommand(url, benchCase, seconds, dir) : wrkCommand(wrk, url, benchCase, seconds, dir);
      const stdout = await runToEnd(command, cores, (seconds + 20) * 1000);
      return wrk === undefined ? readAutocannon(stdout) : readWrk(stdout);
    },
  };
}

/** So many requests per second, whatever the proxy makes of it; what waits counts from when it was due. */
export function rateTool(ratePerSecond: number, cores: readonly number[]): LoadTool {
  return {
    version: 'bench/rate-load.ts',
    async run(port, benchCase, seconds) {
      const script = path.join(import.meta.dirname, 'rate-load.ts');
      const numbers = [port, benchCase.connections, ratePerSecond, seconds].map(String);
      const stdout = await runToEnd(nodeCommand(script, pathOf(benchCase), ...numbers), cores, (seconds + 20) * 1000);
      return JSON.parse(stdout) as LoadResult;
    },
  };
}

/** Values that requests take in turn: the name of the field and where the values stand. */
function turns({ cookies, hosts }: BenchCase, dir: string): string[] {
  const values = cookies ?? hosts;
  if (values === undefined) return [];
  const file = path.join(dir, 'values');
  writeFileSync(file, `${values.join('\n')}\n`);
  return [cookies === undefined ? 'Host' : 'Cookie', file];
}

function wrkCommand(file: string, url: string, benchCase: BenchCase, seconds: number, dir: string): Command {
  const { connections, method = 'GET', headers = {}, bodyBytes = 0 } = benchCase;
  const fields = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
  const script = ['-s', path.join(import.meta.dirname, 'wrk.lua')];
  const numbers = ['-t', '1', '-c', String(connections), '-d', `${seconds}s`, '--timeout', '10s'];
  const args = [...numbers, ...fields, ...script, url, '--', method, String(bodyBytes), ...turns(benchCase, dir)];
  if (benchCase.encrypted !== true) return { file, args };
  // wrk has no options for it, but its OpenSSL reads a file: all proxies are made to speak the same way.
  const settings = path.join(dir, 'openssl.cnf');
  writeFileSync(
    settings,
    `openssl_conf = all\n[all]\nssl_conf = ssl\n[ssl]\nsystem_default = tls\n[tls]\nMinProtocol = TLSv1.3\nCiphersuites = ${cipher}\n`,
  );
  return { file, args, env: { OPENSSL_CONF: settings } };
}

/** As wrk.lua prints it. */
type WrkResult = Record<
  'requests' | 'elapsedUs' | 'p50Us' | 'p99Us' | 'p999Us' | 'connect' | 'read' | 'write' | 'status' | 'timeout',
  number
>;

function readWrk(stdout: string): LoadResult {
  const line = stdout.split('\n').findLast((text) => text.startsWith('{'));
  if (line === undefined) throw new Error(`wrk printed no result:\n${stdout}`);
  const result: WrkResult = JSON.parse(line);
  return {
    requests: result.requests,
    elapsedMs: result.elapsedUs / 1000,
    p50Ms: result.p50Us / 1000,
    p99Ms: result.p99Us / 1000,
    p999Ms: result.p999Us / 1000,
    errors: result.connect + result.read + result.write + result.status + result.timeout,
  };
}

function autocannonCommand(url: string, benchCase: BenchCase, seconds: number, dir: string): Command {
  const { connections, method = 'GET', headers = {}, bodyBytes = 0, cookies, hosts, encrypted } = benchCase;
  if ((cookies ?? hosts ?? encrypted) !== undefined) throw new Error('this case needs wrk (bench/install-peers.sh)');
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
