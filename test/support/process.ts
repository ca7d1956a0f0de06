/**
 * The real thing: `sluice` as a process, or several. Nothing outlives the test that started it, not even what a killed supervisor left
 * behind: each start is a process group of its own, and the group is killed at the end.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Agent, request } from 'undici';
import { type TestContext, vi } from 'vitest';
import type { Status } from '../../admin-api/status.ts';
import type { Json, JsonObject } from '../../src/core/json.ts';

const mainScript = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

export interface SluiceOptions {
  /** The configuration; `listeners` and `admin` default to free ports on loopback, `log.access` to false. */
  readonly document?: JsonObject;
  /** Or its text, taken as it stands: say port 0 where it does not matter. */
  readonly yaml?: string;
  /** Default 2. */
  readonly workers?: number;
  /** File descriptors that each process may have open. Default: as many as this one. */
  readonly descriptors?: number;
  /** Default: a new one, which is removed after the test. */
  readonly dataDir?: string;
  /** More arguments for `sluice run`. */
  readonly args?: readonly string[];
}

/** One JSON line of the output. */
export interface LogEvent {
  readonly level?: string;
  readonly process?: string;
  readonly msg?: string;
  readonly [field: string]: unknown;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export interface ApiAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into it as they like
  readonly body: any;
}

/** A running `sluice run` whose listeners and admin API answer. */
export interface SluiceProcess extends OutputOf {
  /** Where the first listener is, such as `http://127.0.0.1:40123`. */
  readonly proxyUrl: string;
  readonly adminUrl: string;
  readonly dataDir: string;
  /** `GET /v1/status`. */
  status(): Promise<Status>;
  /** Calls the admin API, on a connection of its own. */
  api(method: Method, path: string, body?: Json, headers?: Readonly<Record<string, string>>): Promise<ApiAnswer>;
}

/** A process whose output is read. */
export interface OutputOf {
  readonly pid: number;
  /** Everything on standard output and standard error so far. */
  output(): string;
  /** The output's JSON lines so far. */
  events(): readonly LogEvent[];
  /** Resolves with the first event that fits, be it in the past or to come. Rejects when the process ends without one. */
  waitForLog(fits: (event: LogEvent) => boolean): Promise<LogEvent>;
  /** The same for a piece of the plain output. */
  waitForText(text: string): Promise<void>;
  /** Sends the first process a signal; the others only through it. */
  signal(signal: NodeJS.Signals): void;
  /** Resolves when the process has ended and its output is complete. */
  readonly exited: Promise<Exit>;
}

/** Runs `sluice run` on a configuration and resolves when it is ready. */
export async function startSluice(t: TestContext, options: SluiceOptions): Promise<SluiceProcess> {
  const dataDir = options.dataDir ?? temporaryDirectory(t);
  const file = join(temporaryDirectory(t), 'sluice.yaml');
  writeFileSync(file, options.yaml ?? JSON.stringify(withFreePorts(options.document ?? {})));
  const args = ['run', '-c', file, '--data-dir', dataDir, '--workers', String(options.workers ?? 2), ...(options.args ?? [])];
  const limited = ['bash', '-c', `ulimit -n ${options.descriptors}; exec "$0" "$@"`, process.execPath, mainScript];
  const running = spawnSluice(t, args, options.descriptors === undefined ? undefined : limited);
  const ready = await running.waitForLog(({ msg }) => msg === 'ready');

  const [listener] = Array.isArray(ready['listeners']) ? ready['listeners'] : [];
  const adminUrl = `http://${String(ready['admin'])}`;
  const agent = new Agent({ pipelining: 0 });
  const api: SluiceProcess['api'] = async (method, path, body, headers = {}) => {
    const response = await request(adminUrl + path, {
      method,
      dispatcher: agent,
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      body: body === undefined ? null : JSON.stringify(body),
    });
    const text = await response.body.text();
    return { status: response.statusCode, headers: response.headers, body: text.startsWith('{') ? JSON.parse(text) : text };
  };
  return {
    ...running,
    proxyUrl: `http://${listener.address}`,
    adminUrl,
    dataDir,
    api,
    status: async () => (await api('GET', '/v1/status')).body,
  };
}

/** Starts `sluice` with any arguments. */
export function spawnSluice(
  t: TestContext,
  args: readonly string[],
  command: readonly string[] = [process.execPath, mainScript],
): OutputOf {
  const [program, ...first] = command;
  const child = spawn(program!, [...first, ...args], { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  t.onTestFinished(() => killGroup(child));
  return readOutput(child);
}

/** Runs a command to its end. */
export async function runSluice(
  t: TestContext,
  args: readonly string[],
  options: { readonly command?: readonly string[]; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> {
  const [program, ...first] = options.command ?? [process.execPath, mainScript];
  const env = { ...process.env, ...options.env };
  const child = spawn(program!, [...first, ...args], { stdio: ['ignore', 'pipe', 'pipe'], detached: true, env });
  t.onTestFinished(() => killGroup(child));
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
}

export function temporaryDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-test-'));
  t.onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Asks again until the answer fits, for what no event tells. The test's own time-out ends it. */
export function eventually<T>(ask: () => Promise<T>, fits: (answer: T) => boolean): Promise<T> {
  return vi
    .waitUntil(
      async () => {
        const answer = await ask();
        return fits(answer) ? { answer } : undefined;
      },
      { timeout: 30_000, interval: 20 },
    )
    .then(({ answer }) => answer);
}

/** Whether a process is there. A dead one that nobody has waited for yet does not count: orphans can stay so in a container. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return process.platform !== 'linux' || !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

function withFreePorts(document: JsonObject): JsonObject {
  return { listeners: [{ name: 'web', address: '127.0.0.1:0' }], admin: { address: '127.0.0.1:0' }, log: { access: false }, ...document };
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // Nobody is left in it.
  }
}

function parseEvent(line: string): LogEvent {
  return JSON.parse(line);
}

function readOutput(child: ChildProcess): OutputOf {
  let output = '';
  let rest = '';
  const events: LogEvent[] = [];
  const watchers = new Set<() => void>();
  const exited = new Promise<Exit>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
  let ended = false;
  const notify = () => {
    for (const watch of watchers) watch();
  };
  void exited.then(() => {
    ended = true;
    notify();
  });
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    notify();
  });
  child.stdout!.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    const lines = (rest + text).split('\n');
    rest = lines.pop()!;
    for (const line of lines) if (line.startsWith('{')) events.push(parseEvent(line));
    notify();
  });
  const waitFor = <T>(look: () => T | undefined): Promise<T> =>
    new Promise((resolve, reject) => {
      const watch = () => {
        const found = look();
        if (found === undefined && !ended) return;
        watchers.delete(watch);
        if (found === undefined) reject(new Error(`the process has ended without what was waited for; it said:\n${output}`));
        else resolve(found);
      };
      watchers.add(watch);
      watch();
    });
  return {
    pid: child.pid ?? 0,
    output: () => output,
    events: () => events,
    waitForLog: (fits) => waitFor(() => events.find(fits)),
    waitForText: (text) => waitFor(() => output.includes(text) || undefined).then(() => {}),
    signal: (signal) => void child.kill(signal),
    exited,
  };
}
