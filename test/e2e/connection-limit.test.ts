/** `limits.connections` holds over all workers: whoever comes is refused only where no worker has room. */
import { expect, test } from 'vitest';
import { startSluice } from '../support/process.ts';
import { connectRaw } from '../support/raw-client.ts';
import { startApp } from './app.ts';

const limit = 20;

test.for([
  { workers: 2, beyond: 0 },
  { workers: 2, beyond: 5 },
  { workers: 3, beyond: 0 },
  { workers: 3, beyond: 5 },
])('$workers workers serve a burst of as many as the limit allows, and refuse $beyond that are beyond it', async (setup, t) => {
  const { workers, beyond } = setup;
  const app = await startApp(t, 'hello');
  const document = {
    listeners: [{ name: 'web', address: '127.0.0.1:0', limits: { connections: limit } }],
    services: { s: { pools: { p: { targets: [app.url] } } } },
  };
  const sluice = await startSluice(t, { workers, document });
  const { port } = new URL(sluice.proxyUrl);
  const clients = await Promise.all(Array.from({ length: limit + beyond }, () => connectRaw(t, Number(port))));
  for (const client of clients) client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  const statuses = await Promise.all(clients.map(async (client) => (await client.answer()).status));
  expect(statuses.toSorted((a, b) => a - b)).toEqual([...Array<number>(limit).fill(200), ...Array<number>(beyond).fill(503)]);
  const held = (await sluice.status()).workers.map(({ connections }) => connections ?? 0);
  expect(held.reduce((sum, connections) => sum + connections, 0)).toBe(limit);
});
