import { expect, test, type TestContext } from 'vitest';
import { startProxy } from '../support/data-plane.ts';
import { aRetryPolicy } from '../support/model.ts';
import type { Peer } from '../support/raw-client.ts';
import { deadPort, startRawTarget } from '../support/target.ts';

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';

/** Two targets with ten requests each, which they have read and not answered. */
async function twentyInFlight(t: TestContext, budgetShare: number) {
  const asked: Peer[][] = [[], []];
  const [first, second] = await Promise.all(
    asked.map((peers) => startRawTarget(t, (peer) => peer.socket.on('data', () => peers.push(peer)))),
  );
  const pools = { blue: [first!, second!] };
  const policies = { all: { ejection: { failures: 0, baseMs: 1, maxMs: 1, maxShare: 0 } } };
  const proxy = await startProxy(t, { pools, policies, service: { retry: aRetryPolicy({ budgetShare }) } });
  const clients = await Promise.all(Array.from({ length: 20 }, () => proxy.connect()));
  for (const client of clients) client.send(get);
  for (let index = 0; index < 10; index++) {
    await (await first!.peer(index)).contains('\r\n\r\n');
    await (await second!.peer(index)).contains('\r\n\r\n');
  }
  return { proxy, clients, first: asked[0]!, second: asked[1]!, target: second! };
}

test.for([
  { share: 0, retried: 3 },
  { share: 0.2, retried: 4 },
  { share: 1, retried: 10 },
])('where ten of twenty requests break at once, $retried are sent again with a budget of $share', async ({ share, retried }, t) => {
  const { proxy, clients, first, second, target } = await twentyInFlight(t, share);
  for (const peer of first) peer.reset();
  for (let index = 10; index < 10 + retried; index++) await (await target.peer(index)).contains('\r\n\r\n');
  for (const peer of second) peer.send(ok);
  const statuses = await Promise.all(clients.map(async (client) => (await client.answer()).status));
  expect(statuses.filter((status) => status === 200)).toHaveLength(10 + retried);
  expect(statuses.filter((status) => status === 502)).toHaveLength(10 - retried);
  expect(proxy.report().services[0]).toMatchObject({ retries: retried, retriesRefused: 10 - retried });
});

test('the budget is there again when the requests are over', async (t) => {
  const dying = await startRawTarget(t, (peer) => peer.socket.on('data', () => peer.end()));
  const target = await startRawTarget(t, (peer) => peer.socket.on('data', () => peer.send(ok)));
  const policies = { all: { ejection: { failures: 0, baseMs: 1, maxMs: 1, maxShare: 0 } } };
  const proxy = await startProxy(t, {
    pools: { blue: [dying, target], red: [dying, dying] },
    policies,
    service: { retry: aRetryPolicy({ budgetShare: 0 }) },
  });
  const client = await proxy.connect();
  for (let count = 0; count < 20; count++) expect((await client.ask(get)).status).toBe(200);
  // Nor does it stay used up where the retry fails as well.
  proxy.apply({ weights: { blue: 0, red: 1 } });
  for (let count = 0; count < 10; count++) expect((await client.ask(get)).status).toBe(502);
  expect(proxy.report().services[0]).toMatchObject({ retries: 20, retriesRefused: 0 });
});

test('a target that cannot be connected to costs no budget: it has not seen the request', async (t) => {
  const target = await startRawTarget(t);
  const dead = { host: '127.0.0.1', port: await deadPort() };
  const proxy = await startProxy(t, { pools: { blue: [dead, target] }, service: { retry: aRetryPolicy({ budgetShare: 0 }) } });
  const clients = await Promise.all(Array.from({ length: 20 }, () => proxy.connect()));
  for (const client of clients) client.send(get);
  for (let index = 0; index < 20; index++) await (await target.peer(index)).contains('\r\n\r\n');
  for (let index = 0; index < 20; index++) (await target.peer(index)).send(ok);
  for (const client of clients) expect((await client.answer()).status).toBe(200);
  expect(proxy.report().services[0]!.retriesRefused).toBe(0);
});

test('nor does the replacement of kept connections that have become stale', async (t) => {
  // Each of the first ten connections breaks at its second request.
  const target = await startRawTarget(t, (peer, index) =>
    peer.socket.on('data', () => {
      if (index < 10 && peer.text.split('\r\n\r\n').length > 2) peer.reset();
      else if (index >= 10) peer.send(ok);
    }),
  );
  const proxy = await startProxy(t, { pools: { blue: [target] }, service: { retry: aRetryPolicy({ attempts: 0, budgetShare: 0 }) } });
  const clients = await Promise.all(Array.from({ length: 10 }, () => proxy.connect()));
  for (const client of clients) client.send(get);
  for (let index = 0; index < 10; index++) await (await target.peer(index)).contains('\r\n\r\n');
  for (let index = 0; index < 10; index++) (await target.peer(index)).send(ok);
  for (const client of clients) expect((await client.answer()).status).toBe(200);
  for (const client of clients) client.send(get);
  for (const client of clients) expect((await client.answer()).status).toBe(200);
  expect(target.accepted).toBe(20);
  expect(proxy.report().services[0]).toMatchObject({ retries: 10, retriesRefused: 0 });
});

test('where there is nobody else to send it to, it is not the budget that refuses', async (t) => {
  const dying = await startRawTarget(t);
  const proxy = await startProxy(t, { pools: { blue: [dying] }, service: { retry: aRetryPolicy({ budgetShare: 0 }) } });
  const clients = await Promise.all(Array.from({ length: 8 }, () => proxy.connect()));
  for (const client of clients) client.send(get);
  for (let index = 0; index < 8; index++) await (await dying.peer(index)).contains('\r\n\r\n');
  for (let index = 0; index < 8; index++) (await dying.peer(index)).reset();
  for (const client of clients) expect((await client.answer()).status).toBe(502);
  expect(proxy.report().services[0]).toMatchObject({ retries: 0, retriesRefused: 0 });
});

test('a retry that finds nobody takes nothing of the budget, also where the fallback answers for long', async (t) => {
  const dying = await startRawTarget(t, (peer) => peer.socket.on('data', () => peer.end()));
  const blue = await startRawTarget(t);
  const proxy = await startProxy(t, {
    pools: { blue: [blue], green: [dying, dying] },
    weights: { green: 1 },
    targets: { 'green/t2': { state: 'maint' } },
    service: { fallback: 'blue', retry: aRetryPolicy({ budgetShare: 0, rescue: true }) },
  });
  const clients = await Promise.all(Array.from({ length: 6 }, () => proxy.connect()));
  for (const client of clients) client.send(get);
  for (let index = 0; index < 6; index++) await (await blue.peer(index)).contains('\r\n\r\n');
  expect(proxy.report().services[0]).toMatchObject({ retries: 0, retriesRefused: 0 });
  for (let index = 0; index < 6; index++) (await blue.peer(index)).send(ok);
  for (const client of clients) expect((await client.answer()).status).toBe(200);
});
