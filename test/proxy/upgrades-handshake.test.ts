/** What of a target's answer to a handshake reaches the client, and what becomes of the connection. */
import { describe, expect, test, type TestContext } from 'vitest';
import { lingerMs } from '../../proxy/closable-websocket.ts';
import { type ProxyOptions, startProxy, type TestProxy } from '../support/data-plane.ts';
import type { Peer } from '../support/raw-client.ts';
import { startRawTarget } from '../support/target.ts';

const handshake = 'GET /plain HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n';

/** A client whose handshake, and what it sends behind it, has reached its target, which then says this. */
async function answeredWith(t: TestContext, says: string, behind = '', options: ProxyOptions = {}) {
  const target = await startRawTarget(t);
  const proxy: TestProxy = await startProxy(t, { pools: { blue: [target] }, ...options });
  const client: Peer = await proxy.connect();
  client.send(handshake + behind);
  const peer: Peer = await target.peer(0);
  await peer.contains('\r\n\r\n');
  peer.send(says);
  return { proxy, target, client, peer };
}

const switching = (...lines: readonly string[]) => ['HTTP/1.1 101 Switching Protocols', ...lines].join('\r\n') + '\r\n\r\n';

describe('a 101', () => {
  test.for([
    ['a length', ['Content-Length: 5']],
    ['a length, which Connection lists', ['Connection: content-length', 'Content-Length: 5']],
    ['a coding', ['Transfer-Encoding: chunked']],
    ['what speaks of its connection', ['Keep-Alive: timeout=5', 'Proxy-Connection: keep-alive', 'TE: trailers', 'Trailer: x']],
    ['what Connection lists', ['Connection: X-Hop, keep-alive', 'X-Hop: 1', 'Connection: X-Other,', 'x-other: 2']],
    ['fields of ours', ['X-Sluice-Pool: red', 'x_sluice_pool: red']],
    ['what says in our name why we failed', ['Proxy-Status: a', 'Proxy-Status: sluice; error=dns_error', 'proxy_status: b']],
  ] as const)('passes on without %s', async ([, lines], t) => {
    const { client } = await answeredWith(t, `${switching('Connection: Upgrade', 'Upgrade: echo', ...lines, 'X-Kept: 1')}hello`);
    await client.contains('hello');
    const fields = client.text.slice(0, client.text.indexOf('\r\n\r\n')).toLowerCase().split('\r\n').slice(1);
    expect(fields.toSorted()).toEqual(['connection: upgrade', 'upgrade: echo', 'via: 1.1 sluice', 'x-kept: 1']);
  });

  test.for([
    ['no Upgrade', switching('Connection: Upgrade')],
    ['an empty Upgrade', switching('Connection: Upgrade', 'Upgrade:')],
    ['an Upgrade that is a list of nothing', switching('Connection: Upgrade', 'Upgrade: ,')],
    ['no Connection', switching('Upgrade: echo')],
    ['neither', switching()],
  ] as const)('with %s says nothing of what is spoken now: 502', async ([, says], t) => {
    const { client, proxy, peer } = await answeredWith(t, says);
    const answer = await client.answer();
    expect([answer.status, answer.field('proxy-status')]).toEqual([502, expect.stringContaining('upgrade_failed')]);
    await peer.ended;
    client.end();
    expect(await proxy.logged(() => true)).toMatchObject({ status: 502, cause: 'upgrade_failed' });
  });
});

describe('a refusal', () => {
  const refusal = 'HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno';

  test('says nothing in our name', async (t) => {
    const { client } = await answeredWith(t, refusal.replace('\r\n\r\n', '\r\nProxy-Status: sluice; a\r\nProxy-Status: b\r\n\r\n'));
    expect((await client.answer()).field('proxy-status')).toBe('b');
  });

  test.for(['1.0', '1.1'])('by HTTP/%s says so', async (version, t) => {
    const { client } = await answeredWith(t, refusal.replace('1.1', version));
    expect((await client.answer()).field('via')).toBe(`${version} sluice`);
  });

  test.for([
    ['nothing', ''],
    ['a request', 'GET /behind HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['more than a socket holds', 'x'.repeat(200_000)],
  ] as const)(
    'ends the connection as soon as its client has, with %s behind the handshake',
    { timeout: lingerMs - 500 },
    async ([, behind], t) => {
      const { client, proxy } = await answeredWith(t, refusal, behind);
      expect((await client.answer()).body).toBe('no');
      expect(await client.ended).toBe('fin');
      client.end();
      expect(await proxy.logged(() => true)).toMatchObject({ status: 403, cause: '' });
      expect(proxy.report().connections).toBe(0);
    },
  );
});
