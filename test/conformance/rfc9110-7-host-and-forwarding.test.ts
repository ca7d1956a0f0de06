/** RFC 9110 section 7: whom a request is for, what ends at an intermediary, and how it says that it was there. */
import { describe, expect, test } from 'vitest';
import { fieldOf } from '../support/raw-client.ts';
import { answer, get, got, head, isRefused, ok, play, post, posted, seenByTarget, startPair } from './support.ts';

describe('7.2: Host', () => {
  test.for([
    ['is there', []],
    ['is there once', ['Host: a', 'Host: a']],
    ['is not said differently', ['Host: a', 'X: 1', 'host: b']],
    ['is not empty', ['Host:']],
    ['is not blank', ['Host:  ']],
    ['has no blank', ['Host: a b']],
    ['is no list', ['Host: a, b']],
    ['has no user', ['Host: user@a']],
    ['has no user and password', ['Host: a:80@b']],
    ['has no path', ['Host: a/b']],
    ['has no query', ['Host: a?b']],
    ['has no fragment', ['Host: a#b']],
    ['has no scheme', ['Host: http://a']],
    ['has no backslash', ['Host: a\\b']],
    ['has no quotes', ['Host: "a"']],
    ['has no markup', ['Host: <a>']],
    ['has a port that is a number', ['Host: a:b']],
    ['has one port', ['Host: a:80:80']],
    ['has a port without a sign', ['Host: a:-80']],
    ['has a name', ['Host: :80']],
    ['has its address in brackets', ['Host: ::1']],
    ['has closed brackets', ['Host: [::1']],
    ['has nothing behind the brackets but a port', ['Host: [::1]a']],
    ['has an address in its brackets', ['Host: [evil]']],
    ['has whole escapes', ['Host: a%2']],
    ['is ASCII', ['Host: \xe4']],
    ['has no tab', ['Host: a\tb']],
    ['has no blank before its colon', ['Host : a']],
    ['is not folded', ['Host:\r\n a']],
    ['is bounded', [`Host: ${'a'.repeat(300)}`]],
  ] as const)('%s: otherwise the request is refused, with 400 (%j)', ([, lines], t) =>
    isRefused(t, head('GET / HTTP/1.1', ...lines), 'malformed_request'),
  );

  test.for(['a', 'A.Example', 'a:80', 'a:', 'a.', '127.0.0.1:8080', '[::1]', '[2001:db8::7]:443', 'xn--4ca.example', 'a_b', '%61'])(
    '%s passes as it is',
    (host, t) => play(t, { sends: head('GET / HTTP/1.1', `Host: \t${host} `), gets: head('GET / HTTP/1.1', `host: ${host}`) }),
  );

  test('it comes first, wherever it came', (t) =>
    play(t, { sends: head('GET / HTTP/1.1', 'X: 1', 'hOsT:a', 'Y: 2'), gets: got('X: 1', 'Y: 2') }));

  test("an HTTP/1.0 client may leave it out: then it is the target's address", async (t) => {
    const { client, target } = await startPair(t);
    client.send(head('GET / HTTP/1.0'));
    const peer = await target.peer(0);
    await peer.contains('\r\n\r\n');
    peer.send(ok);
    expect((await client.answer()).status).toBe(200);
    expect(seenByTarget(peer)).toBe(head('GET / HTTP/1.1', `host: 127.0.0.1:${target.port}`));
  });

  test.for([
    ['two', ['Host: a', 'Host: b']],
    ['an empty one', ['Host:']],
    ['a malformed one', ['Host: a b']],
  ] as const)('in HTTP/1.0, %s is refused as well', ([, lines], t) => isRefused(t, head('GET / HTTP/1.0', ...lines), 'malformed_request'));

  test.for([
    ['two', ['Host: a', 'Host: a']],
    ['none', []],
    ['a malformed one', ['Host: a b']],
  ] as const)('beside an absolute form, %s is refused as well', ([, lines], t) =>
    isRefused(t, head('GET http://a/ HTTP/1.1', ...lines), 'malformed_request'),
  );

  test('the host that a request is routed by is the one that the target gets', async (t) => {
    const { client, target } = await startPair(t, { matches: [{ host: { kind: 'exact', value: 'b' } }] });
    client.send(head('GET http://c/ HTTP/1.1', 'Host: b'));
    expect((await client.answer()).status).toBe(404);
    client.send(head('GET http://B/ HTTP/1.1', 'Host: c'));
    const peer = await target.peer(0);
    await peer.contains('\r\n\r\n');
    peer.send(ok);
    expect((await client.answer()).status).toBe(200);
    expect(seenByTarget(peer)).toBe(head('GET / HTTP/1.1', 'host: B'));
  });
});

