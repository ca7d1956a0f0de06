/** RFC 9112 section 9: which requests a connection carries, in which order, and when it ends. */
import { describe, expect, test } from 'vitest';
import { settle } from '../support/raw-client.ts';
import {
  answer,
  converse,
  ends,
  get,
  got,
  head,
  ok,
  play,
  post,
  posted,
  sees,
  seenByClient,
  seenByTarget,
  smuggled,
  startPair,
} from './support.ts';

/** An answer that the next one cannot be taken for. */
const named = (name: string): string => `${answer(`Content-Length: ${name.length}`)}${name}`;

describe('9.3: whether a connection stays', () => {
  const old = (...fields: string[]): string => head('GET / HTTP/1.0', 'Host: a', ...fields);
  test.for([
    ['HTTP/1.1 stays', get(), '', 'stays'],
    ['HTTP/1.1 that says keep-alive stays', get('Connection: keep-alive'), '', 'stays'],
    ['HTTP/1.1 that says close ends', get('Connection: close'), 'close', 'closes'],
    ['in any case, among others', get('Connection: Keep-Alive , x', 'connection:x,, CLOSE'), 'close', 'closes'],
    ['something like close is not close', get('Connection: closed, "close", close;x'), '', 'stays'],
    ['HTTP/1.0 ends', old(), 'close', 'closes'],
    ['HTTP/1.0 that says keep-alive stays', old('Connection: Keep-Alive'), 'keep-alive', 'stays'],
    ['HTTP/1.0 that says both ends', old('Connection: keep-alive, close'), 'close', 'closes'],
    ['HTTP/1.0 that only says Keep-Alive in its own field ends', old('Keep-Alive: timeout=5'), 'close', 'closes'],
    ['Proxy-Connection says nothing', old('Proxy-Connection: keep-alive'), 'close', 'closes'],
    ['also where it says close', get('Proxy-Connection: close'), '', 'stays'],
  ] as const)('%s', ([, sends, said, connection], t) => {
    const hears = `${answer('Content-Length: 2', ...(said === '' ? [] : [`connection: ${said}`]))}ok`;
    return play(t, { sends, gets: got(), hears, connection });
  });

  test.for([
    ['says close', answer('Connection: close', 'Content-Length: 2')],
    ['is HTTP/1.0', head('HTTP/1.0 200 OK', 'Content-Length: 2')],
    ['is HTTP/1.0 and says both', head('HTTP/1.0 200 OK', 'Connection: keep-alive, close', 'Content-Length: 2')],
  ] as const)("a target's connection is not used again where its answer %s; the client's stays", async ([, says], t) => {
    const { target } = await converse(t, { sends: get(), gets: got(), says: `${says}ok`, hears: `${answer('Content-Length: 2')}ok` });
    expect(target.accepted).toBe(2);
  });

  test.for([
    ['says nothing of it', answer('Content-Length: 2')],
    ['is HTTP/1.0 and says keep-alive', head('HTTP/1.0 200 OK', 'Connection: keep-alive', 'Content-Length: 2')],
  ] as const)("a target's connection is used again where its answer %s", async ([, says], t) => {
    const { target } = await converse(t, { sends: get(), gets: got(), says: `${says}ok`, hears: `${answer('Content-Length: 2')}ok` });
    expect(target.accepted).toBe(1);
  });

  test('RFC 9112 section 2.3: what is passed on is HTTP/1.1, whatever came', (t) =>
    play(t, {
      sends: head('GET / HTTP/1.0', 'Host: a', 'Connection: keep-alive'),
      gets: got(),
      says: [`${head('HTTP/1.0 200 OK')}hello`, 'FIN'],
      hears: `${answer('connection: close')}hello`,
      connection: 'closes',
    }));

  test('an HTTP/1.0 target without a length is read until it closes', (t) =>
    play(t, {
      sends: get(),
      gets: got(),
      says: [`${head('HTTP/1.0 200 OK', 'Connection: keep-alive')}hello`, 'FIN'],
      hears: `${answer('transfer-encoding: chunked')}5\r\nhello\r\n0\r\n\r\n`,
    }));

  test('chunks that break off reach an HTTP/1.0 client as a reset, which is no end', async (t) => {
    const { client, target } = await startPair(t);
    client.send(head('GET / HTTP/1.0'));
    const peer = await target.peer(0);
    await peer.contains('\r\n\r\n');
    peer.send(`${answer('Transfer-Encoding: chunked')}5\r\nhello\r\n`);
    await client.contains('hello');
    peer.end();
    expect(await client.ended).toBe('reset');
  });
});

