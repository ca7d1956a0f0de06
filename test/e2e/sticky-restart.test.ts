import { describe, expect, test, type TestContext } from 'vitest';
import type { JsonObject } from '../../src/core/json.ts';
import { eventually, type SluiceProcess, startSluice } from '../support/process.ts';
import { connectRaw, type Peer } from '../support/raw-client.ts';
import { startApp } from './app.ts';

/** Somebody with a browser, or a program that sends its name. */
interface Client {
  readonly user: string;
  /** What it asks for. */
  readonly path: string;
  /** By name: what it was given, and keeps. */
  readonly cookies: Map<string, string>;
}

/** Where a client has come to. */
interface Visit {
  readonly pool: string;
  readonly target: string;
  /** The names of the cookies that it was given. */
  readonly given: readonly string[];
}

type Weights = Readonly<Record<'blue' | 'green', number>>;

const targets = { blue: ['b1', 'b2', 'b3'], green: ['g1', 'g2', 'g3'] };
const places = ['blue/b1', 'blue/b2', 'blue/b3', 'green/g1', 'green/g2', 'green/g3'];
const clientCookie = 'sluice_id';
const targetCookie = 'sluice_id_t';

/** A shop with all of its weight on blue. */
async function serviceOf(t: TestContext, sticky: JsonObject): Promise<JsonObject> {
  const pool = async (ids: readonly string[]) => ({
    targets: await Promise.all(ids.map(async (id) => ({ id, url: (await startApp(t, id)).url }))),
  });
  const pools = { blue: await pool(targets.blue), green: await pool(targets.green) };
  return { pools, weights: { blue: 100, green: 0 }, sticky, debugHeaders: true };
}

const documentOf = async (t: TestContext, sticky: JsonObject): Promise<JsonObject> => ({ services: { shop: await serviceOf(t, sticky) } });

let users = 0;
const newClient = (path = '/'): Client => ({ user: `user-${users++}`, path, cookies: new Map() });
const newClients = (count: number, path = '/'): Client[] => Array.from({ length: count }, () => newClient(path));

async function visit(connection: Peer, { user, path, cookies }: Client): Promise<Visit> {
  const sent = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  const answer = await connection.ask(
    `GET ${path} HTTP/1.1\r\nHost: a\r\nX-User: ${user}\r\n${sent === '' ? '' : `Cookie: ${sent}\r\n`}\r\n`,
  );
  if (answer.status !== 200) throw new Error(answer.head);
  const given = [...answer.fields.matchAll(/^set-cookie: ([^=]+)=([^;]+)/gim)];
  for (const [, name, value] of given) cookies.set(name!, value!);
  return { pool: answer.field('x-sluice-pool')!, target: answer.field('x-sluice-target')!, given: given.map(([, name]) => name!) };
}

/** One after the other, over a connection that they share as behind another proxy. */
async function visitAll(connection: Peer, clients: readonly Client[]): Promise<Visit[]> {
  const visits: Visit[] = [];
  for (const client of clients) visits.push(await visit(connection, client));
  return visits;
}

const poolsOf = (visits: readonly Visit[]) => visits.map(({ pool }) => pool);
const placesOf = (visits: readonly Visit[]) => visits.map(({ pool, target }) => `${pool}/${target}`);
const givenIn = (visits: readonly Visit[]) => new Set(visits.flatMap(({ given }) => given));

/** A connection to each worker: the others are stopped while it is made. */
async function connectToEach(t: TestContext, sluice: SluiceProcess, path = '/'): Promise<Peer[]> {
  const { workers } = await sluice.status();
  const connections: Peer[] = [];
  for (const { id } of workers) {
    const others = workers.filter((worker) => worker.id !== id);
    for (const { pid } of others) process.kill(pid, 'SIGSTOP');
    const connection = await connectRaw(t, Number(new URL(sluice.proxyUrl).port));
    await visit(connection, newClient(path));
    for (const { pid } of others) process.kill(pid, 'SIGCONT');
    connections.push(connection);
  }
  return connections;
}

async function setWeights(sluice: SluiceProcess, weights: Weights, service = 'shop'): Promise<void> {
  expect((await sluice.api('PUT', `/v1/services/${service}/weights`, weights)).status).toBe(200);
}