describe('7.6.1: what speaks of one connection ends here', () => {
  test.for([
    [
      'the fields that always do',
      ['Connection: keep-alive', 'Keep-Alive: timeout=5', 'Proxy-Connection: a', 'TE: trailers', 'Upgrade: a'],
      [],
    ],
    ['those that Connection lists', ['A: 1', 'Connection: a, B', 'B: 2', 'C: 3', 'connection:\tc ,'], []],
    ['all lines of them', ['A: 1', 'Connection: a', 'a: 2', 'B: 3', 'A: 4'], ['B: 3']],
    ['not those whose names only begin so', ['Connection: ab', 'Abc: 1', 'A: 2'], ['Abc: 1', 'A: 2']],
    ['nothing, where Connection is empty', ['Connection:', 'A: 1'], ['A: 1']],
    ['nothing, where what it lists is no name', ['Connection: "a", a;b, a b', 'A: 1'], ['A: 1']],
  ] as const)('%s, in both directions', ([, lines, passed], t) =>
    play(t, {
      sends: get(...lines),
      gets: got(...passed),
      says: `${answer(...lines, 'Content-Length: 2')}ok`,
      hears: `${answer(...passed, 'Content-Length: 2')}ok`,
    }),
  );

  test.for([
    'Host, Content-Length, X-Forwarded-For, Transfer-Encoding, Via, Cookie',
    'host,content-length,x-forwarded-for,x-forwarded-proto,x-forwarded-host,via,cookie,authorization,expect,date,cache-control',
    'close, Content-Length, Host, Cookie',
  ])('Connection: %s takes away nothing that says where the message ends, whom it is for and who asks', async (list, t) => {
    const { client, target } = await startPair(t);
    client.send(`${post(`Connection: ${list}`, 'Content-Length: 5', 'Cookie: a=1')}hello`);
    const peer = await target.peer(0);
    await peer.contains('hello');
    expect(seenByTarget(peer)).toBe(`${posted('Content-Length: 5', 'Cookie: a=1')}hello`);
    expect(fieldOf(peer.text, 'x-forwarded-for')).toBe('127.0.0.1');
    expect(fieldOf(peer.text, 'x-forwarded-proto')).toBe('http');
    expect(fieldOf(peer.text, 'x-forwarded-host')).toBe('a');
    expect(fieldOf(peer.text, 'via')).toBe('1.1 sluice');
    peer.send(ok);
    expect((await client.answer()).body).toBe('ok');
  });

  test('nor the coding of a body in chunks', (t) =>
    play(t, {
      sends: `${post('Connection: Transfer-Encoding', 'Transfer-Encoding: chunked')}5\r\nhello\r\n0\r\n\r\n`,
      gets: `${posted('transfer-encoding: chunked')}5\r\nhello\r\n0\r\n\r\n`,
      says: `${answer('Connection: transfer-encoding', 'Transfer-Encoding: chunked')}5\r\nhello\r\n0\r\n\r\n`,
      hears: `${answer('transfer-encoding: chunked')}5\r\nhello\r\n0\r\n\r\n`,
    }));

  test('nor the length, date and freshness of an answer', (t) => {
    const lines = ['Date: Thu, 01 Jan 2026 00:00:00 GMT', 'Cache-Control: private', 'Content-Length: 2'];
    return play(t, {
      sends: get(),
      gets: got(),
      says: `${answer('Connection: Date, Content-Length, Cache-Control, Via', ...lines)}ok`,
      hears: `${answer(...lines)}ok`,
    });
  });
});

