// The other processes of bench/attacks.ts: `node bench/attack-role.ts ROLE PORT`, for the roles target, client, slow-heads, slow-readers,
// malformed and aborts. Each says on standard output what it has to say, in JSON, one object per line.
import { createServer } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const [role = '', portText = ''] = process.argv.slice(2);
const port = Number(portText);
const largeAnswer = Buffer.alloc(8 * 1024 * 1024, 'x');

const roles: Readonly<Record<string, () => void>> = {
  target() {
    const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
      if (request.url === '/large') response.end(largeAnswer);
      else if (request.url !== '/slow') response.end('ok');
    });
    server.listen(port, '127.0.0.1', 4096);
  },
  /** An honest client: 8 connections, each asks again a little after its answer. Says every second how it fared. */
  client() {
    const tookMs: number[] = [];
    let failed = 0;
    for (let connection = 0; connection < 8; connection++) void askForEver();
    setInterval(() => {
      const sorted = tookMs.splice(0).toSorted((a, b) => a - b);
      const at = (share: number) => sorted[Math.floor(sorted.length * share)] ?? NaN;
      say({ requests: sorted.length, failed, p50: at(0.5), p99: at(0.99) });
      failed = 0;
    }, 1000);
    async function askForEver(): Promise<void> {
      let socket: Socket | undefined;
      for (;;) {
        socket = socket?.writable === true ? socket : await open();
        const startedAt = performance.now();
        const answer = await ask(socket);
        if (answer.startsWith('HTTP/1.1 200 ')) tookMs.push(performance.now() - startedAt);
        else failed++;
        await sleep(5);
      }
    }
  },
  /** 2,000 heads, a byte every two seconds; who is closed comes back. */
  'slow-heads'() {
    keepUp(2000, async (socket) => {
      socket.write('GET / HTTP/1.1\r\nHost: shop.example\r\nX: ');
      while (socket.writable) {
        await sleep(2000);
        socket.write('y');
      }
    });
  },
  /** 500 clients that ask for 8 MiB and read nothing. */
  'slow-readers'() {
    keepUp(500, async (socket) => {
      socket.pause();
      socket.write('GET /large HTTP/1.1\r\nHost: shop.example\r\n\r\n');
      while (socket.writable) {
        await sleep(1000);
        // What it never reads hides from it that it was cut off.
        socket.write('');
      }
    });
  },
  /** 20 clients that send what is no request, as fast as they are refused. */
  malformed() {
    const wrong = ['GET / HTTP/1.1\r\nHost : a\r\n\r\n', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 2\r\n\r\n', '\0\0\r\n\r\n'];
    keepUp(20, async (socket) => {
      socket.write(wrong[Math.floor(Math.random() * wrong.length)]!);
      await new Promise((resolve) => socket.once('end', resolve).once('close', resolve));
      socket.destroy();
    });
  },
  /** 20 clients that ask for what takes for ever, and leave at once. */
  aborts() {
    keepUp(20, async (socket) => {
      socket.write('GET /slow HTTP/1.1\r\nHost: shop.example\r\n\r\n');
      await sleep(10);
      socket.resetAndDestroy();
    });
  },
};

roles[role]!();

/** Keeps so many connections busy: when one is over, the next begins. */
function keepUp(count: number, use: (socket: Socket) => Promise<void>): void {
  let begun = 0;
  for (let place = 0; place < count; place++) void again();
  setInterval(() => say({ begun }), 1000);
  async function again(): Promise<void> {
    for (;;) {
      begun++;
      await use(await open());
      await sleep(1);
    }
  }
}

function open(): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  socket.on('error', () => socket.destroy());
  socket.on('data', () => {});
  return new Promise((resolve) => {
    socket.once('connect', () => resolve(socket)).once('close', () => resolve(socket));
  });
}

/** The beginning of the answer, '' if there is none. */
function ask(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    const onData = (chunk: Buffer) => done(chunk.toString('latin1', 0, 20));
    const onClose = () => done('');
    const done = (text: string) => {
      socket.off('data', onData).off('close', onClose);
      resolve(text);
    };
    socket.on('data', onData).on('close', onClose);
    socket.write('GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n');
    if (socket.destroyed) done('');
  });
}

function say(what: object): void {
  process.stdout.write(`${JSON.stringify(what)}\n`);
}
