// Question: what does a worker hold for clients that do the worst of each kind? Wanted: a bound per connection that docs/overload.md names,
//           a bound over all of them where they do not read, and everything given back when they have gone.
// Method:   one Sluice with one worker, new for each kind; clients and target are in this process. Resident memory of the worker before,
//           while all clients are stuck (highest of the readings once it has stopped growing), and after they have gone.
// Run:      node bench/overload.ts [clients], by default 1000. About a minute. Clients need two open files each.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer as createTarget, type Server, type Socket, connect } from 'node:net';
import type { TestContext } from 'vitest';
import { type SluiceProcess, startSluice } from '../test/support/process.ts';

const clients = Number(process.argv[2] ?? 1000);
/** A client whose bytes are not read is not seen to leave either: its request ends by a time-out. Long enough to measure before. */
const stuckFor = '20s';
const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;

/** What takes itself away at the end of a test: here at the end of each kind. */
const cleanups: (() => unknown)[] = [];
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- nothing else of a test is used
const t = { onTestFinished: (cleanup: () => unknown) => void cleanups.push(cleanup) } as unknown as TestContext;

interface Kind {
  readonly name: string;
  /** What each client sends; it never reads. */
  readonly sent: readonly (string | Buffer)[];
  /** Of the pool. */
  readonly limits?: Record<string, number | string>;
}

const post = (path: string, bytes: number) => `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: ${bytes}\r\n\r\n`;
const large = Buffer.alloc(mebibyte);
const pipelined = 'GET /next HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(10_000);

const kinds: readonly Kind[] = [
  { name: 'connected, nothing sent', sent: [] },
  { name: 'idle after a request', sent: ['GET /small HTTP/1.1\r\nHost: a\r\n\r\n'] },
  { name: 'head of 30 KiB that does not end', sent: [`GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(30 * kibibyte)}`] },
  { name: '300 KiB of requests behind one without an answer', sent: ['GET /never HTTP/1.1\r\nHost: a\r\n\r\n', pipelined] },
  { name: 'answer of 8 MiB that is not read', sent: ['GET /large HTTP/1.1\r\nHost: a\r\n\r\n'] },
  { name: 'upload of 1 MiB that the target does not take', sent: [post('/deaf', mebibyte), large] },
  {
    name: 'upload of 1 MiB that waits in line',
    sent: [post('/never', mebibyte), large],
    limits: { maxInFlight: 1, maxQueued: clients, queueTimeout: stuckFor },
  },
];

console.log(`${clients} clients of each kind; MiB of the worker, KiB for each client\n`);
console.log('kind'.padEnd(52), 'before', 'during', ' after', 'each KiB', 'left', 'cut for memory');
for (const kind of kinds) await measure(kind);
process.exit();

async function measure({ name, sent, limits }: Kind): Promise<void> {
  const target = await startTarget();
  const blue = { targets: [`http://127.0.0.1:${portOf(target)}`], ...(limits === undefined ? {} : { limits }) };
  const timeouts = { head: '5m', keepAlive: '5m', write: '5m' };
  const shop = { pools: { blue }, timeouts: { response: stuckFor, idle: stuckFor } };
  const document = {
    listeners: [{ name: 'web', address: '127.0.0.1:0', timeouts, limits: { connections: 0 } }],
    services: { shop },
    routes: [{ service: 'shop' }],
  };
  const sluice = await startSluice(t, { workers: 1, document });
  const worker = (await sluice.status()).workers[0]!.pid;
  const before = residentBytes(worker);
  const sockets = await crowd(Number(new URL(sluice.proxyUrl).port), sent);
  const during = await highest(worker);
  const left = (await sluice.status()).workers[0]!.connections ?? 0;
  const cut = /^sluice_terminations_total\{cause="memory_limit"\} (\d+)/m.exec((await sluice.api('GET', '/metrics')).body)?.[1] ?? '0';
  for (const socket of sockets) socket.destroy();
  const after = await settled(sluice, worker);
  const each = Math.round((during - before) / clients / kibibyte);
  console.log(name.padEnd(52), ...[before, during, after].map(mib), String(each).padStart(8), String(left).padStart(4), cut.padStart(6));
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
}

function mib(bytes: number): string {
  return String(Math.round(bytes / mebibyte)).padStart(6);
}

async function crowd(port: number, sent: readonly (string | Buffer)[]): Promise<Socket[]> {
  const sockets: Socket[] = [];
  for (let count = 0; count < clients; count++) {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.on('error', () => {});
    await once(socket, 'connect');
    socket.pause();
    for (const piece of sent) socket.write(piece);
    sockets.push(socket);
  }
  return sockets;
}

/** Resident bytes once they have stopped growing for a second. */
async function highest(pid: number): Promise<number> {
  let most = 0;
  for (let still = 0; still < 4; still++) {
    await pause(250);
    const now = residentBytes(pid);
    if (now > most * 1.01) still = 0;
    most = Math.max(most, now);
  }
  return most;
}

/** Resident bytes some seconds after the last client has gone: the collector takes its time. */
async function settled(sluice: SluiceProcess, pid: number): Promise<number> {
  while (((await sluice.status()).workers[0]!.connections ?? 0) > 0) await pause(100);
  await pause(3000);
  return residentBytes(pid);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, ms));
}

function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * kibibyte;
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** Answers `/small` and `/large`, never answers `/never`, and stops reading at the head of `/deaf`. */
async function startTarget(): Promise<Server> {
  const body = Buffer.alloc(8 * mebibyte);
  const server = createTarget((socket) => {
    cleanups.push(() => socket.destroy());
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      const head = bytes.toString('latin1', 0, 20);
      if (head.includes('/deaf')) socket.pause();
      else if (head.startsWith('GET /small')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      else if (head.startsWith('GET /large')) {
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`);
        socket.write(body);
      }
    });
  });
  cleanups.push(() => server.close());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}