describe('7.6.3: Via', () => {
  test.for([
    ['1.1', get()],
    ['1.0', head('GET / HTTP/1.0', 'Host: a')],
  ] as const)('a request that came by HTTP/%s says so, behind those who were before', async ([version, sends], t) => {
    const { client, target } = await startPair(t);
    client.send(sends.replace('Host: a', 'Host: a\r\nVia: 1.0 first, 2 second\r\nvia: 1.1 third (x)'));
    const peer = await target.peer(0);
    await peer.contains('\r\n\r\n');
    expect(fieldOf(peer.text, 'via')).toBe(`1.0 first, 2 second, 1.1 third (x), ${version} sluice`);
    peer.send(`${answer('Via: 1.1 fourth', 'Content-Length: 2')}ok`);
    expect((await client.answer()).field('via')).toBe('1.1 fourth, 1.1 sluice');
  });

  test.for([
    ['1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok'],
    ['1.1', ok],
    ['1.0', 'HTTP/1.0 404 Not Found\r\nContent-Length: 0\r\n\r\n'],
  ] as const)('an answer that came by HTTP/%s says so', async ([version, says], t) => {
    const { client, target } = await startPair(t);
    client.send(get());
    const peer = await target.peer(0);
    await peer.contains('\r\n\r\n');
    peer.send(says);
    expect((await client.answer()).field('via')).toBe(`${version} sluice`);
    expect(client.text.slice(0, 8)).toBe('HTTP/1.1');
  });
});

