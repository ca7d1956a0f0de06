import { connect } from 'node:net';
import { expect, test } from 'vitest';
import type { JsonObject } from '../../src/core/json.ts';
import { eventually, isAlive, type SluiceProcess, startSluice } from '../support/process.ts';
import { startApp, startHoldingApp } from './app.ts';
import { Connection } from './connection.ts';
import { untilRefused } from './refused.ts';

const documentFor = (target: string, address = '127.0.0.1:0'): JsonObject => ({
  listeners: [{ name: 'web', address }],
  services: { demo: { pools: { only: { targets: [target] } } } },
});

const addressOf = ({ proxyUrl }: SluiceProcess): string => new URL(proxyUrl).host;

/** What became of a request on a connection of its own. `cut`: the connection was there, and ended without an answer. */
type Outcome = 'answered' | 'cut' | 'not connected';

function askOnce(url: string): Promise<Outcome> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname.replace(/^\[|\]$/g, ''));
    let outcome: Outcome = 'not connected';
    socket.on('connect', () => {
      outcome = 'cut';
      socket.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    });
    let received = '';
    socket.setEncoding('latin1').on('data', (text: string) => (received += text));
    socket.on('error', () => {});
    socket.on('close', () => resolve(/^HTTP\/1\.1 200 .*\r\n\r\nhello$/s.test(received) ? 'answered' : outcome));
  });
}

/** Clients that open a new connection for each request, and ask again as soon as they know what became of it. */
class Newcomers {
  readonly counts: Record<Outcome, number> = { answered: 0, cut: 0, 'not connected': 0 };
  readonly #url: string;
  readonly #clients: readonly Promise<void>[];
  #stopping = false;

  constructor(url: string, clients: number) {
    this.#url = url;
    this.#clients = Array.from({ length: clients }, () => this.#keepAsking());
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#clients);
  }

  async #keepAsking(): Promise<void> {
    while (!this.#stopping) this.counts[await askOnce(this.#url)]++;
  }
}

/** Kills the only worker; resolves with its replacement's pid when that listens. */
async function killWorker(sluice: SluiceProcess, pid: number): Promise<number> {
  const replacements = () => sluice.events().filter(({ msg }) => msg === 'a worker has taken its place');
  const before = replacements().length;
  process.kill(pid, 'SIGKILL');
  await sluice.waitForLog(() => replacements().length > before);
  return Number(replacements().at(-1)!['workerPid']);
}

test('a killed worker that was the only one takes its own connections along, and not one client is refused', async (t) => {
  const clients = 8;
  const kills = 4;
  const app = await startApp(t, 'hello');
  const sluice = await startSluice(t, { workers: 1, document: documentFor(app.url) });
  let worker = (await sluice.status()).workers[0]!.pid;
  const newcomers = new Newcomers(sluice.proxyUrl, clients);
  for (let kill = 0; kill < kills; kill++) {
    const { answered } = newcomers.counts;
    await eventually(
      async () => newcomers.counts.answered,
      (now) => now >= answered + 5 * clients,
    );
    worker = await killWorker(sluice, worker);
  }
  await newcomers.stop();
  expect(newcomers.counts['not connected']).toBe(0);
  // Each client has one request at a time, which may be on the worker that is killed.
  expect(newcomers.counts.cut).toBeLessThanOrEqual(clients * kills);
});

test('connections that nobody has accepted yet are answered by the replacement', async (t) => {
  const app = await startApp(t, 'hello');
  const sluice = await startSluice(t, { workers: 1, document: documentFor(app.url) });
  const worker = (await sluice.status()).workers[0]!.pid;
  process.kill(worker, 'SIGSTOP');
  const waiting = await Promise.all(Array.from({ length: 20 }, () => Connection.open(t, sluice.proxyUrl)));
  const answers = waiting.map((connection) => connection.get());
  await killWorker(sluice, worker);
  for (const { status } of await Promise.all(answers)) expect(status).toBe(200);
});

test('it starts again on the same port right after it has stopped, with connections that the system has not forgotten', async (t) => {
  const app = await startApp(t, 'hello');
  let sluice = await startSluice(t, { workers: 1, document: documentFor(app.url) });
  for (let start = 0; start < 3; start++) {
    // Closed by us first, so that our side is the one that keeps the address for a while.
    for (let request = 0; request < 5; request++) expect(await askOnce(sluice.proxyUrl)).toBe('answered');
    sluice.signal('SIGTERM');
    expect(await sluice.exited).toEqual({ code: 0, signal: null });
    sluice = await startSluice(t, { workers: 1, document: documentFor(app.url, addressOf(sluice)) });
  }
  expect(await askOnce(sluice.proxyUrl)).toBe('answered');
});

test('while a request is finished during a stop, somebody else can have the port', async (t) => {
  const app = await startHoldingApp(t);
  const old = await startSluice(t, { workers: 1, document: documentFor(app.url) });
  const answer = (await Connection.open(t, old.proxyUrl)).get('/hold');
  await app.arrived;
  old.signal('SIGTERM');
  await untilRefused(t, old.proxyUrl);
  const next = await startSluice(t, { workers: 1, document: documentFor(app.url, addressOf(old)) });
  expect((await (await Connection.open(t, next.proxyUrl)).get()).body).toBe('at once');
  app.finish();
  expect((await answer).body).toBe('finished');
  expect(await old.exited).toEqual({ code: 0, signal: null });
});

test('after the supervisor was killed another one can start on the same port, while old workers finish what runs', async (t) => {
  const app = await startHoldingApp(t);
  const old = await startSluice(t, { document: documentFor(app.url) });
  const { workers } = await old.status();
  const answer = (await Connection.open(t, old.proxyUrl)).get('/hold');
  await app.arrived;
  old.signal('SIGKILL');
  await untilRefused(t, old.proxyUrl);
  const next = await startSluice(t, { document: documentFor(app.url, addressOf(old)), dataDir: old.dataDir });
  expect((await (await Connection.open(t, next.proxyUrl)).get()).body).toBe('at once');
  expect(workers.some(({ pid }) => isAlive(pid))).toBe(true);
  app.finish();
  expect((await answer).body).toBe('finished');
  await old.exited;
});

test('a listener for both kinds of addresses answers both', async (t) => {
  const app = await startApp(t, 'hello');
  const sluice = await startSluice(t, { document: documentFor(app.url, '[::]:0') });
  const { port } = new URL(sluice.proxyUrl);
  expect(await askOnce(`http://127.0.0.1:${port}`)).toBe('answered');
  expect(await askOnce(`http://[::1]:${port}`)).toBe('answered');
});
