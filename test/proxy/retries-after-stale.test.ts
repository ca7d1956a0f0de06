import { describe, expect, test } from 'vitest';
import { startProxy } from '../support/data-plane.ts';
import type { Peer } from '../support/raw-client.ts';
import { startRawTarget, startTarget } from '../support/target.ts';

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n';

/**
 * As a target that is killed: its connections are gone first, and for a moment the system still accepts new ones for it, which break too.
 * It answers the very first request.
 */
function dying(asked: string[]): (peer: Peer) => void {
  return (peer) => {
    peer.socket.on('data', (chunk: Buffer) => {
      asked.push(chunk.toString('latin1').split(' ')[0]!);
      if (asked.length === 1) peer.send(ok);
      else peer.reset();
    });
  };
}

describe('when a target is killed, and its kept connection breaks, and so does the new one that replaces it', () => {
  test.for(['GET', 'HEAD', 'OPTIONS'])('a %s is answered by another target', async (method, t) => {
    const asked: string[] = [];
    const target = await startRawTarget(t, dying(asked));
    const other = await startTarget(t, (_incoming, outgoing) => outgoing.end('ok'));
    const proxy = await startProxy(t, { pools: { blue: [target, other] } });
    const client = await proxy.connect();
    for (let count = 0; count < 4; count++) expect((await client.ask(`${method} / HTTP/1.1`)).status).toBe(200);
    // Of the four every second one came to it: one while it was alive, and one over the kept connection and over a new one.
    expect(asked).toHaveLength(3);
    expect(proxy.lines.map(({ cause }) => cause)).toEqual(['', '', '', '']);
  });

  test('a POST is sent to nobody else', async (t) => {
    const asked: string[] = [];
    const target = await startRawTarget(t, dying(asked));
    const other = await startTarget(t, (_incoming, outgoing) => outgoing.end('ok'));
    const proxy = await startProxy(t, { pools: { blue: [target, other] } });
    const client = await proxy.connect();
    const statuses: number[] = [];
    for (let count = 0; count < 4; count++) {
      statuses.push((await client.ask('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab')).status);
    }
    expect(statuses.filter((status) => status !== 200)).toEqual([502]);
    expect(asked).toHaveLength(2);
  });
});

test('a GET is sent three times at most: over a kept connection, over the one that replaces it, and to one other target', async (t) => {
  const asked: string[] = [];
  const target = await startRawTarget(t, dying(asked));
  const proxy = await startProxy(t, { pools: { blue: [target, target, target] }, retryAttempts: 10 });
  const client = await proxy.connect();
  await client.ask('GET / HTTP/1.1');
  for (let count = 0; count < 3; count++) expect((await client.ask('GET / HTTP/1.1')).status).toBe(502);
  // Two of the three turns come to a target without a kept connection, which leaves out the first of the three times.
  expect(asked).toHaveLength(1 + 2 + 2 + 3);
});

test('what was sent once goes over new connections only: a kept one might break again', async (t) => {
  const asked: string[] = [];
  const target = await startRawTarget(t, dying(asked));
  // Breaks every connection at its second request.
  const askedOther: number[] = [];
  const other = await startRawTarget(t, (peer, index) => {
    peer.socket.on('data', () => {
      if (askedOther.includes(index)) peer.reset();
      else peer.send(ok);
      askedOther.push(index);
    });
  });
  const proxy = await startProxy(t, { pools: { blue: [target, other] } });
  const client = await proxy.connect();
  // Whoever is the first of the round, each has kept a connection after two requests.
  for (let count = 0; count < 2; count++) await client.ask('GET / HTTP/1.1');
  let before = 0;
  while (asked.length < 3) {
    before = askedOther.length;
    expect((await client.ask('GET / HTTP/1.1')).status).toBe(200);
  }
  expect(askedOther.length - before).toBe(1);
});
