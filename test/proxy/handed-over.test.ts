/** Connections that another worker has accepted and handed over, and what becomes of those for which there is no room. */
import { createServer, type Server } from 'node:net';
import { expect, test, type TestContext, vi } from 'vitest';
import type { OtherWorkers } from '../../proxy/data-plane.ts';
import { startProxy, type TestProxy } from '../support/data-plane.ts';
import { connectRaw, type Peer } from '../support/raw-client.ts';
import { startTarget } from '../support/target.ts';

/** What node:net has below a server. */
interface ListeningServer extends Server {
  readonly _handle: { onconnection: (error: number, handle: object) => void };
}

/** Connects as if another worker had accepted: the proxy gets the bare handle. Resolves when it has it. */
async function handingOver(t: TestContext, proxy: TestProxy, fullAt: readonly number[] = []): Promise<() => Promise<Peer>> {
  const server = createServer() as ListeningServer;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.onTestFinished(() => void server.close());
  let onHanded = (): void => {};
  server._handle.onconnection = (_error, handle) => {
    proxy.plane.adopt(handle, 'web', fullAt);
    onHanded();
  };
  const { port } = server.address() as { readonly port: number };
  return async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    onHanded = resolve;
    const client = await connectRaw(t, port);
    await promise;
    return client;
  };
}

/** Other workers, and what they are asked for. */
function someWorkers({ haveRoom }: { readonly haveRoom: boolean }) {
  const asked: (readonly number[])[] = [];
  const workers = { haveRoom };
  const otherWorkers: OtherWorkers = {
    spread: () => false,
    makeRoom: (socket, _listener, fullAt) => {
      asked.push(fullAt);
      if (workers.haveRoom) socket.end('taken elsewhere');
      return workers.haveRoom;
    },
  };
  return { otherWorkers, asked, workers };
}

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;

/** A quarter of the reserve. */
const line = 16;

/** A proxy with room for two clients, which are there, and whose requests are not answered before `release`. */
async function startFull(t: TestContext, otherWorkers: OtherWorkers) {
  const held: (() => void)[] = [];
  const target = await startTarget(t, (incoming, outgoing) => {
    if (incoming.url === '/hold') held.push(() => outgoing.end('held'));
    else outgoing.end('ok');
  });
  const proxy = await startProxy(t, { pools: { blue: [target] }, descriptors: 64 + 2 * 2, otherWorkers });
  proxy.warnings.length = 0;
  const connect = await handingOver(t, proxy);
  const busy = [await connect(), await connect()];
  for (const client of busy) client.send(get('/hold'));
  await vi.waitFor(() => expect(held).toHaveLength(2), { interval: 5 });
  expect(proxy.warnings.splice(0)).toMatchObject([{ clients: 2 }]);
  const release = async (): Promise<void> => {
    for (const answer of held.splice(0)) answer();
    for (const client of busy) {
      expect((await client.answer()).body).toBe('held');
      client.end();
    }
  };
  return { proxy, connect, release };
}

test('where descriptors are short they wait in a line that is bounded, unread, and are served in their turn', async (t) => {
  const { otherWorkers, asked } = someWorkers({ haveRoom: false });
  const { proxy, connect, release } = await startFull(t, otherWorkers);
  expect([...proxy.plane.rooms()]).toEqual([['web', 0]]);
  const waiting: Peer[] = [];
  for (let count = 0; count < line; count++) waiting.push(await connect());
  for (const client of waiting) client.send(get('/'));
  expect(proxy.report().connections).toBe(2 + line);
  const late = await connect();
  expect((await late.answer()).status).toBe(503);
  proxy.countTurnedAway();
  expect(asked.length).toBeGreaterThan(0);
  expect(waiting.map(({ text }) => text)).toEqual(waiting.map(() => ''));

  await release();
  for (const client of waiting) {
    expect((await client.answer()).body).toBe('ok');
    client.end();
  }
});

test('who waits goes to another worker as soon as one has room', async (t) => {
  const { otherWorkers, workers } = someWorkers({ haveRoom: false });
  const { proxy, connect, release } = await startFull(t, otherWorkers);
  const waiting = [await connect(), await connect()];
  workers.haveRoom = true;
  for (const client of waiting) await client.contains('taken elsewhere');
  expect(proxy.report().connections).toBe(2);
  await release();
});

test('a drain serves those who wait', async (t) => {
  const { otherWorkers } = someWorkers({ haveRoom: false });
  const { proxy, connect, release } = await startFull(t, otherWorkers);
  const waiting = await connect();
  waiting.send(get('/'));
  const drained = proxy.plane.drain(20_000);
  await release();
  const answer = await waiting.answer();
  expect([answer.body, answer.field('connection')]).toEqual(['ok', 'close']);
  waiting.end();
  await drained;
});

test('over the limit of a listener they go where there is room, with word of where there was none, or are turned away at once', async (t) => {
  const target = await startTarget(t, (_incoming, outgoing) => outgoing.end('ok'));
  const { otherWorkers, asked, workers } = someWorkers({ haveRoom: true });
  const proxy = await startProxy(t, { pools: { blue: [target] }, limits: { connections: 3 }, workers: 2, otherWorkers });
  const connect = await handingOver(t, proxy, [7]);
  expect([...proxy.plane.rooms()]).toEqual([['web', 2]]);
  const first = await connect();
  const second = await proxy.connect();
  expect((await first.ask(get('/'))).status).toBe(200);
  expect((await second.ask(get('/'))).status).toBe(200);
  expect([...proxy.plane.rooms()]).toEqual([['web', 0]]);

  await (await connect()).contains('taken elsewhere');
  await (await proxy.connect()).contains('taken elsewhere');
  expect(asked).toEqual([[7], []]);
  workers.haveRoom = false;
  expect((await (await connect()).answer()).status).toBe(503);
  proxy.countTurnedAway();
});

test('whoever drains has room for nobody', async (t) => {
  const proxy = await startProxy(t, {});
  expect([...proxy.plane.rooms()]).toEqual([['web', Infinity]]);
  await proxy.plane.drain(1000);
  expect([...proxy.plane.rooms()]).toEqual([['web', 0]]);
});
