import { describe, expect, test } from 'vitest';
import { connectFailure } from '../../proxy/http1/connect-failure.ts';
import { startProxy } from '../support/data-plane.ts';
import { type Peer, settle } from '../support/raw-client.ts';
import { deadPort, startRawTarget, startTarget } from '../support/target.ts';

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const dead = async () => ({ host: '127.0.0.1', port: await deadPort() });

describe('when a target refuses the connection', () => {
  test.for(['GET', 'POST', 'DELETE', 'PATCH'])('another of its pool gets the %s, with its body', async (method, t) => {
    const target = await startTarget(t, (incoming, outgoing) => incoming.pipe(outgoing));
    const proxy = await startProxy(t, { pools: { blue: [await dead(), target, await dead()] }, retryAttempts: 2 });
    const client = await proxy.connect();
    for (let count = 0; count < 6; count++) {
      const answer = await client.ask(`${method} / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello`);
      expect([answer.status, answer.body]).toEqual([200, 'hello']);
    }
    // The first goes over a new connection, the others over the one that was kept.
    expect(target.accepted).toBe(1);
    expect(proxy.report().services[0]!.retries).toBeGreaterThan(2);
    expect(proxy.lines.every(({ target: id, cause }) => id === 't2' && cause === '')).toBe(true);
  });

  test.for([
    ['in chunks', 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n', '5\r\nhello\r\n0\r\n\r\n', 'hello'],
    ['by length', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n', 'x'.repeat(200_000), 'x'.repeat(200_000)],
  ] as const)('a body that arrives meanwhile reaches the other whole, %s', async ([, head, rest, body], t) => {
    const target = await startTarget(t, (incoming, outgoing) => incoming.pipe(outgoing));
    const proxy = await startProxy(t, { pools: { blue: [await dead(), target] } });
    const client = await proxy.connect();
    for (let count = 0; count < 4; count++) {
      client.send(head);
      client.send(rest);
      expect((await client.answer()).body).toBe(body);
      client.send(head);
      await settle();
      client.send(rest);
      expect((await client.answer()).body).toBe(body);
    }
  });

  test('and so do all others, the client is answered 502', async (t) => {
    const proxy = await startProxy(t, { pools: { blue: [await dead(), await dead(), await dead()] }, retryAttempts: 10 });
    const client = await proxy.connect();
    const answer = await client.ask('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello');
    expect([answer.status, answer.field('proxy-status')]).toEqual([502, 'sluice; error=connection_refused; details="connection_refused"']);
    expect(proxy.lines).toMatchObject([{ status: 502, cause: 'connection_refused', pool: 'blue' }]);
    expect(proxy.report().services[0]!.retries).toBe(2);
  });

  test.for([0, 1, 2])('no more than %i others are tried where that is the limit', async (attempts, t) => {
    const proxy = await startProxy(t, { pools: { blue: await Promise.all([1, 2, 3, 4].map(dead)) }, retryAttempts: attempts });
    const client = await proxy.connect();
    expect((await client.ask('GET / HTTP/1.1')).status).toBe(502);
    expect(proxy.report().services[0]!.retries).toBe(attempts);
  });

  test('only the requests whose turn is at the dead target begin there: half of them where it is one of two', async (t) => {
    const target = await startTarget(t, (incoming, outgoing) => incoming.pipe(outgoing));
    const proxy = await startProxy(t, { pools: { blue: [target, await dead()] } });
    const client = await proxy.connect();
    for (let count = 0; count < 100; count++) expect((await client.ask('GET / HTTP/1.1\r\nHost: a\r\n\r\n')).status).toBe(200);
    expect(proxy.report().services[0]!.retries).toBe(50);
  });

  test('a target of another pool is not tried', async (t) => {
    const target = await startTarget(t, (_incoming, outgoing) => outgoing.end('ok'));
    const proxy = await startProxy(t, {
      pools: { blue: [await dead()], green: [target] },
      weights: { blue: 1, green: 0 },
      retryAttempts: 5,
    });
    const client = await proxy.connect();
    expect((await client.ask('GET / HTTP/1.1')).status).toBe(502);
    expect(target.accepted).toBe(0);
  });
});

describe('when a target dies after it was sent a request', () => {
  test('a GET goes to another, once, whatever the limit', async (t) => {
    let asked = 0;
    const deadly = await startRawTarget(t, (peer) => {
      peer.socket.on('data', () => {
        asked++;
        peer.end();
      });
    });
    const proxy = await startProxy(t, { pools: { blue: [deadly, deadly, deadly, deadly] }, retryAttempts: 10 });
    const client = await proxy.connect();
    expect((await client.ask('GET / HTTP/1.1')).status).toBe(502);
    expect(asked).toBe(2);
  });

  test('a GET is not sent again where retries are off', async (t) => {
    const deadly = await startRawTarget(t, (peer) => peer.socket.on('data', () => peer.end()));
    const proxy = await startProxy(t, { pools: { blue: [deadly, deadly] }, retryAttempts: 0 });
    const client = await proxy.connect();
    expect((await client.ask('GET / HTTP/1.1')).status).toBe(502);
    expect(deadly.accepted).toBe(1);
  });

  test.for([
    'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n',
    'PATCH / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab',
    'PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab',
    'DELETE / HTTP/1.1\r\nHost: a\r\n\r\n',
    `GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 70000\r\n\r\n${'x'.repeat(70_000)}`,
  ])('%j is not sent twice', async (request, t) => {
    const deadly = await startRawTarget(t, (peer) => peer.socket.on('data', () => peer.end()));
    const proxy = await startProxy(t, { pools: { blue: [deadly, deadly] }, retryAttempts: 5 });
    const client = await proxy.connect();
    expect((await client.ask(request)).status).toBe(502);
    expect(deadly.accepted).toBe(1);
  });

  test('nothing is sent again once an interim answer has come', async (t) => {
    const deadly = await startRawTarget(t, (peer) => {
      peer.socket.on('data', () => {
        peer.send('HTTP/1.1 103 Early Hints\r\n\r\n');
        peer.end();
      });
    });
    const proxy = await startProxy(t, { pools: { blue: [deadly, deadly] }, retryAttempts: 5 });
    const client = await proxy.connect();
    expect((await client.ask('GET / HTTP/1.1')).status).toBe(103);
    expect((await client.answer()).status).toBe(502);
    expect(deadly.accepted).toBe(1);
  });
});

describe('when a target closes a kept connection at the moment it is used', () => {
  /** Answers the first request of each connection, and closes at the second, as a target does that found it idle. */
  const closing = (asked: string[]) => (peer: Peer) => {
    let first = true;
    peer.socket.on('data', (chunk: Buffer) => {
      asked.push(chunk.toString('latin1').split(' ')[0]!);
      if (first) peer.send(ok);
      else peer.end();
      first = false;
    });
  };

  test('a GET is answered over a new connection, also where retries are off', async (t) => {
    const asked: string[] = [];
    const target = await startRawTarget(t, closing(asked));
    const proxy = await startProxy(t, { pools: { blue: [target] }, retryAttempts: 0 });
    const client = await proxy.connect();
    for (let count = 0; count < 5; count++) expect((await client.ask('GET / HTTP/1.1')).status).toBe(200);
    expect(proxy.lines.every(({ cause }) => cause === '')).toBe(true);
  });

  test('a POST is not sent twice', async (t) => {
    const asked: string[] = [];
    const target = await startRawTarget(t, closing(asked));
    const proxy = await startProxy(t, { pools: { blue: [target] } });
    const client = await proxy.connect();
    await client.ask('GET / HTTP/1.1');
    const answer = await client.ask('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab');
    expect(answer.status).toBe(502);
    expect(asked).toEqual(['GET', 'POST']);
  });

  test('a GET whose new connection dies as well is answered 502', async (t) => {
    let asked = 0;
    const target = await startRawTarget(t, (peer) => {
      peer.socket.on('data', () => {
        if (asked++ === 0) peer.send(ok);
        else peer.end();
      });
    });
    const proxy = await startProxy(t, { pools: { blue: [target, target] }, retryAttempts: 5 });
    const client = await proxy.connect();
    await client.ask('GET / HTTP/1.1');
    // The first target was asked twice, or the other one once and a third once: never more than two in all.
    expect((await client.ask('GET / HTTP/1.1')).status).toBe(502);
    expect(asked).toBe(3);
  });
});

describe('a target that cannot be reached', () => {
  test('because its name does not exist is answered 502 dns_error', async (t) => {
    const proxy = await startProxy(t, { pools: { blue: [{ host: 'nobody.invalid', port: 80 }] } });
    const client = await proxy.connect();
    const answer = await client.ask('GET / HTTP/1.1');
    expect([answer.status, answer.field('proxy-status')]).toEqual([502, 'sluice; error=dns_error; details="dns_error"']);
  });

  test('by its name is passed over for another', async (t) => {
    const target = await startTarget(t, (_incoming, outgoing) => outgoing.end('ok'));
    const proxy = await startProxy(t, { pools: { blue: [{ host: 'nobody.invalid', port: 80 }, target] } });
    const client = await proxy.connect();
    for (let count = 0; count < 2; count++) expect((await client.ask('GET / HTTP/1.1')).status).toBe(200);
  });

  test('because there is no way to it is answered 502', async (t) => {
    // Nobody can be connected to at the broadcast address.
    const proxy = await startProxy(t, { pools: { blue: [{ host: '255.255.255.255', port: 9 }] } });
    const client = await proxy.connect();
    expect((await client.ask('GET / HTTP/1.1')).status).toBe(502);
    expect(['unroutable', 'connection_failed']).toContain(proxy.lines[0]!.cause);
  });

  test.for([
    ['ECONNREFUSED', 'connection_refused'],
    ['ETIMEDOUT', 'connection_timeout'],
    ['ENOTFOUND', 'dns_error'],
    ['EAI_AGAIN', 'dns_error'],
    ['EHOSTUNREACH', 'unroutable'],
    ['ENETUNREACH', 'unroutable'],
    ['EACCES', 'connection_failed'],
    ['EMFILE', 'proxy_exhausted'],
    ['ENFILE', 'proxy_exhausted'],
    ['ENOBUFS', 'proxy_exhausted'],
  ] as const)('is given a cause by the error: %s is %s', ([code, cause]) => {
    expect(connectFailure(Object.assign(new Error('x'), { code })).cause).toBe(cause);
    // A name with several addresses fails with the errors of all.
    expect(connectFailure(new AggregateError([Object.assign(new Error('x'), { code })])).cause).toBe(cause);
  });

  test('without any error is connection_failed', () => {
    expect(connectFailure(undefined).cause).toBe('connection_failed');
  });

  test('at first, and then can, serves again: nothing is remembered against it', async (t) => {
    const port = await deadPort();
    const proxy = await startProxy(t, { pools: { blue: [{ host: '127.0.0.1', port }] } });
    const client = await proxy.connect();
    client.send(get);
    expect((await client.answer()).status).toBe(502);
    const target = await startTarget(t, (_incoming, outgoing) => outgoing.end('ok'));
    proxy.apply({ pools: { blue: [target] } });
    expect((await client.ask('GET / HTTP/1.1')).status).toBe(200);
  });
});
