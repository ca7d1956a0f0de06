import { describe, expect, test } from 'vitest';
import { startProxy } from '../support/data-plane.ts';
import type { Peer } from '../support/raw-client.ts';
import { startRawTarget } from '../support/target.ts';

const sorry = 'HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\n\r\nsorry';

describe('an answer that comes before the end of an upload', () => {
  test('is delivered; a small rest is read and the connection kept', async (t) => {
    const target = await startRawTarget(t, (peer) => peer.socket.once('data', () => peer.send(sorry)));
    const proxy = await startProxy(t, { pools: { blue: [target] } });
    const client = await proxy.connect();
    client.send('POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 10000\r\n\r\nbegin');
    const answer = await client.answer();
    expect([answer.status, answer.body, answer.field('connection')]).toEqual([413, 'sorry', undefined]);
    client.send('x'.repeat(9995));
    expect((await client.ask('GET /2 HTTP/1.1')).status).toBe(413);
    expect(proxy.lines.map(({ path, cause }) => [path, cause])).toEqual([
      ['/1', ''],
      ['/2', ''],
    ]);
  });

  test('is delivered; the rest in chunks is read and the connection kept', async (t) => {
    const target = await startRawTarget(t, (peer) => peer.socket.once('data', () => peer.send(sorry)));
    const proxy = await startProxy(t, { pools: { blue: [target] } });
    const client = await proxy.connect();
    client.send('POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegin\r\n');
    expect((await client.answer()).body).toBe('sorry');
    client.send('5\r\nagain\r\n0\r\nX-T: 1\r\n\r\n');
    expect((await client.ask('GET /2 HTTP/1.1')).body).toBe('sorry');
  });

  test('is delivered; before a huge rest the connection is closed', async (t) => {
    const target = await startRawTarget(t, (peer) => peer.socket.once('data', () => peer.send(sorry)));
    const proxy = await startProxy(t, { pools: { blue: [target] } });
    const client = await proxy.connect();
    client.send('POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\nbegin');
    const answer = await client.answer();
    expect([answer.body, answer.field('connection')]).toEqual(['sorry', 'close']);
    await client.ended;
  });

  test('is delivered; an endless rest in chunks ends the connection', async (t) => {
    const target = await startRawTarget(t, (peer) => peer.socket.once('data', () => peer.send(sorry)));
    const proxy = await startProxy(t, { pools: { blue: [target] } });
    const client = await proxy.connect();
    client.send('POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n');
    uploadForEver(client, `10000\r\n${'x'.repeat(0x10000)}\r\n`);
    expect((await client.answer()).body).toBe('sorry');
    await client.ended;
  });

  test('streams on while the upload goes on', async (t) => {
    const target = await startRawTarget(t);
    const proxy = await startProxy(t, { pools: { blue: [target] } });
    const client = await proxy.connect();
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n');
    const peer = await target.peer(0);
    await peer.contains('\r\n\r\n');
    peer.send('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n');
    for (const digit of '0123456789') {
      client.send(digit);
      await peer.contains(`\r\n\r\n${'0123456789'.slice(0, Number(digit) + 1)}`);
      peer.send(digit);
      await client.contains(`\r\n\r\n${'0123456789'.slice(0, Number(digit) + 1)}`);
    }
    expect((await client.answer()).body).toBe('0123456789');
    expect((await proxy.logged(() => true)).cause).toBe('');
  });

  test('is delivered whole although the target resets the connection right behind it, fifty times', async (t) => {
    const body = 'y'.repeat(20_000);
    const target = await startRawTarget(t, (peer) => {
      peer.socket.once('data', () => {
        peer.pause();
        // Closing with unread bytes is what makes the system send a reset.
        peer.socket.write(`HTTP/1.1 403 Forbidden\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`, () =>
          peer.reset(),
        );
      });
    });
    const proxy = await startProxy(t, { pools: { blue: [target] } });
    for (let round = 0; round < 50; round++) {
      const client = await proxy.connect();
      client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n');
      uploadForEver(client, 'x'.repeat(0x4000));
      const answer = await client.answer();
      expect([round, answer.status, answer.body.length]).toEqual([round, 403, body.length]);
      client.reset();
    }
  });
});

function uploadForEver(client: Peer, piece: string): void {
  const write = () => {
    while (client.socket.writable && client.socket.write(piece, 'latin1'));
  };
  client.socket.on('drain', write);
  write();
}
