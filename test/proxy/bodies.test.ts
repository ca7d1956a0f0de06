import { createHash, randomBytes } from 'node:crypto';
import { request, type IncomingMessage } from 'node:http';
import { describe, expect, test, type TestContext } from 'vitest';
import { startProxy, type TestProxy } from '../support/data-plane.ts';
import { connectRaw, settle, type Peer } from '../support/raw-client.ts';
import { startRawTarget, startTarget } from '../support/target.ts';

/** A proxy in front of a target that sends the body back, chunked, and tells in its fields how it came. */
async function startEcho(t: TestContext): Promise<TestProxy> {
  const target = await startTarget(t, (incoming, outgoing) => {
    outgoing.setHeader('x-length', incoming.headers['content-length'] ?? 'none');
    outgoing.setHeader('x-coding', incoming.headers['transfer-encoding'] ?? 'none');
    outgoing.setHeader('trailer', 'x-trailers');
    incoming.on('data', (chunk) => outgoing.write(chunk));
    incoming.on('end', () => {
      outgoing.addTrailers({ 'x-trailers': incoming.rawTrailers.join('=') || 'none' });
      outgoing.end();
    });
  });
  return startProxy(t, { pools: { blue: [target] } });
}

/** A proxy in front of a target that says this to every request, whatever it is. */
async function startSaying(t: TestContext, ...parts: string[]): Promise<{ proxy: TestProxy; client: Peer; accepted: () => number }> {
  const target = await startRawTarget(t, (peer) => {
    peer.socket.on('data', () => {
      for (const part of parts) {
        if (part === 'FIN') peer.end();
        else peer.send(part);
      }
    });
  });
  const proxy = await startProxy(t, { pools: { blue: [target] } });
  return { proxy, client: await proxy.connect(), accepted: () => target.accepted };
}