describe('7.6.2: Max-Forwards counts the intermediaries that an OPTIONS may still pass', () => {
  const options = (...lines: readonly string[]) => head('OPTIONS /a HTTP/1.1', 'Host: a', ...lines);
  const passed = (...lines: readonly string[]) => head('OPTIONS /a HTTP/1.1', 'host: a', ...lines);

  test.for([
    ['7', '6'],
    ['1', '0'],
    ['10', '9'],
    ['007', '6'],
    ['9007199254740991', '9007199254740990'],
    ['99999999999999999999999999', '9007199254740991'],
  ] as const)('%s → %s', ([given, left], t) =>
    play(t, { sends: options('A: 1', `Max-Forwards: ${given}`, 'B: 2'), gets: passed('A: 1', 'B: 2', `max-forwards: ${left}`) }),
  );

  test.for(['', '-1', '1.0', '1, 0', 'a', '0x0'])('%j is no number, and passes as it is', (value, t) =>
    play(t, { sends: options(`Max-Forwards: ${value}`), gets: passed(`Max-Forwards: ${value}`) }),
  );

  test.for(['GET', 'POST', 'HEAD'])('it says nothing of a %s', (method, t) =>
    play(t, {
      sends: head(`${method} / HTTP/1.1`, 'Host: a', 'Max-Forwards: 0', 'Content-Length: 0'),
      gets: head(`${method} / HTTP/1.1`, 'host: a', 'Max-Forwards: 0', 'Content-Length: 0'),
      says: answer('Content-Length: 0'),
    }),
  );

  test.for(['/a', '*'])('at 0 it goes no further: OPTIONS %s is answered here, and the connection goes on', async (path, t) => {
    const { client, target, proxy } = await startPair(t);
    client.send(`${head(`OPTIONS ${path} HTTP/1.1`, 'Host: a', 'Max-Forwards: 0', 'Content-Length: 5')}hello`);
    const given = await client.answer('OPTIONS');
    expect([given.status, given.body, given.field('allow')]).toEqual([200, '', 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS']);
    expect(target.accepted).toBe(0);
    client.send(options());
    await target.peer(0);
    expect(proxy.lines.map(({ status, cause, decision }) => [status, cause, decision])).toEqual([[200, '', 'none']]);
  });
});

describe('7.7: the content and what describes it pass as they are', () => {
  test.for([
    'Content-Encoding: gzip',
    'Content-Type: text/plain;charset=x',
    'Content-Range: bytes 0-1/9',
    'ETag: W/"a"',
    'Cache-Control: no-transform',
    'Warning: 214 a "b"',
    'Accept-Encoding: br;q=1, *;q=0',
    'Range: bytes=0-1',
    'If-None-Match: "a"',
    'Authorization: Basic eDp5',
    'Proxy-Authorization: Basic eDp5',
    'Origin: null',
    'Server: x',
    'Location: http://a:8080/b',
    'Trailer: X',
  ])('%s', (line, t) => play(t, { sends: get(line), gets: got(line), says: `${answer(line, 'Content-Length: 2')}ok` }));
});

describe('7.8: Upgrade is only asked for by whom Connection says so', () => {
  const settings = 'HTTP2-Settings: AAMAAABkAAQAAP__';
  test.for([
    ['h2c', get('Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', settings)],
    ['h2c in capitals', get('Connection: upgrade', 'Upgrade: H2C', settings)],
    ['h2c, without what Connection should list', get('Connection: Upgrade', 'Upgrade: h2c', settings)],
    ['h2c, listed alone', get('Connection: HTTP2-Settings', 'Upgrade: h2c', settings)],
    ['h2c behind another protocol', get('Connection: Upgrade', 'Upgrade: websocket, h2c')],
    ['h2c before another protocol', get('Connection: Upgrade', 'Upgrade: h2c,websocket')],
    ['h2c in a second line', get('Connection: Upgrade', 'Upgrade: websocket', 'Upgrade: h2c')],
    ['h2c with a version', get('Connection: Upgrade', 'Upgrade: h2c/2')],
    ['a draft of h2c', get('Connection: Upgrade', 'Upgrade: h2c-14')],
    ['HTTP itself', get('Connection: Upgrade', 'Upgrade: HTTP/2.0')],
    ['h2', get('Connection: Upgrade', 'Upgrade: h2')],
    ['TLS, RFC 2817', get('Connection: Upgrade', 'Upgrade: TLS/1.0, HTTP/1.1')],
    ['what is no list of protocols', get('Connection: Upgrade', 'Upgrade: websocket;h2c')],
    ['what is no protocol', get('Connection: Upgrade', 'Upgrade: "websocket"')],
    ['nothing', get('Connection: Upgrade', 'Upgrade:')],
    ['nothing at all', get('Connection: Upgrade')],
    ['without Connection', get('Upgrade: websocket')],
    ['with Connection that says something else', get('Upgrade: websocket', 'Connection: keep-alive')],
    ['by HTTP/1.0', head('GET / HTTP/1.0', 'Host: a', 'Connection: Upgrade, keep-alive', 'Upgrade: websocket')],
  ] as const)('%s is a plain request', ([, sends], t) => {
    const hears = sends.includes('HTTP/1.0\r') ? `${answer('Content-Length: 2', 'connection: keep-alive')}ok` : ok;
    return play(t, { sends, gets: got(), hears });
  });

  test.for([
    ['by its length', 'Content-Length: 5', 'hello', 'Content-Length: 5'],
    ['in chunks', 'Transfer-Encoding: chunked', '5\r\nhello\r\n0\r\n\r\n', 'transfer-encoding: chunked'],
  ] as const)('a request with a body, %s, is a plain request', ([, line, body, passed], t) =>
    play(t, { sends: get('Connection: Upgrade', 'Upgrade: websocket', line) + body, gets: got(passed) + body }),
  );

  test.for(['POST', 'PUT', 'HEAD', 'OPTIONS'])('%s is a plain request', (method, t) =>
    play(t, {
      sends: head(`${method} / HTTP/1.1`, 'Host: a', 'Connection: Upgrade', 'Upgrade: websocket'),
      gets: head(`${method} / HTTP/1.1`, 'host: a'),
      says: answer('Content-Length: 0'),
    }),
  );

  test('Upgrade in an answer that does not switch speaks of one connection', (t) =>
    play(t, {
      sends: get(),
      gets: got(),
      says: `${answer('Upgrade: h2c', 'Connection: Upgrade', 'Content-Length: 2')}ok`,
      hears: ok,
    }));
});
