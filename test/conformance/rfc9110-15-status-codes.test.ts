/** RFC 9110 sections 9 and 15, RFC 9112 section 4, RFC 8297: methods, status lines, interim answers, and answers that have no body. */
import { describe, expect, test } from 'vitest';
import { answer, get, got, head, isNotPassedOn, isRefused, ok, play, sees, seenByClient, startPair } from './support.ts';

describe('9: methods', () => {
  test.for(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND', 'QUERY'])('%s passes', (method, t) =>
    play(t, { sends: head(`${method} / HTTP/1.1`, 'Host: a'), gets: head(`${method} / HTTP/1.1`, 'host: a') }),
  );
  test.for([
    ['CONNECT a:443', 'method_refused'],
    ['CONNECT /', 'method_refused'],
    ['TRACE /', 'method_refused'],
    ['get /', 'method_unknown'],
    ['FETCH /', 'method_unknown'],
    ['GETT /', 'method_unknown'],
  ] as const)('%s is refused', ([line, cause], t) => isRefused(t, head(`${line} HTTP/1.1`, 'Host: a:443'), cause));
});

describe('9112-4: the status line', () => {
  test.for([
    ['a status beyond those that are defined', 'HTTP/1.1 999 Odd', 'HTTP/1.1 999 Odd'],
    ['also in the last class', 'HTTP/1.1 599 x', 'HTTP/1.1 599 x'],
    ['also in none', 'HTTP/1.1 600 x', 'HTTP/1.1 600 x'],
    ['no reason', 'HTTP/1.1 200 ', 'HTTP/1.1 200 '],
    ['nor the space before it', 'HTTP/1.1 200', 'HTTP/1.1 200 '],
    ['HTTP/1.0', 'HTTP/1.0 200 OK', 'HTTP/1.1 200 OK'],
  ] as const)('%s passes', ([, line, passed], t) =>
    play(t, { sends: get(), gets: got(), says: head(line, 'Content-Length: 0'), hears: head(passed, 'Content-Length: 0') }),
  );

  test.for([
    'HTTP/1.1 099 Secret',
    'HTTP/1.1 1000 Secret',
    'HTTP/1.1 20 Secret',
    'HTTP/1.1 -20 Secret',
    'HTTP/1.1 2x0 Secret',
    'HTTP/1.1  200 Secret',
    'HTTP/1.1\t200 Secret',
    'HTTP/1.1 200\tSecret',
    'http/1.1 200 Secret',
    'HTTP/1.2 200 Secret',
    'HTTP/2.0 200 Secret',
    'HTTP/2 200 Secret',
    ' HTTP/1.1 200 Secret',
    '\r\nHTTP/1.1 200 Secret',
    'ICY 200 Secret',
    'secret',
    '200 Secret',
    'HTTP/1.1 200 a\rSecret: b',
    'HTTP/1.1 200 a\nSecret: b',
    'HTTP/1.1 200 Secret\0',
    'HTTP/1.1 200 OK\r\n Secret: a',
  ])('%j is not passed on', (line, t) => isNotPassedOn(t, head(line, 'Content-Length: 0'), 'malformed_response'));

  test('a head whose lines end with bare line feeds is found out at once, not at a time-out', (t) =>
    isNotPassedOn(t, 'HTTP/1.1 200 OK\nContent-Length: 6\n\nsecret', 'malformed_response'));
  test('also where it comes in pieces', (t) =>
    isNotPassedOn(t, ['HTTP/1.1 200 OK\r\nSecret: 1\r', '\nContent-Length: 6', '\n'], 'malformed_response'));
});

describe('15.2: interim answers', () => {
  const hints = (link: string): string => head('HTTP/1.1 103 Early Hints', `Link: <${link}>; rel=preload`);

  test.for([
    ['8297-2: several 103, each with its fields', hints('/a') + hints('/b')],
    ['15.2.1: a 100 that nobody expects', head('HTTP/1.1 100 Continue')],
    ['a 102', head('HTTP/1.1 102 Processing')],
    ['one that is not known', head('HTTP/1.1 199 Odd', 'X: 1')],
  ] as const)('%s, pass before the answer', ([, interim], t) => play(t, { sends: get(), gets: got(), says: interim + ok }));

  test('they pass at once, not with the answer', async (t) => {
    const { client, target } = await startPair(t);
    client.send(get());
    const peer = await target.peer(0);
    await peer.contains('\r\n\r\n');
    peer.send(hints('/a'));
    await sees(seenByClient, client, hints('/a'));
    peer.send(ok);
    await sees(seenByClient, client, hints('/a') + ok);
  });

  test('8.6: a length in one means nothing, and does not pass', (t) =>
    play(t, {
      sends: get(),
      gets: got(),
      says: head('HTTP/1.1 103 Early Hints', 'Content-Length: 5', 'X: 1') + ok,
      hears: head('HTTP/1.1 103 Early Hints', 'X: 1') + ok,
    }));

  test.for([
    ['15.2.2: a 101 that nobody asked for', head('HTTP/1.1 101 Switching Protocols', 'Upgrade: secret', 'Connection: Upgrade')],
    ['one that is the last of its connection', head('HTTP/1.1 103 Early Hints', 'Connection: close', 'Secret: 1')],
    ['one of HTTP/1.0', head('HTTP/1.0 103 Early Hints', 'Connection: keep-alive, close', 'Secret: 1')],
  ] as const)('%s is not passed on', ([, says], t) => isNotPassedOn(t, says, 'malformed_response'));

  test('a 100 behind the answer answers nothing: that connection is given up', async (t) => {
    const { client, target } = await startPair(t);
    client.send(get());
    const peer = await target.peer(0);
    await peer.contains('\r\n\r\n');
    peer.send(ok + head('HTTP/1.1 100 Continue'));
    await sees(seenByClient, client, ok);
    await peer.ended;
    client.send(head('GET /after HTTP/1.1', 'Host: a'));
    expect((await client.answer()).body).toBe('ok');
    expect((await client.answer()).body).toBe('after');
    expect(client.text).not.toContain('100 Continue');
  });
});

