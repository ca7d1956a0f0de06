import { expect, test } from 'vitest';
import { startProxy } from '../support/data-plane.ts';
import { settle } from '../support/raw-client.ts';
import { startRawTarget, startTarget } from '../support/target.ts';

test('twenty requests sent at once are answered in order, with failures among them', async (t) => {
  const target = await startTarget(t, (incoming, outgoing) => {
    if (incoming.url === '/die') {
      incoming.socket.destroy();
      return;
    }
    incoming.on('data', (chunk) => outgoing.write(chunk));
    incoming.on('end', () => outgoing.end(`${incoming.method} ${incoming.url}`));
  });
  const proxy = await startProxy(t, {
    pools: { blue: [target] },
    retryAttempts: 0,
    matches: [{ path: { kind: 'prefix', value: '/in' } }, { path: { kind: 'exact', value: '/die' } }],
  });
  const requests = Array.from({ length: 20 }, (_, index) => {
    if (index % 7 === 3) return { text: 'GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n', status: 404, body: 'no_route' };
    if (index % 7 === 5)
      return { text: 'POST /die HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc', status: 502, body: 'connection_terminated' };
    if (index % 3 === 0) {
      const text = `POST /in/${index} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n`;
      return { text, status: 200, body: `bodyPOST /in/${index}` };
    }
    return { text: `GET /in/${index} HTTP/1.1\r\nHost: a\r\n\r\n`, status: 200, body: `GET /in/${index}` };
  });
  const client = await proxy.connect();
  client.send(requests.map(({ text }) => text).join(''));
  for (const { status, body } of requests) {
    const answer = await client.answer();
    expect(answer.status).toBe(status);
    expect(answer.body).toContain(body);
  }
  expect(proxy.lines.map(({ status }) => status)).toEqual(requests.map(({ status }) => status));
});

test('a second request waits until the first, slow one is answered', async (t) => {
  const target = await startRawTarget(t);
  const proxy = await startProxy(t, { pools: { blue: [target] } });
  const client = await proxy.connect();
  client.send('GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n');
  const peer = await target.peer(0);
  await peer.contains('GET /1 ');
  await settle();
  expect(peer.text).not.toContain('/2');
  peer.send('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst');
  await peer.contains('GET /2 ');
  peer.send('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond');
  expect((await client.answer()).body).toBe('first');
  expect((await client.answer()).body).toBe('second');
  expect(target.accepted).toBe(1);
});

test('a request that is malformed is answered after those before it, and ends the connection', async (t) => {
  const target = await startTarget(t, (_incoming, outgoing) => outgoing.end('ok'));
  const proxy = await startProxy(t, { pools: { blue: [target] } });
  const client = await proxy.connect();
  client.send('GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nBad Field: x\r\n\r\nGET /3 HTTP/1.1\r\nHost: a\r\n\r\n');
  expect((await client.answer()).status).toBe(200);
  expect((await client.answer()).status).toBe(400);
  expect(await client.ended).toBe('fin');
  expect(proxy.lines).toHaveLength(2);
});

test('a request behind the last one of a connection is not served', async (t) => {
  const target = await startTarget(t, (_incoming, outgoing) => outgoing.end('ok'));
  const proxy = await startProxy(t, { pools: { blue: [target] } });
  const client = await proxy.connect();
  client.send('GET /1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n');
  expect((await client.answer()).status).toBe(200);
  expect(await client.ended).toBe('fin');
  expect(proxy.lines).toHaveLength(1);
});

test('a head that never becomes complete is logged as itself, not as the request before it', async (t) => {
  const target = await startTarget(t, (_incoming, outgoing) => outgoing.end('ok'));
  const proxy = await startProxy(t, { pools: { blue: [target] } });
  const client = await proxy.connect();
  await client.ask('HEAD /before HTTP/1.1');
  client.send('GET /x HTTP/1.1\nHost: a\n\n');
  const answer = await client.answer('GET');
  expect([answer.status, answer.body]).toEqual([400, expect.stringContaining('malformed_request')]);
  expect(proxy.lines[1]).toMatchObject({ method: '', path: '', host: '', status: 400 });
});

test('thousands of small requests in one packet are all answered', async (t) => {
  const target = await startTarget(t, (incoming, outgoing) => outgoing.end(incoming.url));
  const proxy = await startProxy(t, { pools: { blue: [target] } });
  const client = await proxy.connect();
  const count = 3000;
  client.send(Array.from({ length: count }, (_, index) => `GET /${index} HTTP/1.1\r\nHost: a\r\n\r\n`).join(''));
  await client.contains('HTTP/1.1 200 OK', count);
  await client.contains(`\r\n\r\n/${count - 1}`);
  expect(proxy.lines.map(({ path }) => path)).toEqual(Array.from({ length: count }, (_, index) => `/${index}`));
  expect(target.accepted).toBe(1);
});
