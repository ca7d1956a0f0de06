/** More clients than there are file descriptors for. */
import { readdirSync } from 'node:fs';
import { expect, test, type TestContext } from 'vitest';
import { eventually, startSluice, type SluiceProcess } from '../support/process.ts';
import { connectRaw, type Peer } from '../support/raw-client.ts';
import { startAppWith } from './app.ts';

/** Of these a worker keeps 64 for itself, and gives each client two. */
const descriptors = 128;
const room = 32;

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;

interface Site {
  readonly sluice: SluiceProcess;
  readonly connect: () => Promise<Peer>;
  /** Resolves when the application holds so many answers. */
  readonly holds: (count: number) => Promise<unknown>;
  /** Answers what is held. */
  readonly release: () => void;
}

/** An application that holds its answers to `/hold`, behind one worker that is short of descriptors. */
async function startSite(t: TestContext, workers: number): Promise<Site> {
  const held: (() => void)[] = [];
  let releasing = false;
  const app = await startAppWith(t, (request, response) => {
    if (request.url === '/hold' && !releasing) held.push(() => response.end('held'));
    else response.end('at once');
  });
  const document = { services: { shop: { pools: { blue: { targets: [app.url] } } } }, routes: [{ service: 'shop' }] };
  const sluice = await startSluice(t, { workers, descriptors, document });
  const { port } = new URL(sluice.proxyUrl);
  return {
    sluice,
    connect: () => connectRaw(t, Number(port)),
    // Not what the worker says: it counts requests that are still on their way to the application.
    holds: (count) =>
      eventually(
        () => Promise.resolve(held.length),
        (length) => length === count,
      ),
    release: () => {
      releasing = true;
      for (const answer of held.splice(0)) answer();
    },
  };
}

const connectionsOf = async ({ sluice }: Site): Promise<number> =>
  (await sluice.status()).workers.reduce((sum, { connections }) => sum + (connections ?? 0), 0);

async function connectMany(site: Site, count: number): Promise<Peer[]> {
  return Promise.all(Array.from({ length: count }, site.connect));
}

test('who comes when descriptors are short waits in the queue of the system, and is served as soon as others have gone', async (t) => {
  const site = await startSite(t, 1);
  const busy = await connectMany(site, room);
  for (const client of busy) client.send(get('/hold'));
  await site.holds(room);

  const crowd = await connectMany(site, 100);
  for (const client of crowd) client.send(get('/'));
  // The worker has every connection that it may have, each with one to the target, and still descriptors to spare.
  const status = await site.sluice.status();
  expect([status.workers[0]!.connections, status.workers[0]!.inFlight]).toEqual([room, room]);
  expect(readdirSync(`/proc/${status.workers[0]!.pid}/fd`).length).toBeLessThan(descriptors - 16);
  expect((await site.sluice.api('GET', '/readyz')).status).toBe(200);
  expect((await site.sluice.api('GET', '/livez')).status).toBe(200);
  expect(crowd.every((client) => client.text === '')).toBe(true);

  site.release();
  for (const client of busy) expect((await client.answer()).body).toBe('held');
  for (const client of busy) client.end();
  for (const client of crowd) {
    const answer = await client.answer();
    expect([answer.status, answer.body]).toEqual([200, 'at once']);
    client.end();
  }
  const metrics: string = (await site.sluice.api('GET', '/metrics')).body;
  expect(metrics).not.toMatch(/^sluice_terminations_total/m);
  expect(metrics).toMatch(/^sluice_accept_pauses_total [1-9]/m);
  await eventually(
    () => connectionsOf(site),
    (count) => count === 0,
  );
});

test('who comes while another worker fills up waits as well: of a crowd over two workers nobody is turned away', async (t) => {
  const site = await startSite(t, 2);
  const crowd = await Promise.all(
    Array.from({ length: 150 }, async () => {
      const client = await site.connect();
      client.send(get('/hold'));
      return client;
    }),
  );
  await site.holds(2 * room);
  site.release();
  for (const client of crowd) {
    expect((await client.answer()).status).toBe(200);
    client.end();
  }
  expect((await site.sluice.api('GET', '/metrics')).body).not.toMatch(/^sluice_terminations_total/m);
});

test('clients that are idle make room for those who come', async (t) => {
  const site = await startSite(t, 1);
  const idle = await connectMany(site, room);
  for (const client of idle) expect((await client.ask('GET / HTTP/1.1')).status).toBe(200);
  const crowd = await connectMany(site, room);
  for (const client of crowd) expect((await client.ask('GET / HTTP/1.1')).status).toBe(200);
  expect(await Promise.all(idle.map(({ ended }) => ended))).toEqual(idle.map(() => 'fin'));
});

test('one process alone cannot leave them in the queue: it turns them away, and the admin API goes on answering', async (t) => {
  const site = await startSite(t, 0);
  const busy = await connectMany(site, room);
  for (const client of busy) client.send(get('/hold'));
  await site.holds(room);
  const late = await site.connect();
  const answer = await late.answer();
  expect([answer.status, answer.field('retry-after'), answer.field('connection')]).toEqual([503, '1', 'close']);
  expect((await site.sluice.api('GET', '/readyz')).status).toBe(200);
  site.release();
  for (const client of busy) expect((await client.answer()).body).toBe('held');
  for (const client of busy) client.end();
  await eventually(
    () => connectionsOf(site),
    (count) => count === 0,
  );
  expect((await (await site.connect()).ask('GET / HTTP/1.1')).status).toBe(200);
});
