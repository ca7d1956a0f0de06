// Load at a fixed rate: `node bench/rate-load.ts PATH PORT CONNECTIONS RATE SECONDS` prints a LoadResult as JSON.
//
// The rate does not depend on the answers (open loop): what is due in a millisecond is sent in it, and a request that finds all connections
// busy waits for one. Its latency counts from when it was due, so a proxy that stalls is charged for everyone it kept waiting, and not
// only for the requests that were under way ("coordinated omission", Gil Tene, How NOT to Measure Latency, 2013).
import net from 'node:net';
import process from 'node:process';
import { Histogram } from './histogram.ts';
import type { LoadResult } from './load.ts';

const [path = '/', ...numbers] = process.argv.slice(2);
const [port = 0, connections = 64, ratePerSecond = 1000, seconds = 3] = numbers.map(Number);

/** Nobody waits longer for answers after the end. */
const patienceMs = 5000;

const request = Buffer.from(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`, 'latin1');
const latencies = new Histogram();
const idle: Client[] = [];
let errors = 0;
let sent = 0;
let answered = 0;
let startMs = 0;
let endMs = 0;

/** One connection with at most one request under way. It knows how long an answer is from the first one. */
class Client {
  readonly #socket: net.Socket;
  #bytesLeft = 0;
  #dueMs = 0;

  constructor(onReady: () => void) {
    this.#socket = net.connect(
      {
        port,
        host: '127.0.0.1',
        noDelay: true,
        onread: { buffer: Buffer.alloc(16_384), callback: (size, buffer) => this.#read(size, buffer) },
      },
      onReady,
    );
    this.#socket.on('error', () => this.#socket.destroy()).on('close', () => this.#onClose());
  }

  send(dueMs: number): void {
    this.#dueMs = dueMs;
    this.#bytesLeft = -1;
    this.#socket.write(request);
  }

  end(): void {
    this.#socket.destroy();
  }

  #read(size: number, buffer: Uint8Array): boolean {
    if (this.#bytesLeft === -1) this.#bytesLeft = answerLength(Buffer.from(buffer.buffer, buffer.byteOffset, size));
    this.#bytesLeft -= size;
    if (this.#bytesLeft > 0) return true;
    this.#bytesLeft = 0;
    latencies.add((performance.now() - this.#dueMs) * 1000);
    answered += 1;
    if (!sendNext(this)) idle.push(this);
    return true;
  }

  #onClose(): void {
    if (endMs === 0) errors += 1;
  }
}

/** Of head and body. The head comes in one piece: it is small and was written in one. */
function answerLength(bytes: Buffer): number {
  if (bytes[9] !== 0x32) errors += 1;
  const headEnd = bytes.indexOf('\r\n\r\n');
  const head = bytes.toString('latin1', 0, headEnd);
  return headEnd + 4 + Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
}

/** When request number `index` is due: evenly spread, from `startMs`. */
function dueAt(index: number): number {
  return startMs + (index * 1000) / ratePerSecond;
}

function sendNext(client: Client): boolean {
  const dueMs = dueAt(sent);
  if (sent >= ratePerSecond * seconds || dueMs > performance.now()) return false;
  sent += 1;
  client.send(dueMs);
  return true;
}

const clients: Client[] = [];
for (let index = 0; index < connections; index += 1) {
  const { promise, resolve } = Promise.withResolvers<void>();
  const client = new Client(resolve);
  clients.push(client);
  idle.push(client);
  await promise;
}

startMs = performance.now();
tick();

function tick(): void {
  const nowMs = performance.now();
  while (idle.length > 0 && sendNext(idle.at(-1)!)) idle.pop();
  const isOver = answered + errors >= ratePerSecond * seconds || nowMs > startMs + seconds * 1000 + patienceMs;
  if (isOver) finish(nowMs);
  else setTimeout(tick, 1);
}

function finish(nowMs: number): void {
  endMs = nowMs;
  for (const client of clients) client.end();
  const result: LoadResult = {
    requests: answered,
    elapsedMs: nowMs - startMs,
    p50Ms: latencies.quantile(0.5) / 1000,
    p99Ms: latencies.quantile(0.99) / 1000,
    p999Ms: latencies.quantile(0.999) / 1000,
    errors: errors + Math.max(0, Math.floor(ratePerSecond * seconds) - answered),
  };
  console.log(JSON.stringify(result));
}