describe('the body of a request', () => {
  test('passes by its length', async (t) => {
    const client = await (await startEcho(t)).connect();
    const answer = await client.ask('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello');
    expect(answer.body).toBe('hello');
    expect(answer.field('x-length')).toBe('5');
    expect(answer.field('x-coding')).toBe('none');
  });

  test('passes in chunks, with its trailers and without what chunk extensions said', async (t) => {
    const target = await startRawTarget(t);
    const proxy = await startProxy(t, { pools: { blue: [target] } });
    const client = await proxy.connect();
    client.send(
      'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n0005;ext="v"\r\nhello\r\n1\r\n!\r\n000\r\nX-Sum: 7\r\nHost: evil\r\n\r\n',
    );
    const peer = await target.peer(0);
    const received = await peer.contains('\r\n0\r\nX-Sum: 7\r\n\r\n');
    const [head, ...rest] = received.split('\r\n\r\n');
    expect(head).toMatch(/\r\ntransfer-encoding: chunked$/);
    // What waits for the connection is one piece by then.
    expect(rest.join('\r\n\r\n')).toBe('6\r\nhello!\r\n0\r\nX-Sum: 7\r\n\r\n');
    peer.send('HTTP/1.1 204 No Content\r\n\r\n');
    expect((await client.answer()).status).toBe(204);
  });

  test.for([
    ['a length of 0', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n', '0', 'none'],
    ['no length', 'POST / HTTP/1.1\r\nHost: a\r\n\r\n', 'none', 'none'],
    ['no chunks', 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 'none', 'chunked'],
  ] as const)('may be empty, by %s', async ([, sent, length, coding], t) => {
    const client = await (await startEcho(t)).connect();
    const answer = await client.ask(sent);
    expect(answer.body).toBe('');
    expect(answer.field('x-length')).toBe(length);
    expect(answer.field('x-coding')).toBe(coding);
  });

  test.for([
    ['by length', 'POST /?1 HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\nhello\r\n\r\nGET', 'hello\r\n\r\nGET', ''],
    [
      'in chunks',
      'POST /?2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n2\r\n\r\n\r\n0\r\nX-T: 1\r\n\r\n',
      'abc\r\n',
      'X-T=1',
    ],
  ] as const)('may be cut into packets anywhere, %s', async ([, sent, body, trailers], t) => {
    const client = await (await startEcho(t)).connect();
    for (let cut = 1; cut < sent.length; cut++) {
      client.send(sent.slice(0, cut));
      await settle();
      client.send(sent.slice(cut));
      const answer = await client.answer();
      expect([cut, answer.status, answer.body]).toEqual([cut, 200, body]);
      if (trailers !== '') expect(answer.trailers).toBe(`x-trailers: ${trailers}\r\n`);
    }
    for (const byte of sent) {
      client.send(byte);
      await settle();
    }
    expect((await client.answer()).body).toBe(body);
  });

  test('may consist of ten thousand chunks of one byte', async (t) => {
    const client = await (await startEcho(t)).connect();
    client.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n');
    for (let count = 0; count < 10_000; count++) client.send(`1\r\n${count % 10}\r\n`);
    client.send('0\r\n\r\n');
    expect((await client.answer()).body).toBe('0123456789'.repeat(1000));
  });
});

describe('the body of an answer', () => {
  test('passes by its length', async (t) => {
    const { client } = await startSaying(t, 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe', 'llo');
    const answer = await client.ask('GET / HTTP/1.1');
    expect(answer.body).toBe('hello');
    expect(answer.field('content-length')).toBe('5');
    expect(answer.field('transfer-encoding')).toBeUndefined();
  });

  test('passes in chunks, with its trailers but those that would change the message', async (t) => {
    const { client } = await startSaying(
      t,
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n3;x=y\r\nabc\r\n0\r\nX-Sum: 9\r\nSet-Cookie: a=1\r\nX-Sluice-Pool: a\r\n\r\n',
    );
    const answer = await client.ask('GET / HTTP/1.1');
    expect(answer.body).toBe('abc');
    expect(answer.trailers).toBe('X-Sum: 9\r\n');
    expect(client.text).toContain('\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 9\r\n\r\n');
  });

  test('that lasts until the target closes is chunked, and the connection is kept', async (t) => {
    const { client, accepted } = await startSaying(t, 'HTTP/1.1 200 OK\r\n\r\nuntil', ' close', 'FIN');
    for (let count = 0; count < 3; count++) {
      const answer = await client.ask('GET / HTTP/1.1');
      expect(answer.field('transfer-encoding')).toBe('chunked');
      expect(answer.body).toBe('until close');
    }
    expect(accepted()).toBe(3);
  });

  test('may come from an HTTP/1.0 target, which closes unless it says otherwise', async (t) => {
    const { client, accepted } = await startSaying(t, 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok');
    for (let count = 0; count < 3; count++) {
      const answer = await client.ask('GET / HTTP/1.1');
      expect(answer.head).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
      expect(answer.body).toBe('ok');
    }
    expect(accepted()).toBe(3);
  });

  test('an HTTP/1.0 target that says keep-alive keeps its connection', async (t) => {
    const { client, accepted } = await startSaying(t, 'HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nok');
    for (let count = 0; count < 3; count++) expect((await client.ask('GET / HTTP/1.1')).body).toBe('ok');
    expect(accepted()).toBe(1);
  });

  test.for([
    ['HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n', '1000'],
    ['HEAD', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', undefined],
    ['HEAD', 'HTTP/1.1 200 OK\r\n\r\n', undefined],
    ['GET', 'HTTP/1.1 204 No Content\r\n\r\n', undefined],
    ['GET', 'HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n', undefined],
    ['GET', 'HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n', '0'],
    ['GET', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\nETag: "x"\r\n\r\n', '1000'],
    ['GET', 'HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n', undefined],
    ['GET', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', '0'],
  ] as const)('to %s, none comes after %j, and the next request is answered', async ([method, said, length], t) => {
    const { client, accepted } = await startSaying(t, said);
    const answer = await client.ask(`${method} / HTTP/1.1`);
    expect(answer.field('content-length')).toBe(length);
    expect(answer.field('transfer-encoding')).toBeUndefined();
    expect((await client.ask(`${method} / HTTP/1.1`)).status).toBe(answer.status);
    expect(client.text.endsWith('\r\n\r\n')).toBe(true);
    expect(accepted()).toBe(1);
  });

  test.for([
    'HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nhello\r\n\r\nHTT',
    'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n7\r\n\r\n\r\nHTT\r\n0\r\nX-T: 1\r\n\r\n',
  ])('may be cut into packets anywhere: %j', async (said, t) => {
    let cut = 1;
    const target = await startRawTarget(t, (peer) => {
      peer.socket.on('data', () => {
        peer.send(said.slice(0, cut));
        void settle().then(() => peer.send(said.slice(cut)));
      });
    });
    const proxy = await startProxy(t, { pools: { blue: [target] } });
    const client = await proxy.connect();
    for (; cut < said.length; cut++) {
      let answer = await client.ask('GET / HTTP/1.1');
      if (answer.status === 103) answer = await client.answer();
      expect([cut, answer.status, answer.body]).toEqual([cut, 200, 'hello\r\n\r\nHTT']);
    }
    expect(target.accepted).toBe(1);
  });

  test('may consist of ten thousand chunks of one byte', async (t) => {
    const { client } = await startSaying(
      t,
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n',
      ...Array.from({ length: 10_000 }, () => '1\r\nx\r\n'),
      '0\r\n\r\n',
    );
    expect((await client.ask('GET / HTTP/1.1')).body).toBe('x'.repeat(10_000));
  });
});

describe('an HTTP/1.0 client', () => {
  test('gets a body of unknown length until its connection closes, without chunks and trailers', async (t) => {
    const { client } = await startSaying(
      t,
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\nX-T: 1\r\n\r\n',
    );
    const answer = await client.ask('GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n');
    expect(answer.body).toBe('hello!');
    expect(answer.field('connection')).toBe('close');
    expect(await client.ended).toBe('fin');
  });

  test('keeps its connection where it asks to and the length is known', async (t) => {
    const { client } = await startSaying(t, 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    expect((await client.ask('GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n')).field('connection')).toBe('keep-alive');
    expect((await client.ask('GET / HTTP/1.0\r\n\r\n')).field('connection')).toBe('close');
    expect(await client.ended).toBe('fin');
  });

  test('may send a body', async (t) => {
    const client = await (await startEcho(t)).connect();
    expect((await client.ask('POST / HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello')).body).toBe('hello');
  });

  test('gets no interim answers', async (t) => {
    const { client } = await startSaying(
      t,
      'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n',
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
    );
    expect((await client.ask('GET / HTTP/1.0\r\n\r\n')).status).toBe(200);
    expect(client.text).not.toContain('103');
  });
});

describe('interim answers', () => {
  test('pass as they come: 102, and 103 several times', async (t) => {
    const target = await startRawTarget(t);
    const proxy = await startProxy(t, { pools: { blue: [target] } });
    const client = await proxy.connect();
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    const peer = await target.peer(0);
    await peer.contains('\r\n\r\n');
    for (const [interim, status] of [
      ['HTTP/1.1 102 Processing\r\n\r\n', 102],
      ['HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\nConnection: x\r\nX-Sluice-Pool: x\r\n\r\n', 103],
      ['HTTP/1.1 103 Early Hints\r\nLink: </b.css>\r\n\r\n', 103],
    ] as const) {
      peer.send(interim);
      expect((await client.answer()).status).toBe(status);
    }
    peer.send('HTTP/1.1 103\r\nLink: </c>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    expect((await client.answer()).field('link')).toBe('</c>');
    expect((await client.answer()).body).toBe('ok');
    expect(client.text).not.toMatch(/connection|x-sluice/i);
  });

  test('a client that waits for 100 gets it from the target, then sends its body', async (t) => {
    const target = await startTarget(t, (incoming, outgoing) => incoming.pipe(outgoing));
    const proxy = await startProxy(t, { pools: { blue: [target] } });
    const client = await proxy.connect();
    for (let count = 0; count < 2; count++) {
      client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n');
      expect((await client.answer()).status).toBe(100);
      client.send('hello');
      expect((await client.answer()).body).toBe('hello');
    }
  });

  test('a client that waits for 100 and is refused is told to close, because nobody knows whether its body comes', async (t) => {
    const target = await startTarget(t, () => {});
    target.server.on('checkContinue', (_incoming, outgoing) => outgoing.writeHead(401, { 'content-length': 2 }).end('no'));
    const proxy = await startProxy(t, { pools: { blue: [target] } });
    const client = await proxy.connect();
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n');
    const answer = await client.answer();
    expect([answer.status, answer.body, answer.field('connection')]).toEqual([401, 'no', 'close']);
    expect(await client.ended).toBe('fin');
  });
});

describe('16 MiB both ways at once arrive as they left', () => {
  const content = randomBytes(16 * 1024 ** 2);
  const hashOf = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

  test.for([
    ['by length', { 'content-length': content.length }],
    ['in chunks', { 'transfer-encoding': 'chunked' }],
  ] as const)('%s', async ([, headers], t) => {
    const proxy = await startEcho(t);
    const upload = request({ port: proxy.port, host: '127.0.0.1', method: 'POST', headers, agent: false });
    const answered = new Promise<IncomingMessage>((resolve, reject) => upload.on('response', resolve).on('error', reject));
    upload.end(content);
    const parts: Buffer[] = [];
    for await (const part of await answered) parts.push(part as Buffer);
    expect(hashOf(Buffer.concat(parts))).toBe(hashOf(content));
  });
});

describe('a body over the limit', () => {
  test('is refused by its length before anything is passed on', async (t) => {
    const target = await startRawTarget(t);
    const proxy = await startProxy(t, { pools: { blue: [target] }, limits: { bodyBytes: 10 } });
    const client = await proxy.connect();
    const answer = await client.ask('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n');
    expect([answer.status, answer.field('connection')]).toEqual([413, 'close']);
    expect(await client.ended).toBe('fin');
    expect(target.accepted).toBe(0);
    expect((await proxy.logged(() => true)).cause).toBe('body_too_large');
  });

  test('is refused in chunks as soon as it is over, and the target sees that it is incomplete', async (t) => {
    const target = await startRawTarget(t);
    const proxy = await startProxy(t, { pools: { blue: [target] }, limits: { bodyBytes: 10 } });
    const client = await proxy.connect();
    client.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n12345678\r\n');
    const peer = await target.peer(0);
    await peer.contains('12345678');
    client.send('8\r\n12345678\r\n0\r\n\r\n');
    expect((await client.answer()).status).toBe(413);
    await peer.ended;
    expect(peer.text).not.toContain('\r\n0\r\n');
  });

  test('is taken where it is exactly as large', async (t) => {
    const target = await startTarget(t, (incoming, outgoing) => incoming.pipe(outgoing));
    const proxy = await startProxy(t, { pools: { blue: [target] }, limits: { bodyBytes: 10 } });
    const client = await proxy.connect();
    expect((await client.ask('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n1234567890')).body).toBe('1234567890');
    const chunked = await client.ask('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\na\r\n1234567890\r\n0\r\n\r\n');
    expect(chunked.body).toBe('1234567890');
  });
});

test('a chunk that is malformed is answered with 400, and the target sees that the body is incomplete', async (t) => {
  const target = await startRawTarget(t);
  const proxy = await startProxy(t, { pools: { blue: [target] } });
  const client = await proxy.connect();
  client.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n');
  const peer = await target.peer(0);
  await peer.contains('abc');
  client.send('zz\r\n');
  const answer = await client.answer();
  expect([answer.status, answer.field('connection')]).toEqual([400, 'close']);
  await peer.ended;
  expect(peer.text).not.toContain('\r\n0\r\n');
  expect(await client.ended).toBe('fin');
});

test('bytes after a body begin the next request, on whatever packet boundary', async (t) => {
  const proxy = await startEcho(t);
  const client = await connectRaw(t, proxy.port);
  client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcPOST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nde');
  expect((await client.answer()).body).toBe('abc');
  client.send('f\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n');
  expect((await client.answer()).body).toBe('def');
  expect((await client.answer()).body).toBe('');
});
