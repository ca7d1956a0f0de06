// Question: what do the clients of a service notice of its mirror, and what does it cost, when the shadow answers, never answers, never
//           reads, or resets every connection?
// Method:   one Sluice with one worker, a target and a shadow in threads of their own. A group of requests is sent to the service with the
//           mirror and one to the service without, in turns of half a second; every second request has a body of 8 KiB. The load is
//           steady (each of 16 connections pauses before its next request), so that what is seen is waiting and not the CPU being used up.
//           Medians of the rounds; resident memory of all processes at the end of each group's turn; CPU time per request.
// Found:    once, on two cores with a load average of 8, so that only the first digits count. Median in ms without and with the mirror: 1.2
//           and 1.7 where the shadow answers, 1.5 and 1.6 where it hangs, 1.2 and 1.1 where it never reads, 0.8 and 1.6 where it resets. 99%
//           were 6 to 8 and 5 to 17, but went both ways between runs. A copy cost 43 µs of CPU, one dropped 10 to 20, one reset 170; memory
//           was the same to 2 MB. No request failed. Of 5,400 copies to the shadow that answers 10 were dropped.
// Run:      node bench/mirrors.bench.ts
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { Client } from 'undici';
import type { Status } from '../admin-api/status.ts';
import { freePort, startChild } from './child.ts';
import { nodeCommand, rootDir } from './command.ts';
import { treePids, treeUsage } from './proc.ts';

const rounds = 9;
const turnMs = 500;
const connections = 16;
const pauseMs = 12;
const body = Buffer.alloc(8192, 'x');

/** What a shadow does with a connection. */
const whims: Readonly<Record<string, (socket: Socket) => void>> = {
  hangs: (socket) => void socket.resume(),
  'never reads': (socket) => void socket.pause(),
  resets: (socket) => void socket.once('data', () => socket.resetAndDestroy()),
};
const shadows = ['answers', ...Object.keys(whims)];

interface Group {
  readonly latenciesMs: number[];
  errors: number;
}

interface Turn {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly errors: number;
  readonly requests: number;
  readonly cpuUs: number;
  readonly rssBytes: number;
}

if (isMainThread) await bench();
else serve(String(workerData));

async function bench(): Promise<void> {
  const dir = mkdtempSync(path.join(tmpdir(), 'sluice-bench-'));
  const [targetPort, ...shadowPorts] = await Promise.all(['answers', ...shadows].map(startThread));
  const port = await freePort();
  const adminPort = await freePort();
  const file = path.join(dir, 'sluice.yaml');
  writeFileSync(file, JSON.stringify(configuration(dir, port, adminPort, targetPort!, shadowPorts)));
  const sluice = startChild(nodeCommand(path.join(rootDir, 'src', 'main.ts'), 'run', '-c', file), [], path.join(dir, 'output.log'));
  try {
    await sluice.ready(async () => (await fetch(`http://127.0.0.1:${port}/plain`, { headers: { connection: 'close' } })).ok);
    const clients = Array.from({ length: connections }, () => new Client(`http://127.0.0.1:${port}`));
    console.log('shadow        group      p50 ms   p99 ms   CPU µs    RSS MB   requests   errors   copies');
    for (const name of shadows) await compare(clients, name, sluice.pid, adminPort);
    await Promise.all(clients.map((client) => client.close()));
  } finally {
    await sluice.stop();
    rmSync(dir, { recursive: true, force: true });
  }
  process.exit();
}

/** Turns of the two groups, each first every other time. */
async function compare(clients: readonly Client[], shadow: string, pid: number, adminPort: number): Promise<void> {
  const turns: Record<string, Turn[]> = { plain: [], [shadow]: [] };
  for (const name of ['plain', shadow]) await turn(clients, name, pid);
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? ['plain', shadow] : [shadow, 'plain'];
    for (const name of order) turns[name]!.push(await turn(clients, name, pid));
  }
  for (const name of ['plain', shadow]) {
    const figure = (of: (one: Turn) => number) => turns[name]!.map(of).toSorted((a, b) => a - b)[(rounds - 1) / 2]!;
    const sum = (of: (one: Turn) => number) => turns[name]!.reduce((total, one) => total + of(one), 0);
    console.log(
      shadow.padEnd(13),
      (name === 'plain' ? 'plain' : 'mirrored').padEnd(9),
      figure(({ p50Ms }) => p50Ms)
        .toFixed(2)
        .padStart(7),
      figure(({ p99Ms }) => p99Ms)
        .toFixed(2)
        .padStart(8),
      figure(({ cpuUs }) => cpuUs)
        .toFixed(0)
        .padStart(8),
      (figure(({ rssBytes }) => rssBytes) / 1e6).toFixed(1).padStart(9),
      String(sum(({ requests }) => requests)).padStart(10),
      String(sum(({ errors }) => errors)).padStart(8),
      name === 'plain' ? '' : `  ${await copiesOf(adminPort, idOf(shadow))}`,
    );
  }
}