describe('answers without a body, whatever they say', () => {
  test.for([
    ['15.3.5: 204', get(), head('HTTP/1.1 204 No Content', 'X: 1'), head('HTTP/1.1 204 No Content', 'X: 1')],
    [
      '8.6: 204 with a length, which is taken out',
      get(),
      head('HTTP/1.1 204 No Content', 'Content-Length: 5'),
      head('HTTP/1.1 204 No Content'),
    ],
    [
      '9112-6.1: 204 with a coding, which is taken out',
      get(),
      head('HTTP/1.1 204 x', 'Transfer-Encoding: chunked'),
      head('HTTP/1.1 204 x'),
    ],
    [
      '15.4.5: 304 with the length that it would have',
      get(),
      head('HTTP/1.1 304 x', 'Content-Length: 5'),
      head('HTTP/1.1 304 x', 'Content-Length: 5'),
    ],
    [
      '9.3.2: HEAD with the length that it would have',
      head('HEAD / HTTP/1.1', 'Host: a'),
      answer('Content-Length: 5'),
      answer('Content-Length: 5'),
    ],
    ['9.3.2: HEAD without one', head('HEAD / HTTP/1.1', 'Host: a'), answer('X: 1'), answer('X: 1')],
    ['9.3.2: HEAD in chunks that do not come', head('HEAD / HTTP/1.1', 'Host: a'), answer('Transfer-Encoding: chunked'), answer()],
    [
      '15.3.6: 205, which says that it has none',
      get(),
      head('HTTP/1.1 205 x', 'Content-Length: 0'),
      head('HTTP/1.1 205 x', 'Content-Length: 0'),
    ],
  ] as const)('%s', ([, sends, says, hears], t) => play(t, { sends, gets: sends.replace('Host', 'host'), says, hears }));

  test('15.3.6: a 205 is framed like any other answer', (t) =>
    play(t, { sends: get(), gets: got(), says: `${head('HTTP/1.1 205 x', 'Content-Length: 5')}hello` }));

  const forged = `${head('HTTP/1.1 200 OK', 'Content-Length: 6')}secret`;
  test.for([
    ['204', get(), head('HTTP/1.1 204 x')],
    ['304', get(), head('HTTP/1.1 304 x', `Content-Length: ${forged.length}`)],
    ['HEAD', head('HEAD / HTTP/1.1', 'Host: a'), answer(`Content-Length: ${forged.length}`)],
  ] as const)('%s with a body all the same: it reaches nobody, and is no answer to the next request', async ([, sends, says], t) => {
    const { client, target } = await startPair(t);
    client.send(sends);
    const peer = await target.peer(0);
    await peer.contains('\r\n\r\n');
    peer.send(says + forged);
    await sees(seenByClient, client, says);
    await peer.ended;
    client.send(head('GET /after HTTP/1.1', 'Host: a'));
    await client.contains('after');
    expect(client.text).not.toContain('secret');
    expect(target.accepted).toBe(2);
  });
});

test('6.6.1: Date is added where the target gave none, and left where it did', async (t) => {
  const { client, target } = await startPair(t);
  client.send(get());
  const peer = await target.peer(0);
  await peer.contains('\r\n\r\n');
  peer.send(ok);
  expect((await client.answer()).field('date')).toMatch(/^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/);
  client.send(get());
  await peer.contains('GET / ', 2);
  peer.send(`${answer('Date: Thu, 01 Jan 2026 00:00:00 GMT', 'Content-Length: 2')}ok`);
  expect((await client.answer()).field('date')).toBe('Thu, 01 Jan 2026 00:00:00 GMT');
});