async function killAndAwait(sluice: SluiceProcess, who: 'worker' | 'control'): Promise<void> {
  const before = await sluice.status();
  process.kill(who === 'worker' ? before.workers[0]!.pid : before.control.pid, 'SIGKILL');
  await sluice.waitForLog(({ msg }) => msg === `${who === 'worker' ? 'a worker' : 'control'} has taken its place`);
  await eventually(
    () => sluice.status(),
    ({ state, workers, revision }) => state === 'ready' && workers.every((worker) => worker.revision === revision),
  );
}

/** What clients of a service are told apart by, and what stays the same of them thereby. */
const shops = [
  { id: 'by-cookies', sticky: { target: true }, sameOf: placesOf, expected: places },
  { id: 'by-header', sticky: { key: { header: 'x-user' } }, sameOf: poolsOf, expected: ['blue', 'green'] },
] as const;

test('clients have one place in every worker, by cookies or by a header, and find it again after anything was killed or started anew', async (t) => {
  const services = await Promise.all(shops.map(async ({ id, sticky }) => [id, await serviceOf(t, sticky)] as const));
  const document = {
    services: Object.fromEntries(services),
    routes: shops.map(({ id }) => ({ match: { path: `/${id}/*` }, service: id })),
  };
  let sluice = await startSluice(t, { document });
  let connections = await connectToEach(t, sluice, '/by-header/');

  const crowds: {
    readonly shop: (typeof shops)[number];
    readonly clients: Client[];
    readonly home: string[];
    readonly atHalf: string[];
  }[] = [];
  for (const shop of shops) {
    const { id, sameOf, expected } = shop;
    // A past: some came before, and have been moved, some only then; and now the way back has begun.
    const clients = newClients(30, `/${id}/`);
    await visitAll(connections[0]!, clients);
    await setWeights(sluice, { blue: 50, green: 50 }, id);
    clients.push(...newClients(30, `/${id}/`));
    await visitAll(connections[1]!, clients);
    const atHalf = poolsOf(await visitAll(connections[0]!, clients));
    await setWeights(sluice, { blue: 70, green: 30 }, id);
    await visitAll(connections[1]!, clients);
    const home = sameOf(await visitAll(connections[0]!, clients));
    expect([...new Set(home)].toSorted()).toEqual(expected);
    crowds.push({ shop, clients, home, atHalf });
  }
  expect(crowds[1]!.clients.flatMap(({ cookies }) => [...cookies])).toEqual([]);

  const expectAllAtHome = async () => {
    connections = await connectToEach(t, sluice, '/by-header/');
    for (const { shop, clients, home } of crowds) {
      for (const connection of connections) {
        const visits = await visitAll(connection, clients);
        expect(shop.sameOf(visits)).toEqual(home);
        expect(givenIn(visits)).toEqual(new Set());
      }
    }
  };
  await expectAllAtHome();
  for (const who of ['worker', 'control'] as const) {
    await killAndAwait(sluice, who);
    await expectAllAtHome();
  }
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    process.kill(-sluice.pid, signal);
    await sluice.exited;
    sluice = await startSluice(t, { document, dataDir: sluice.dataDir });
    await expectAllAtHome();
  }
  // The past was saved, too: whoever had been in green comes there again.
  for (const { shop, clients, atHalf } of crowds) {
    await setWeights(sluice, { blue: 50, green: 50 }, shop.id);
    expect(poolsOf(await visitAll(connections[0]!, clients))).toEqual(atHalf);
  }
});

