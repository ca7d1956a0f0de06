/** RFC 9110 section 10.1.1: `Expect: 100-continue`, end to end. */
import { describe, expect, test } from 'vitest';
import { answer, get, got, head, isRefused, ok, play, post, posted, sees, seenByClient, seenByTarget, startPair } from './support.ts';

const waits = post('Expect: 100-continue', 'Content-Length: 5');
const waited = posted('Expect: 100-continue', 'Content-Length: 5');
const goOn = head('HTTP/1.1 100 Continue');

test('the leave to go on is the one that the target gives', async (t) => {
  const { client, target } = await startPair(t);
  client.send(waits);
  const peer = await target.peer(0);
  await sees(seenByTarget, peer, waited);
  expect(client.text).toBe('');
  peer.send(goOn);
  await sees(seenByClient, client, goOn);
  client.send('hello');
  await sees(seenByTarget, peer, `${waited}hello`);
  peer.send(ok);
  await sees(seenByClient, client, goOn + ok);
});

test.for([
  ['a refusal', head('HTTP/1.1 417 Expectation Failed', 'Content-Length: 0')],
  ['an early success', answer('Content-Length: 0')],
] as const)('%s instead is the last answer: nobody knows whether the body still comes', async ([, says], t) => {
  const { client, target } = await startPair(t);
  client.send(waits);
  const peer = await target.peer(0);
  await sees(seenByTarget, peer, waited);
  peer.send(says);
  expect(await client.ended).toBe('fin');
  expect(seenByClient(client)).toBe(says.replace(/\r\n\r\n$/, '\r\nconnection: close\r\n\r\n'));
  await peer.ended;
});

test('a client that does not wait is served', (t) => play(t, { sends: `${waits}hello`, gets: `${waited}hello` }));

test.for(['more', '100-continue, more', '100', '"100-continue"', '100-continue=1'])(
  'any other expectation, %j, is answered 417',
  (value, t) => isRefused(t, get(`Expect: ${value}`), 'expectation_unknown'),
);

test('it may be written in any case', (t) =>
  play(t, {
    sends: `${post('expect: 100-CONTINUE', 'Content-Length: 5')}hello`,
    gets: `${posted('expect: 100-CONTINUE', 'Content-Length: 5')}hello`,
  }));

test('an HTTP/1.0 client gets no interim answer', (t) =>
  play(t, {
    sends: head('GET / HTTP/1.0', 'Host: a'),
    gets: got(),
    says: goOn + ok,
    hears: `${answer('Content-Length: 2', 'connection: close')}ok`,
    connection: 'closes',
  }));

describe('from an HTTP/1.0 client', () => {
  test('it is ignored: the target is not told of what nobody waits for', (t) =>
    play(t, {
      sends: `${head('POST / HTTP/1.0', 'Host: a', 'A: 1', 'Expect: 100-continue', 'Content-Length: 5', 'Connection: keep-alive')}hello`,
      gets: `${posted('A: 1', 'Content-Length: 5')}hello`,
      hears: `${answer('Content-Length: 2', 'connection: keep-alive')}ok`,
    }));

  test('another one is refused all the same', (t) =>
    isRefused(t, head('GET / HTTP/1.0', 'Host: a', 'Expect: more'), 'expectation_unknown'));
});
