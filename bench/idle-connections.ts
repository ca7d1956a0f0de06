// Holds connections open: `node bench/idle-connections.ts PORT PATH COUNT`. Each carries one request first, as those of browsers have. Prints
// `open` when all are there, and `lost` for each that the proxy closes afterwards.
import net from 'node:net';
import process from 'node:process';

const [port = '0', path = '/', count = '0'] = process.argv.slice(2);
const request = `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`;

/** Connections that are being opened at the same time. */
const opening = 64;

let left = Number(count);
await Promise.all(Array.from({ length: opening }, open));
console.log('open');

async function open(): Promise<void> {
  while (left > 0) {
    left -= 1;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const socket = net.connect({ port: Number(port), host: '127.0.0.1' }, () => socket.write(request));
    // The answer is small and comes in one piece.
    socket
      .once('data', () => resolve())
      .on('error', reject)
      .on('close', () => console.log('lost'));
    await promise;
    socket.resume();
  }
}
