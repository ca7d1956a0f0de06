/** RFC 9112 section 6, and RFC 9110 section 8.6: where a body ends. Whoever disagrees about that lets one request pass for two. */
import { describe, expect, test } from 'vitest';
import {
  answer,
  get,
  got,
  head,
  isNotPassedOn,
  isRefused,
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

const lengths = [
  ['a list of the same', ['Content-Length: 5, 5']],
  ['a list without blanks', ['Content-Length: 5,5']],
  ['a list of different ones', ['Content-Length: 5, 6']],
  ['two lines of the same', ['Content-Length: 5', 'Content-Length: 5']],
  ['two different lines', ['Content-Length: 5', 'Content-Length: 6']],
  ['two lines in different case', ['content-length: 0', 'CONTENT-LENGTH: 5']],
  ['two lines with another between', ['Content-Length: 5', 'X: 1', 'Content-Length: 5']],
  ['a sign', ['Content-Length: +5']],
  ['a negative one', ['Content-Length: -5']],
  ['minus nothing', ['Content-Length: -0']],
  ['a hexadecimal one', ['Content-Length: 0x5']],
  ['an octal one', ['Content-Length: 0o5']],
  ['an exponent', ['Content-Length: 5e0']],
  ['a fraction', ['Content-Length: 5.0']],
  ['two numbers', ['Content-Length: 5 5']],
  ['a quoted one', ['Content-Length: "5"']],
  ['an underscore', ['Content-Length: 1_0']],
  ['an empty one', ['Content-Length:']],
  ['one of blanks', ['Content-Length:  \t']],
  ['a comma alone', ['Content-Length: ,']],
  ['a comma behind', ['Content-Length: 5,']],
  ['a parameter', ['Content-Length: 5;a=b']],
  ['letters behind', ['Content-Length: 5a']],
  ['letters', ['Content-Length: five']],
  ['digits that are not ASCII', ['Content-Length: \xb2']],
  ['a blank beyond ASCII', ['Content-Length: \xa05']],
  ['a folded one', ['Content-Length:\r\n 5']],
  ['a blank before the colon', ['Content-Length : 5']],
  ['a vertical tab', ['Content-Length: \x0b5']],
  ['one beyond 2^53', ['Content-Length: 9007199254740993']],
  ['one beyond 2^64, which would wrap around to 5', ['Content-Length: 18446744073709551621']],
  ['one beyond all bounds', [`Content-Length: ${'9'.repeat(400)}`]],
] as const;

describe('9110-8.6: Content-Length is one decimal number, once', () => {
  test.for(lengths)('in a request, %s is refused: %j', ([, lines], t) => isRefused(t, `${post(...lines)}hello`, 'malformed_request'));

  test.for(lengths)('in an answer, %s is not passed on: %j', ([, lines], t) =>
    isNotPassedOn(t, `${answer(...lines)}secret`, 'malformed_response'),
  );

  test.for([
    ['as it is', 'Content-Length: 5', 'hello'],
    ['in any case, with white space around', 'cOnTeNt-LeNgTh:\t 5 \t', 'hello'],
    ['with zeros before', 'Content-Length: 0005', 'hello'],
    ['nothing', 'Content-Length: 0', ''],
  ] as const)('it passes %s, and what follows is the next request', ([, line, body], t) =>
    play(t, { sends: post(line) + body, gets: posted(line) + body, says: `${answer(line)}${body}` }),
  );
});

const codings = [
  ['identity, which is none', ['Transfer-Encoding: identity'], 'malformed_request'],
  ['chunks, then identity', ['Transfer-Encoding: chunked, identity'], 'malformed_request'],
  ['a compression that ends nowhere', ['Transfer-Encoding: gzip'], 'malformed_request'],
  ['chunks that are compressed', ['Transfer-Encoding: chunked, gzip'], 'malformed_request'],
  ['a compression in chunks', ['Transfer-Encoding: gzip, chunked'], 'coding_unknown'],
  ['the same on two lines', ['Transfer-Encoding: gzip', 'Transfer-Encoding: chunked'], 'malformed_request'],
  ['identity in chunks', ['Transfer-Encoding: identity, chunked'], 'coding_unknown'],
  ['chunks in chunks', ['Transfer-Encoding: chunked, chunked'], 'coding_unknown'],
  ['chunks on two lines', ['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'], 'malformed_request'],
  ['chunks and nothing on two lines', ['Transfer-Encoding: chunked', 'Transfer-Encoding:'], 'malformed_request'],
  ['chunks and identity on two lines', ['Transfer-Encoding: chunked', 'Transfer-Encoding: identity'], 'malformed_request'],
  ['something like chunked', ['Transfer-Encoding: xchunked'], 'malformed_request'],
  ['something else like chunked', ['Transfer-Encoding: chunkedx'], 'malformed_request'],
  ['a part of it', ['Transfer-Encoding: chunk'], 'malformed_request'],
  ['a letter too few', ['Transfer-Encoding: chunke'], 'malformed_request'],
  ['a quoted one', ['Transfer-Encoding: "chunked"'], 'malformed_request'],
  ['an apostrophe', ["Transfer-Encoding: 'chunked'"], 'malformed_request'],
  ['a parameter', ['Transfer-Encoding: chunked;q=1'], 'malformed_request'],
  ['a comma before', ['Transfer-Encoding: ,chunked'], 'coding_unknown'],
  ['a comma behind', ['Transfer-Encoding: chunked,'], 'malformed_request'],
  ['a comma for a blank', ['Transfer-Encoding: chunked ,'], 'malformed_request'],
  ['a tab before', ['Transfer-Encoding:\tchunked'], 'malformed_request'],
  ['a tab behind', ['Transfer-Encoding: chunked\t'], 'malformed_request'],
  ['a vertical tab', ['Transfer-Encoding: \x0bchunked'], 'malformed_request'],
  ['a form feed behind', ['Transfer-Encoding: chunked\x0c'], 'malformed_request'],
  ['a NUL behind', ['Transfer-Encoding: chunked\0'], 'malformed_request'],
  ['a blank beyond ASCII', ['Transfer-Encoding: chunked\xa0'], 'malformed_request'],
  ['nothing', ['Transfer-Encoding:'], 'malformed_request'],
  ['blanks', ['Transfer-Encoding:  '], 'malformed_request'],
  ['a blank before the colon', ['Transfer-Encoding : chunked'], 'malformed_request'],
  ['a tab before the colon', ['Transfer-Encoding\t: chunked'], 'malformed_request'],
  ['a folded one', ['Transfer-Encoding:\r\n chunked'], 'malformed_request'],
  ['a folded one behind a field', ['X: y\r\n Transfer-Encoding: chunked'], 'malformed_request'],
  ['one behind a bare carriage return', ['X: y\rTransfer-Encoding: chunked'], 'malformed_request'],
  ['one behind a bare line feed', ['X: y\nTransfer-Encoding: chunked'], 'malformed_request'],
  ['a length beside it', ['Content-Length: 5', 'Transfer-Encoding: chunked'], 'malformed_request'],
  ['a length behind it', ['Transfer-Encoding: chunked', 'Content-Length: 5'], 'malformed_request'],
  ['a length of nothing beside it', ['Content-Length: 0', 'Transfer-Encoding: chunked'], 'malformed_request'],
  ['a length beside what is no coding', ['Content-Length: 5', 'Transfer-Encoding: x'], 'malformed_request'],
] as const;

describe('6.1: Transfer-Encoding is chunked and nothing else, once, and not beside a length', () => {
  test.for(codings)('in a request, %s is refused: %j', ([, lines, cause], t) =>
    isRefused(t, `${post(...lines)}0\r\n\r\n${smuggled}`, cause),
  );

  test.for(codings)('in an answer, %s is not passed on: %j', ([, lines, cause], t) =>
    isNotPassedOn(
      t,
      `${answer(...lines)}6\r\nsecret\r\n0\r\n\r\n`,
      cause === 'coding_unknown' ? 'response_coding_unknown' : 'malformed_response',
    ),
  );

  test.for([
    ['a request', (t) => isRefused(t, `${head('POST / HTTP/1.0', 'Host: a', 'Transfer-Encoding: chunked')}0\r\n\r\n`, 'malformed_request')],
    [
      'a request that keeps its connection',
      (t) =>
        isRefused(t, `${head('POST / HTTP/1.0', 'Connection: keep-alive', 'Transfer-Encoding: chunked')}0\r\n\r\n`, 'malformed_request'),
    ],
    [
      'an answer',
      (t) => isNotPassedOn(t, `${head('HTTP/1.0 200 OK', 'Transfer-Encoding: chunked')}6\r\nsecret\r\n0\r\n\r\n`, 'malformed_response'),
    ],
  ] satisfies [string, (t: Parameters<typeof isRefused>[0]) => Promise<void>][])('there is none in HTTP/1.0: %s', ([, claim], t) =>
    claim(t),
  );

  test.for(['chunked', 'Chunked', 'CHUNKED', ' chunked '])('%j passes, made anew', (coding, t) =>
    play(t, {
      sends: `${post('A: 1', `Transfer-Encoding:${coding}`, 'B: 2')}5\r\nhello\r\n0\r\n\r\n`,
      gets: `${posted('A: 1', 'B: 2', 'transfer-encoding: chunked')}5\r\nhello\r\n0\r\n\r\n`,
      says: `${answer('A: 1', `Transfer-Encoding:${coding}`, 'B: 2')}5\r\nworld\r\n0\r\n\r\n`,
      hears: `${answer('A: 1', 'B: 2', 'transfer-encoding: chunked')}5\r\nworld\r\n0\r\n\r\n`,
    }),
  );
});

describe('6.3: how long a body is', () => {
  test('a request without a length or chunks has none: what follows is the next request', (t) =>
    play(t, { sends: post('Content-Type: text/plain'), gets: posted('Content-Type: text/plain') }));

  test('a body that looks like a request is a body', (t) =>
    play(t, {
      sends: post(`Content-Length: ${smuggled.length}`) + smuggled,
      gets: posted(`Content-Length: ${smuggled.length}`) + smuggled,
    }));

  test('GET may have a body as well', (t) =>
    play(t, { sends: `${get('Content-Length: 5')}hello`, gets: `${got('Content-Length: 5')}hello` }));

  test('a request shorter than its length is cut off at the target when the client leaves', async (t) => {
    const { client, target } = await startPair(t);
    client.send(`${post('Content-Length: 10')}hello`);
    const peer = await target.peer(0);
    await sees(seenByTarget, peer, `${posted('Content-Length: 10')}hello`);
    client.end();
    await peer.ended;
    expect(peer.text).toMatch(/\r\n\r\nhello$/);
  });

  test('an answer without a length or chunks lasts until the target closes, and ends in the last chunk', (t) =>
    play(t, {
      sends: get(),
      gets: got(),
      says: [`${answer('A: 1')}hello`, 'FIN'],
      hears: `${answer('A: 1', 'transfer-encoding: chunked')}5\r\nhello\r\n0\r\n\r\n`,
    }));

  test('a reset is no end of such an answer', async (t) => {
    const { client, target } = await startPair(t);
    client.send(get());
    const peer = await target.peer(0);
    peer.send(`${answer()}hello`);
    await client.contains('hello');
    peer.reset();
    await client.ended;
    expect(client.text).not.toContain('\r\n0\r\n');
  });

  test.for([
    ['less than its length', `${answer('Content-Length: 10')}hello`],
    ['no last chunk', `${answer('Transfer-Encoding: chunked')}5\r\nhello\r\n`],
    ['no end behind its last chunk', `${answer('Transfer-Encoding: chunked')}5\r\nhello\r\n0\r\n`],
  ] as const)('8: an answer with %s is not ended in order', async ([, says], t) => {
    const { client, target } = await startPair(t);
    client.send(get());
    const peer = await target.peer(0);
    peer.send(says);
    await client.contains('hello');
    peer.end();
    await client.ended;
    expect(client.text).not.toMatch(/\r\n0\r\n/);
    expect(client.text).toMatch(/hello(\r\n)?$/);
  });

  test.for([
    ['by its length', ok],
    ['in chunks', `${answer('Transfer-Encoding: chunked')}2\r\nok\r\n0\r\n\r\n`],
    ['of nothing', answer('Content-Length: 0')],
  ] as const)('more than the answer %s is not passed on, nor taken for the next one', async ([, says], t) => {
    const { client, target } = await startPair(t);
    client.send(get());
    const peer = await target.peer(0);
    await peer.contains('\r\n\r\n');
    peer.send(`${says}${head('HTTP/1.1 200 OK', 'Secret: 1', 'Content-Length: 6')}secret`);
    await client.answer();
    await peer.ended;
    const heard = seenByClient(client);
    client.send(head('GET /after HTTP/1.1', 'Host: a'));
    expect((await client.answer()).body).toBe('after');
    expect(client.text).not.toMatch(/secret/i);
    expect(heard).not.toMatch(/secret/i);
  });
});
