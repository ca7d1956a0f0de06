import { describe, expect, test, type TestContext } from 'vitest';
import { type ProxyOptions, startProxy, type TestProxy } from '../support/data-plane.ts';
import type { Peer } from '../support/raw-client.ts';
import { startRawTarget } from '../support/target.ts';

const switching = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n';
const plain = 'GET /plain HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n';
const megabyte = Buffer.alloc(1_000_000, 'x');

interface Opened {
  readonly proxy: TestProxy;
  readonly client: Peer;
  readonly peer: Peer;
}

/** A connection on which anything may be said, whose ends stay open for writing when the other side has ended. */
async function open(t: TestContext, early = '', timeouts: ProxyOptions['timeouts'] = {}): Promise<Opened> {
  const target = await startRawTarget(t);
  const proxy = await startProxy(t, { pools: { blue: [target] }, timeouts });
  const client = await proxy.connect();
  client.send(`${plain}${early}`);
  const peer = await target.peer(0);
  await peer.contains('\r\n\r\n');
  peer.send(switching);
  await client.contains('\r\n\r\n');
  client.socket.allowHalfOpen = peer.socket.allowHalfOpen = true;
  return { proxy, client, peer };
}

/** What a side has sent behind the head of its handshake. */
const said = ({ text }: Peer) => text.slice(text.indexOf('\r\n\r\n') + 4);

describe('a client that has ended, of a connection that is no WebSocket,', () => {
  test('still hears all that the target has to say', async (t) => {
    const { proxy, client, peer } = await open(t);
    client.send('that is all');
    client.end();
    expect(await peer.ended).toBe('fin');
    expect(said(peer)).toBe('that is all');
    peer.send(megabyte);
    peer.end();
    expect(await client.ended).toBe('fin');
    expect(said(client) === megabyte.toString()).toBe(true);
    expect(await proxy.logged(() => true)).toMatchObject({ status: 101, cause: '' });
  });

  test('is not waited with for ever where the target says nothing', async (t) => {
    const { proxy, client, peer } = await open(t, '', { idleMs: 200 });
    client.end();
    expect(await peer.ended).toBe('fin');
    expect(await client.ended).toBe('fin');
    expect(await proxy.logged(() => true)).toMatchObject({ status: 101, cause: 'upgrade_idle' });
    peer.socket.destroy();
  });
});

test('the access line has the bytes of both directions, those that came with the handshake included', async (t) => {
  const { proxy, client, peer } = await open(t, 'early');
  client.send(Buffer.concat([megabyte, Buffer.from('end')]));
  await peer.contains('xend');
  peer.send('abc');
  await client.contains('abc');
  const head = client.text.length - 3;
  client.end();
  await peer.ended;
  peer.end();
  const line = await proxy.logged(() => true);
  expect(line).toMatchObject({ status: 101, bytes: head + 3, received: 5 + megabyte.length + 3 });
});
