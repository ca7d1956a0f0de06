import { readFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { expect, test, type TestContext } from 'vitest';
import { startSluice } from '../support/process.ts';

const gibibyte = 1024 ** 3;
const piece = Buffer.alloc(65_536, 'x');
/** What the process may grow by while a gibibyte goes through it: buffers, and as much garbage as V8 lets wait for its collection. */
const growthMaxMiB = 128;

/** Resident memory, in MiB. */
const residentMiB = (pid: number) => (Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * 4096) / 1024 ** 2;

/** Writes a gibibyte as fast as the other side takes it. */
function writeGibibyte(socket: Socket): void {
  let left = gibibyte / piece.length;
  const write = () => {
    while (left > 0) {
      left--;
      if (!socket.write(piece)) return;
    }
  };
  socket.on('drain', write);
  write();
}

/** Reads one piece per turn of the event loop, and looks at the proxy's memory every 32 MiB. Resolves with the most it saw. */
function readSlowly(socket: Socket, bytes: number, pid: number): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  let read = 0;
  let looked = 0;
  let most = 0;
  socket.on('data', (chunk: Buffer) => {
    read += chunk.length;
    if (read - looked >= 32 * 1024 ** 2) {
      looked = read;
      most = Math.max(most, residentMiB(pid));
    }
    if (read >= bytes) resolve(most);
    socket.pause();
    setImmediate(() => socket.resume());
  });
  socket.on('close', () => reject(new Error(`closed after ${read} of ${bytes} bytes`)));
  return promise;
}

async function startRaw(t: TestContext, onConnection: (socket: Socket) => void): Promise<number> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket.on('error', () => {}));
    onConnection(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

async function startInFrontOf(t: TestContext, port: number): Promise<{ pid: number; client: Socket }> {
  const sluice = await startSluice(t, {
    workers: 0,
    document: { services: { s: { pools: { p: { targets: [`http://127.0.0.1:${port}`] } } } } },
  });
  const { hostname, port: proxyPort } = new URL(sluice.proxyUrl);
  const client = connect(Number(proxyPort), hostname);
  client.on('error', () => {});
  t.onTestFinished(() => void client.destroy());
  return { pid: sluice.pid, client };
}

test('a gibibyte for a slow reader does not stay in the proxy', async (t) => {
  const port = await startRaw(t, (socket) =>
    socket.once('data', () => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${gibibyte}\r\n\r\n`);
      writeGibibyte(socket);
    }),
  );
  const { pid, client } = await startInFrontOf(t, port);
  const before = residentMiB(pid);
  client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  const most = await readSlowly(client, gibibyte, pid);
  expect(most - before).toBeLessThan(growthMaxMiB);
});

test('a gibibyte for a target that reads slowly does not either', async (t) => {
  const target = Promise.withResolvers<Socket>();
  const port = await startRaw(t, target.resolve);
  const { pid, client } = await startInFrontOf(t, port);
  const before = residentMiB(pid);
  client.write(`PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: ${gibibyte}\r\n\r\n`);
  writeGibibyte(client);
  const most = await readSlowly(await target.promise, gibibyte, pid);
  expect(most - before).toBeLessThan(growthMaxMiB);
});
