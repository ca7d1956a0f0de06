/** RFC 9112 section 7.1 and RFC 9110 section 6.5: chunks, their extensions, and trailers. */
import { describe, expect, test } from 'vitest';
import { answer, get, got, isBrokenOff, isRefused, play, post, posted, sees, seenByTarget, startPair } from './support.ts';

const chunked = 'Transfer-Encoding: chunked';

const malformed = [
  ['7.1: a size is hexadecimal', 'g\r\nhello\r\n0\r\n\r\n'],
  ['7.1: without a prefix', '0x5\r\nhello\r\n0\r\n\r\n'],
  ['7.1: without a sign', '+5\r\nhello\r\n0\r\n\r\n'],
  ['7.1: not negative', '-5\r\nhello\r\n0\r\n\r\n'],
  ['7.1: not empty', '\r\nhello\r\n0\r\n\r\n'],
  ['7.1: without a blank before', ' 5\r\nhello\r\n0\r\n\r\n'],
  ['7.1: nor behind', '5 \r\nhello\r\n0\r\n\r\n'],
  ['7.1: nor a tab', '5\t\r\nhello\r\n0\r\n\r\n'],
  ['7.1: nor a comma', '5,\r\nhello\r\n0\r\n\r\n'],
  ['7.1: nor an underscore', '0_5\r\nhello\r\n0\r\n\r\n'],
  ['7.1: nor a fraction', '5.0\r\nhello\r\n0\r\n\r\n'],
  ['7.1: no larger than can be counted', '10000000000000\r\nhello\r\n0\r\n\r\n'],
  ['7.1: nor so large that it would wrap around to 5', '10000000000000005\r\nhello\r\n0\r\n\r\n'],
  ['7.1: nor with zeros without end', `${'0'.repeat(40)}5\r\nhello\r\n0\r\n\r\n`],
  ['7.1: its line ends with CRLF, not LF', '5\nhello\r\n0\r\n\r\n'],
  ['7.1: nor CR', '5\rhello\r\n0\r\n\r\n'],
  ['7.1: nor CR CR LF', '5\r\r\nhello\r\n0\r\n\r\n'],
  ['7.1: data end with CRLF, not LF', '5\r\nhello\n0\r\n\r\n'],
  ['7.1: nor CR', '5\r\nhello\r0\r\n\r\n'],
  ['7.1: nor at once', '5\r\nhello0\r\n\r\n'],
  ['7.1: data are as long as they say', '4\r\nhello\r\n0\r\n\r\n'],
  ['7.1: and no shorter', '6\r\nhello\r\n0\r\n\r\n'],
  ['7.1: the last line ends with CRLF', '0\n\n'],
  ['7.1: also the one before the end', '0\r\n\n'],
  ['7.1: also the end', '0\r\n\rX'],
  ['7.1: an empty chunk is the last: no size may follow', '0\r\n5\r\nhello\r\n0\r\n\r\n'],
  ['7.1.1: an extension has a name', '5;\r\nhello\r\n0\r\n\r\n'],
  ['7.1.1: which is a token', '5;a b\r\nhello\r\n0\r\n\r\n'],
  ['7.1.1: its value is not empty', '5;a=\r\nhello\r\n0\r\n\r\n'],
  ['7.1.1: a quoted value is closed', '5;a="b\r\nhello\r\n0\r\n\r\n'],
  ['7.1.1: no bare line feed in an extension', '5;a\nb\r\nhello\r\n0\r\n\r\n'],
  ['7.1.1: nor in a quoted one', '5;a="\n"\r\nhello\r\n0\r\n\r\n'],
  ['7.1.1: nor a bare carriage return', '5;a\rb\r\nhello\r\n0\r\n\r\n'],
  ['7.1.1: nor a NUL', '5;a\0\r\nhello\r\n0\r\n\r\n'],
  ['7.1.1: nor a blank before it', '5 ;a\r\nhello\r\n0\r\n\r\n'],
  ['7.1.1: one extension is bounded', `5;${'a'.repeat(300)}\r\nhello\r\n0\r\n\r\n`],
  ['7.1.1: all together are bounded', `${`1;${'a'.repeat(200)}\r\nx\r\n`.repeat(100)}0\r\n\r\n`],
  ['7.1.2: a trailer is a field: no blank before the colon', '0\r\nX : 1\r\n\r\n'],
  ['7.1.2: not folded', '0\r\nX: 1\r\n 2\r\n\r\n'],
  ['7.1.2: no bare line feed', '0\r\nX: 1\nY: 2\r\n\r\n'],
  ['7.1.2: no NUL', '0\r\nX: \0\r\n\r\n'],
  ['7.1.2: with a colon', '0\r\nX\r\n\r\n'],
  ['7.1.2: no request line', '0\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['9110-6.5.1: no trailer says where the body ends', '0\r\nContent-Length: 5\r\n\r\n'],
  ['9110-6.5.1: nor how it is coded', '0\r\nTransfer-Encoding: chunked\r\n\r\n'],
  ['9110-6.5.1: nor whether the connection stays', '0\r\nConnection: close\r\n\r\n'],
  ['7.1.2: trailers are bounded', `0\r\nX: ${'x'.repeat(70_000)}\r\n\r\n`],
  ['7.1.2: also in number', `0\r\n${'X: 1\r\n'.repeat(300)}\r\n`],
] as const;

describe('a request', () => {
  test.for(malformed)('%s: %j is refused, and the target sees no end of the body', ([, body], t) => isBrokenOff(t, post(chunked) + body));
});

describe('an answer', () => {
  test.for(malformed)('%s: %j is cut off', async ([, body], t) => {
    const { client, target } = await startPair(t);
    client.send(get());
    const peer = await target.peer(0);
    await peer.contains('\r\n\r\n');
    // What is in order comes first, and is passed on.
    peer.send(`${answer(chunked)}5\r\nbegin\r\n`);
    await client.contains('begin');
    peer.send(`${body}smuggled`);
    await peer.ended;
    await client.ended;
    expect(client.text).not.toContain('\r\n0\r\n');
    expect(client.text).not.toContain('smuggled');
  });
});

describe('7.1: chunks are made anew', () => {
  const passing = [
    ['sizes in any case, with zeros before', '00A\r\n0123456789\r\n000\r\n\r\n', 'a\r\n0123456789\r\n0\r\n\r\n'],
    ['none at all', '0\r\n\r\n', '0\r\n\r\n'],
    ['data that look like chunks', '7\r\n0\r\n\r\nGE\r\n0\r\n\r\n', '7\r\n0\r\n\r\nGE\r\n0\r\n\r\n'],
    ['7.1.1: extensions end here, with values, quoted or not', '2;a;b=c;d="e\\"f;\xff"\r\nhi\r\n0;last\r\n\r\n', '2\r\nhi\r\n0\r\n\r\n'],
    [
      '7.1.2: trailers pass',
      '2\r\nhi\r\n0\r\nDigest: x\r\nServer-Timing: y\r\n\r\n',
      '2\r\nhi\r\n0\r\nDigest: x\r\nServer-Timing: y\r\n\r\n',
    ],
    [
      '9110-6.5.1: but not those that speak of routing, of control, of who asks, or of the content',
      '0\r\nHost: evil\r\nX: 1\r\nCookie: a\r\nSet-Cookie: a\r\nAuthorization: a\r\nContent-Type: a\r\nCache-Control: a\r\n' +
        'X-Forwarded-For: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\nVia: 1.1 a\r\nTE: a\r\nTrailer: b\r\nExpect: 100-continue\r\nRange: a\r\n' +
        'Upgrade: a\r\nKeep-Alive: 1\r\nX-Sluice-Pool: b\r\nX_Forwarded_For: 6.6.6.6\r\n' +
        'X-Request-Id: other\r\ntraceparent: other\r\ntracestate: other\r\nY: 2\r\n\r\n',
      '0\r\nX: 1\r\nY: 2\r\n\r\n',
    ],
  ] as const;

  test.for(passing)('%s', ([, body, passed], t) =>
    play(t, {
      sends: post(chunked) + body,
      gets: posted('transfer-encoding: chunked') + passed,
      says: answer(chunked) + body,
      hears: answer('transfer-encoding: chunked') + passed,
    }),
  );

  test('9110-6.6.2: Trailer, which says what will come, passes in both directions', (t) =>
    play(t, {
      sends: `${post('Trailer: Digest', chunked)}0\r\nDigest: x\r\n\r\n`,
      gets: `${posted('Trailer: Digest', 'transfer-encoding: chunked')}0\r\nDigest: x\r\n\r\n`,
      says: `${answer('Trailer: Digest', chunked)}0\r\nDigest: x\r\n\r\n`,
      hears: `${answer('Trailer: Digest', 'transfer-encoding: chunked')}0\r\nDigest: x\r\n\r\n`,
    }));

  test('7.1.2: trailers of an answer are left out where the client could not tell them from the content', (t) =>
    play(t, {
      sends: 'GET / HTTP/1.0\r\nHost: a\r\n\r\n',
      gets: got(),
      says: `${answer(chunked)}5\r\nhello\r\n0\r\nDigest: x\r\n\r\n`,
      hears: `${answer('connection: close')}hello`,
      connection: 'closes',
    }));

  test("7.4: TE speaks of one connection: the client's ends here", (t) =>
    play(t, { sends: get('TE: trailers, gzip;q=0.5', 'Connection: TE', 'X: 1'), gets: got('X: 1') }));
});

test('a chunk that was begun before the next one turned out to be malformed is all that the target gets', async (t) => {
  const { client, target } = await startPair(t);
  client.send(`${post(chunked)}5\r\nhello\r\n`);
  const peer = await target.peer(0);
  await sees(seenByTarget, peer, `${posted('transfer-encoding: chunked')}5\r\nhello\r\n`);
  client.send('zz\r\nworld\r\n0\r\n\r\n');
  expect((await client.answer()).status).toBe(400);
  await peer.ended;
  expect(seenByTarget(peer)).toBe(`${posted('transfer-encoding: chunked')}5\r\nhello\r\n`);
});

test('a body in chunks that is larger than the listener takes is answered 413, by its first byte too many', async (t) => {
  const { client, target } = await startPair(t, { limits: { bodyBytes: 10 } });
  client.send(`${post(chunked)}a\r\n0123456789\r\n1\r\nx\r\n`);
  expect((await client.answer()).status).toBe(413);
  expect(await client.ended).toBe('fin');
  await target.closedDownTo(0);
});

test('a length that is larger than the listener takes is answered 413 before anything is passed on', (t) =>
  isRefused(t, post('Content-Length: 11'), 'body_too_large', { limits: { bodyBytes: 10 } }));