describe('cookies', () => {
  test('signed by a key that no longer signs are good, and are issued anew; nobody is lost who comes once in three rotations', async (t) => {
    const sluice = await startSluice(t, { document: await documentOf(t, { target: true }) });
    const rotate = () => sluice.api('POST', '/v1/signing-keys/rotate?force=true');
    let connections = await connectToEach(t, sluice);
    await setWeights(sluice, { blue: 50, green: 50 });
    const [clients, lateComer] = [newClients(30), newClient()];
    const home = placesOf(await visitAll(connections[0]!, clients));
    await visit(connections[0]!, lateComer);
    const idOf = ({ cookies }: Client) => cookies.get(clientCookie)!.split('.')[1];
    const ids = clients.map(idOf);

    for (let turn = 0; turn < 2; turn++) {
      for (let count = 0; count < 3; count++) {
        expect(await rotate()).toMatchObject({ status: 200, body: { applied: [{ worker: 1 }, { worker: 2 }] } });
      }
      const [first, again] = [await visitAll(connections[1]!, clients), await visitAll(connections[0]!, clients)];
      expect([placesOf(first), placesOf(again)]).toEqual([home, home]);
      expect([givenIn(first), givenIn(again)]).toEqual([new Set([clientCookie, targetCookie]), new Set()]);
    }
    expect(clients.map(idOf)).toEqual(ids);
    // Which keys there are is known to a process that starts, too.
    for (const who of ['control', 'worker'] as const) await killAndAwait(sluice, who);
    connections = await connectToEach(t, sluice);
    for (const connection of connections) expect(placesOf(await visitAll(connection, clients))).toEqual(home);
    // Who stays away for longer is a new client.
    const before = idOf(lateComer);
    expect((await visit(connections[0]!, lateComer)).given).toContain(clientCookie);
    expect(idOf(lateComer)).not.toBe(before);
  });

  test('with one character changed, whichever it is, make a new client', async (t) => {
    const sluice = await startSluice(t, { document: await documentOf(t, { target: true }), workers: 1 });
    const [connection] = await connectToEach(t, sluice);
    const client = newClient();
    await visit(connection!, client);
    const good = client.cookies.get(clientCookie)!;
    const changed = Array.from(
      good,
      (character, index) => `${good.slice(0, index)}${character === '0' ? '1' : '0'}${good.slice(index + 1)}`,
    );
    // The last one stands for four bits, so that others would mean the same where bytes were compared.
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    changed.push(...Array.from(alphabet, (character) => good.slice(0, -1) + character).filter((value) => value !== good));
    for (const value of changed) {
      const forger = newClient();
      forger.cookies.set(clientCookie, value);
      expect({ value, given: (await visit(connection!, forger)).given }).toMatchObject({ given: [clientCookie, targetCookie] });
      expect([good, value].map((cookie) => cookie.split('.')[1])).not.toContain(forger.cookies.get(clientCookie)!.split('.')[1]);
    }
    // The one that was copied still is who it was.
    expect((await visit(connection!, client)).given).toEqual([]);

    // One that names a target only binds to that: without it the client is given another, in the same pool.
    const token = client.cookies.get(targetCookie)!;
    client.cookies.set(targetCookie, `${token.startsWith('0') ? '1' : '0'}${token.slice(1)}`);
    expect(await visit(connection!, client)).toMatchObject({ pool: 'blue', given: [targetCookie] });
  });
});

test('with `onShrink: keep` a shrinking pool keeps its clients, through crashes, until an undo moves them at once', async (t) => {
  const sluice = await startSluice(t, { document: await documentOf(t, { onShrink: 'keep' }) });
  let connections = await connectToEach(t, sluice);
  const undo = async () => expect((await sluice.api('POST', '/v1/undo')).status).toBe(200);
  const expectPool = async (pool: string, clients: readonly Client[]) => {
    for (const connection of connections) expect(new Set(poolsOf(await visitAll(connection, clients)))).toEqual(new Set([pool]));
  };
  const first = newClients(20);
  await expectPool('blue', first);

  await setWeights(sluice, { blue: 50, green: 50 });
  const later = newClients(40);
  const visits = await visitAll(connections[0]!, later);
  const [onBlue, onGreen] = ['blue', 'green'].map((pool) => later.filter((_, index) => visits[index]!.pool === pool));
  expect(Math.min(onBlue!.length, onGreen!.length)).toBeGreaterThan(10);
  await expectPool('blue', [...first, ...onBlue!]);

  // A weight that is lowered moves nobody, and brings nobody new.
  await setWeights(sluice, { blue: 100, green: 0 });
  for (const who of ['worker', 'control'] as const) {
    await killAndAwait(sluice, who);
    connections = await connectToEach(t, sluice);
    await expectPool('green', onGreen!);
    await expectPool('blue', [...first, ...onBlue!, ...newClients(10)]);
  }

  // One step back, and green has its weight again; another, and it had never been given any.
  await undo();
  await expectPool('green', onGreen!);
  await undo();
  await expectPool('blue', [...first, ...later]);
});
