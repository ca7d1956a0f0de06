import { connect, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { startSluice } from '../support/process.ts';
import { startApp } from './app.ts';

const workers = 4;

/** Opens a connection, and resolves when it has had its first answer. */
function openConnection(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  return new Promise((resolve, reject) => {
    socket.once('data', () => resolve(socket));
    socket.once('error', reject);
  });
}

test.for([64, 256])('%d connections at once: no worker holds more than 1.5 times its share, and all are answered', async (count, t) => {
  const app = await startApp(t, 'hello');
  const sluice = await startSluice(t, { workers, document: { services: { s: { pools: { p: { targets: [app.url] } } } } } });
  const sockets = await Promise.all(Array.from({ length: count }, () => openConnection(sluice.proxyUrl)));
  t.onTestFinished(() => sockets.forEach((socket) => socket.destroy()));

  const held = (await sluice.status()).workers.map(({ connections }) => connections ?? 0);
  expect(held.reduce((sum, connections) => sum + connections, 0)).toBe(count);
  expect(Math.max(...held)).toBeLessThanOrEqual((1.5 * count) / workers);
});