async function turn(clients: readonly Client[], name: string, pid: number): Promise<Turn> {
  const group: Group = { latenciesMs: [], errors: 0 };
  const before = treeUsage(pid);
  const until = performance.now() + turnMs;
  await Promise.all(clients.map((client, index) => askUntil(client, `/${idOf(name)}`, until, index, group)));
  const after = treeUsage(pid);
  const sorted = group.latenciesMs.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return {
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    errors: group.errors,
    requests: sorted.length,
    cpuUs: ((after.userMs + after.systemMs - before.userMs - before.systemMs) * 1000) / sorted.length,
    rssBytes: residentBytes(pid),
  };
}

/** One connection's requests: each waits for the answer to the one before it, and a little. */
async function askUntil(client: Client, url: string, until: number, index: number, group: Group): Promise<void> {
  await sleep((pauseMs * index) / connections);
  for (let count = index; performance.now() < until; count++) {
    const start = performance.now();
    try {
      const answer = await (count % 2 === 0
        ? client.request({ path: url, method: 'GET' })
        : client.request({ path: url, method: 'POST', body }));
      await answer.body.dump();
      if (answer.statusCode !== 200) group.errors++;
    } catch {
      group.errors++;
    }
    group.latenciesMs.push(performance.now() - start);
    await sleep(pauseMs);
  }
}

function residentBytes(rootPid: number): number {
  let kib = 0;
  for (const pid of treePids(rootPid)) kib += Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
  return kib * 1024;
}

/** What became of the copies, when all are over: those of a shadow that hangs take their time, and would count among the next one's. */
async function copiesOf(adminPort: number, serviceId: string): Promise<string> {
  for (;;) {
    const answer = await fetch(`http://127.0.0.1:${adminPort}/v1/status`, { headers: { connection: 'close' } });
    const status = (await answer.json()) as Status;
    const [mirror] = status.services[serviceId]!.mirrors;
    if (mirror!.inFlight === 0) return `${mirror!.sent} sent, dropped: ${JSON.stringify(mirror!.dropped)}`;
    await sleep(200);
  }
}

function configuration(dir: string, port: number, adminPort: number, targetPort: number, shadowPorts: readonly number[]): unknown {
  const live = { targets: [`http://127.0.0.1:${targetPort}`] };
  const mirrored = shadows.map((name, index) => [
    idOf(name),
    {
      pools: { live, shadow: { targets: [`http://127.0.0.1:${shadowPorts[index]}`] } },
      weights: { live: 1, shadow: 0 },
      mirrors: [{ pool: 'shadow', percent: 100, unsafe: true }],
    },
  ]);
  return {
    listeners: [{ name: 'web', address: `127.0.0.1:${port}` }],
    admin: { address: `127.0.0.1:${adminPort}` },
    dataDir: path.join(dir, 'data'),
    workers: 1,
    log: { level: 'warn', access: false },
    services: { plain: { pools: { live } }, ...Object.fromEntries(mirrored) },
    routes: ['plain', ...shadows].map((name) => ({ match: { path: `/${idOf(name)}` }, service: idOf(name) })),
  };
}

function idOf(name: string): string {
  return name.replaceAll(' ', '-');
}

function startThread(does: string): Promise<number> {
  const thread = new Worker(import.meta.filename, { workerData: does });
  return new Promise((resolve, reject) => {
    thread.once('message', resolve);
    thread.once('error', reject);
  });
}

function serve(does: string): void {
  const whim = whims[does];
  const server: Server =
    whim === undefined
      ? createHttpServer({ keepAliveTimeout: 60_000 }, (incoming, outgoing) =>
          incoming.resume().on('end', () => outgoing.end('x'.repeat(100))),
        )
      : createServer((socket) => whim(socket.on('error', () => {})));
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has none
  server.listen(0, '127.0.0.1', () => parentPort!.postMessage((server.address() as AddressInfo).port));
}