describe('9.3.2: pipelining', () => {
  test('requests are passed on one by one, and answered in their order', async (t) => {
    const { client, target } = await startPair(t);
    client.send(`${post('Content-Length: 3')}one${head('GET /2 HTTP/1.1', 'Host: a')}${head('HEAD /3 HTTP/1.1', 'Host: a')}`);
    const peer = await target.peer(0);
    await sees(seenByTarget, peer, `${posted('Content-Length: 3')}one`);
    peer.send(named('first'));
    await sees(seenByTarget, peer, `${posted('Content-Length: 3')}one${head('GET /2 HTTP/1.1', 'host: a')}`);
    peer.send(named('second'));
    await peer.contains('HEAD /3 ');
    peer.send(answer('Content-Length: 9'));
    await sees(seenByClient, client, named('first') + named('second') + answer('Content-Length: 9'));
  });

  test.for([
    ['malformed', head('GET /2 HTTP/1.1', 'Host : a'), 400],
    ['of an unknown method', head('MAKE /2 HTTP/1.1', 'Host: a'), 501],
    ['without Host', head('GET /2 HTTP/1.1'), 400],
    ['with two lengths', head('POST /2 HTTP/1.1', 'Host: a', 'Content-Length: 3', 'Content-Length: 4'), 400],
  ] as const)(
    'one in the middle that is %s is answered in its turn, and ends the connection: nothing behind it is served',
    async ([, bad, status], t) => {
      const { client, target } = await startPair(t);
      client.send(get() + bad + smuggled);
      const peer = await target.peer(0);
      await sees(seenByTarget, peer, got());
      peer.send(named('first'));
      expect((await client.answer()).body).toBe('first');
      expect((await client.answer()).status).toBe(status);
      expect(await client.ended).toBe('fin');
      expect(peer.text).not.toContain('smuggled');
      expect(target.accepted).toBe(1);
    },
  );

  test('nothing behind a request that says close is served', async (t) => {
    const { client, target } = await startPair(t);
    client.send(get('Connection: close') + smuggled);
    const peer = await target.peer(0);
    await sees(seenByTarget, peer, got());
    peer.send(ok);
    expect(await client.ended).toBe('fin');
    expect(seenByClient(client)).toBe(`${answer('Content-Length: 2', 'connection: close')}ok`);
    expect(peer.text).not.toContain('smuggled');
  });

  test('an answer of ours in the middle does not end the connection where it is known where the next request begins', async (t) => {
    const { client, target } = await startPair(t, { matches: [{ path: { kind: 'exact', value: '/known' } }] });
    client.send(head('GET /other HTTP/1.1', 'Host: a') + head('GET /known HTTP/1.1', 'Host: a'));
    expect((await client.answer()).status).toBe(404);
    (await target.peer(0)).send(ok);
    expect((await client.answer()).body).toBe('ok');
  });
});

describe('9.5 and 9.6: how a connection ends', () => {
  test('a client that closes its half while it waits has gone: its request is cancelled at the target', async (t) => {
    const { client, target, proxy } = await startPair(t);
    client.send(get());
    const peer = await target.peer(0);
    await sees(seenByTarget, peer, got());
    client.end();
    await peer.ended;
    await client.ended;
    expect(client.text).toBe('');
    expect((await proxy.logged(() => true)).cause).toBe('client_closed');
  });

  test('a client that closes its half between requests is closed in order', async (t) => {
    const { client, target } = await startPair(t);
    client.send(get());
    (await target.peer(0)).send(ok);
    await client.answer();
    client.end();
    expect(await client.ended).toBe('fin');
  });

  test('a client that closes in the middle of a head is not answered, nor is anybody asked', async (t) => {
    const { client, target, proxy } = await startPair(t);
    client.send('GET / HTTP/1.1\r\nHost: a\r\n');
    await settle();
    client.end();
    await client.ended;
    expect([client.text, target.accepted, proxy.lines]).toEqual(['', 0, []]);
  });

  test('a target that closes an idle connection is asked anew on another', async (t) => {
    const { client, target } = await startPair(t);
    client.send(get());
    const first = await target.peer(0);
    first.send(ok);
    await client.answer();
    first.end();
    await first.ended;
    client.send(get());
    (await target.peer(1)).send(named('second'));
    expect((await client.answer()).body).toBe('second');
  });

  test('what a target says on an idle connection is no answer to the next request', async (t) => {
    const { client, target } = await startPair(t);
    client.send(get());
    const first = await target.peer(0);
    first.send(ok);
    await client.answer();
    first.send(named('secret'));
    await first.ended;
    client.send(get());
    (await target.peer(1)).send(named('second'));
    expect((await client.answer()).body).toBe('second');
  });

  test('9.6: an answer that comes before the whole request is passed on at once; the rest is read, and the next request served', async (t) => {
    const pair = await startPair(t);
    const { client, target } = pair;
    client.send(`${post('Content-Length: 100000')}begin`);
    const peer = await target.peer(0);
    await peer.contains('begin');
    peer.send(head('HTTP/1.1 403 Forbidden', 'Content-Length: 0'));
    const heard = head('HTTP/1.1 403 Forbidden', 'Content-Length: 0');
    await sees(seenByClient, client, heard);
    await peer.ended;
    client.send('x'.repeat(99_995));
    await ends(pair, 'stays', heard);
    expect(peer.text).not.toContain('xxx');
  });

  test.for([
    ['of a known length is not awaited', post('Content-Length: 10000000'), ''],
    ['in chunks is read no further than that', post('Transfer-Encoding: chunked'), `10000\r\n${'x'.repeat(65_536)}\r\n`.repeat(8)],
  ] as const)('9.6: more than 256 KiB of such a rest %s: the connection is closed', async ([, sends, rest], t) => {
    const { client, target } = await startPair(t);
    client.send(sends);
    const peer = await target.peer(0);
    await peer.contains('\r\n\r\n');
    peer.send(head('HTTP/1.1 403 Forbidden', 'Content-Length: 0'));
    await client.answer();
    client.send(rest);
    await client.ended;
    expect(client.text.match(/HTTP\/1\.1 \d/g)).toHaveLength(1);
  });
});
