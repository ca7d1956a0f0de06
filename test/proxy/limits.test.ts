import { describe, expect, test } from 'vitest';
import { startProxy } from '../support/data-plane.ts';
import { startTarget } from '../support/target.ts';

describe('a listener', () => {
  test('answers a connection over its limit with 503 and closes it, and takes the next when one has gone', async (t) => {
    const target = await startTarget(t, (_incoming, outgoing) => outgoing.end('ok'));
    const proxy = await startProxy(t, { pools: { blue: [target] }, limits: { connections: 2 } });
    const first = await proxy.connect();
    const second = await proxy.connect();
    await first.ask('GET / HTTP/1.1');
    await second.ask('GET / HTTP/1.1');

    const third = await proxy.connect();
    const answer = await third.ask('GET / HTTP/1.1');
    expect([answer.status, answer.field('connection'), answer.field('retry-after')]).toEqual([503, 'close', '1']);
    expect(answer.body).toContain('connection_limit');
    expect(await third.ended).toBe('fin');
    proxy.countTurnedAway();

    first.end();
    await first.ended;
    const fourth = await proxy.connect();
    expect((await fourth.ask('GET / HTTP/1.1')).status).toBe(200);
  });

  test('limits the connections of one client', async (t) => {
    const target = await startTarget(t, (_incoming, outgoing) => outgoing.end('ok'));
    const proxy = await startProxy(t, { pools: { blue: [target] }, limits: { connectionsPerClient: 1 } });
    const first = await proxy.connect();
    await first.ask('GET / HTTP/1.1');
    const second = await proxy.connect();
    expect((await second.ask('GET / HTTP/1.1')).status).toBe(503);
    expect(await second.ended).toBe('fin');
    proxy.countTurnedAway();
    expect((await first.ask('GET / HTTP/1.1')).status).toBe(200);
  });

  test('counts upgraded connections among its connections', async (t) => {
    const target = await startTarget(t, () => {});
    target.server.on('upgrade', (_incoming, socket) => {
      socket.on('end', () => socket.end());
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
    });
    const proxy = await startProxy(t, { pools: { blue: [target] }, limits: { connections: 1 } });
    const first = await proxy.connect();
    await first.ask('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
    expect(proxy.report().connections).toBe(1);
    const second = await proxy.connect();
    expect((await second.ask('GET / HTTP/1.1')).status).toBe(503);
    proxy.countTurnedAway();
  });

  test.for([
    ['a head', `GET / HTTP/1.1\r\nHost: a\r\nX-Long: ${'x'.repeat(1000)}\r\n\r\n`, 431],
    ['a head that does not end', `GET / HTTP/1.1\r\nHost: a\r\nX-Long: ${'x'.repeat(1000)}`, 431],
    ['a request line', `GET /${'x'.repeat(1000)} HTTP/1.1\r\nHost: a\r\n\r\n`, 414],
    ['a request line that does not end', `GET /${'x'.repeat(1000)}`, 414],
    ['a number of fields', `GET / HTTP/1.1\r\nHost: a\r\n${'X: y\r\n'.repeat(20)}\r\n`, 431],
  ] as const)('refuses %s over its limit', async ([, sent, status], t) => {
    const target = await startTarget(t, (_incoming, outgoing) => outgoing.end('ok'));
    const proxy = await startProxy(t, { pools: { blue: [target] }, limits: { headBytes: 512, fields: 20 } });
    const client = await proxy.connect();
    client.send(sent);
    const answer = await client.answer();
    expect([answer.status, answer.field('connection')]).toEqual([status, 'close']);
    expect(await client.ended).toBe('fin');
    expect(target.accepted).toBe(0);
  });

  test('takes what is exactly at its limits', async (t) => {
    const target = await startTarget(t, (_incoming, outgoing) => outgoing.end('ok'));
    const proxy = await startProxy(t, { pools: { blue: [target] }, limits: { headBytes: 512, fields: 20 } });
    const client = await proxy.connect();
    const start = 'GET / HTTP/1.1\r\nHost: a\r\nX: ';
    const head = `${start}${'x'.repeat(512 - start.length)}\r\n\r\n`;
    expect((await client.ask(head)).status).toBe(200);
    expect((await client.ask(`GET / HTTP/1.1\r\nHost: a\r\n${'X: y\r\n'.repeat(19)}\r\n`)).status).toBe(200);
  });

  test('follows the limits of a new revision', async (t) => {
    const target = await startTarget(t, (incoming, outgoing) => incoming.pipe(outgoing));
    const proxy = await startProxy(t, { pools: { blue: [target] } });
    const client = await proxy.connect();
    expect((await client.ask('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello')).status).toBe(200);
    proxy.apply({ limits: { bodyBytes: 4 } });
    expect((await client.ask('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n')).status).toBe(413);
  });
});

test('counts add up: by pool, target, code, cause and duration', async (t) => {
  const target = await startTarget(t, (incoming, outgoing) => {
    if (incoming.url === '/die') incoming.socket.destroy();
    else outgoing.writeHead(Number(incoming.url!.slice(1))).end();
  });
  const proxy = await startProxy(t, { pools: { blue: [target] }, matches: [{ methods: ['GET', 'POST'] }] });
  const client = await proxy.connect();
  for (const request of ['GET /200', 'GET /404', 'GET /404', 'POST /die', 'GET /500', 'PUT /200']) await client.ask(`${request} HTTP/1.1`);
  const report = proxy.report();
  expect(report).toMatchObject({ revision: 1, connections: 1, inFlight: 0, terminations: { no_route: 1, connection_terminated: 1 } });
  const [pool] = report.services[0]!.pools;
  expect(pool!.targets[0]!.codes).toEqual({ 200: 1, 404: 2, 500: 1, 502: 1 });
  expect(pool!.durations.counts.reduce((sum, count) => sum + count, 0)).toBe(5);
});
