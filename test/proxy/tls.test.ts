import { request } from 'node:https';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { describe, expect, test, type TestContext, vi } from 'vitest';
import { FailedHandshakes } from '../../proxy/entrance/failed-handshakes.ts';
import type { ListenerTls } from '../../src/core/model.ts';
import { authoritiesText, type Authority, createAuthority, type Issued, pairText } from '../support/certificates.ts';
import { type ProxyOptions, startProxy, type TestProxy } from '../support/data-plane.ts';
import { Peer } from '../support/raw-client.ts';
import { startRawTarget, startTarget } from '../support/target.ts';

const authority = createAuthority();
const clients = createAuthority('Authority of clients');
const [first, shop, wild] = [['first.example'], ['shop.example'], ['*.wild.example']].map((names) => authority.issue({ names })) as [
  Issued,
  Issued,
  Issued,
];

/** A listener that has these certificates, as files called by a number. */
function encrypted(certificates: readonly Issued[], changes: Partial<ListenerTls> = {}): ProxyOptions {
  const files = new Map([authoritiesText('clients.crt', clients.cert)]);
  for (const [index, issued] of certificates.entries()) files.set(...pairText(`${index}.crt`, `${index}.key`, issued));
  const tls: ListenerTls = {
    certificates: certificates.map((_, index) => ({ certFile: `${index}.crt`, keyFile: `${index}.key` })),
    minVersion: '1.2',
    clients: undefined,
    ...changes,
  };
  return { listener: { tls }, surroundings: { files, ticketKey: Buffer.alloc(48, 7).toString('base64') } };
}

interface TlsPeer extends Peer {
  readonly socket: TLSSocket;
}

/** A client that trusts our authority. Rejects where no encrypted connection comes of it. */
async function connectTls(t: TestContext, proxy: TestProxy, options: ConnectionOptions = {}): Promise<TlsPeer> {
  const socket = connect({ port: proxy.port, host: '127.0.0.1', ca: authority.cert, servername: 'first.example', ...options });
  t.onTestFinished(() => void socket.destroy());
  const peer = new Peer(socket);
  await new Promise((resolve, reject) => {
    socket.once('secureConnect', resolve).once('error', reject);
    socket.once('close', () => reject(new Error('closed')));
  });
  return peer as TlsPeer;
}

async function failures(proxy: TestProxy, count: number): Promise<void> {
  await vi.waitFor(() => expect(proxy.report().terminations['tls_handshake_failed']).toBe(count), { interval: 5 });
  proxy.countTurnedAway(count, 'tls_handshake_failed');
}

const anyName = { checkServerIdentity: () => undefined };

test.for([
  ['shop.example', 'shop.example'],
  ['SHOP.example', 'shop.example'],
  ['a.wild.example', '*.wild.example'],
  ['A.Wild.Example', '*.wild.example'],
  ['b.a.wild.example', 'first.example'],
  ['wild.example', 'first.example'],
  ['other.example', 'first.example'],
  ['', 'first.example'],
] as const)('a client that asks for "%s" is shown %s', async ([servername, shown], t) => {
  const proxy = await startProxy(t, { ...encrypted([first, shop, wild]), matches: [] });
  const client = await connectTls(t, proxy, { servername, ...anyName });
  const { socket } = client;
  await client.ask('GET / HTTP/1.1');
  expect(socket.getPeerCertificate().subject.CN).toBe(shown);
  expect(socket.authorized).toBe(true);
});

test('a chain is shown whole: who trusts only the root is satisfied', async (t) => {
  const between = authority.subordinate('Between');
  const leaf = between.issue({ names: ['first.example'] });
  const proxy = await startProxy(t, { ...encrypted([{ ...leaf, cert: leaf.cert + between.cert }]), matches: [] });
  const client = await connectTls(t, proxy);
  await client.ask('GET / HTTP/1.1');
  expect(client.socket.authorized).toBe(true);
});

describe('a request over TLS', () => {
  test('is answered like any other, and its target is told', async (t) => {
    const target = await startTarget(t, (incoming, response) =>
      response.end(`${String(incoming.headers['x-forwarded-proto'])} ${incoming.url}`),
    );
    const proxy = await startProxy(t, { ...encrypted([first]), pools: { blue: [target] } });
    const client = await connectTls(t, proxy);
    expect((await client.ask('GET /1 HTTP/1.1')).body).toBe('https /1');
    expect((await client.ask('GET /2 HTTP/1.1')).body).toBe('https /2');
    expect([client.socket.getProtocol(), client.socket.alpnProtocol]).toEqual(['TLSv1.3', false]);
    expect(proxy.report().connections).toBe(1);
  });

  test.for([
    [['http/1.0'], 'http/1.0'],
    [['http/1.0', 'http/1.1'], 'http/1.1'],
    [['h2', 'http/1.0'], 'http/1.0'],
  ] as const)('is served to a client that offers %j, by the version that it then speaks', async ([ALPNProtocols, agreed], t) => {
    const target = await startTarget(t, (_, response) => response.end());
    const proxy = await startProxy(t, { ...encrypted([first]), pools: { blue: [target] } });
    const client = await connectTls(t, proxy, { ALPNProtocols: [...ALPNProtocols] });
    expect(client.socket.alpnProtocol).toBe(agreed);
    expect((await client.ask('GET / HTTP/1.0')).status).toBe(200);
    await client.ended;
  });

  test('may have a body of megabytes, and so may its answer', async (t) => {
    const target = await startTarget(t, (incoming, response) => void incoming.pipe(response));
    const proxy = await startProxy(t, { ...encrypted([first]), pools: { blue: [target] } });
    const sent = Buffer.alloc(3_000_000, 'abcdefghijk');
    const echoed = await new Promise<Buffer>((resolve, reject) => {
      const options = {
        port: proxy.port,
        host: '127.0.0.1',
        method: 'POST',
        path: '/',
        ca: authority.cert,
        servername: 'first.example',
        agent: false,
      };
      const outgoing = request(options, (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part)).on('end', () => resolve(Buffer.concat(parts)));
      });
      outgoing.on('error', reject).end(sent);
    });
    expect(echoed.equals(sent)).toBe(true);
  });

  test('that was the last is followed by a word of goodbye', async (t) => {
    const target = await startTarget(t, (_, response) => response.end('bye'));
    const proxy = await startProxy(t, { ...encrypted([first]), pools: { blue: [target] } });
    const client = await connectTls(t, proxy);
    expect((await client.ask('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')).body).toBe('bye');
    expect(await client.ended).toBe('fin');
  });

  test('of HTTP/1.0 whose answer ends with the connection is whole, or is cut so that it shows', async (t) => {
    const target = await startRawTarget(t, (peer) => peer.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n'));
    const proxy = await startProxy(t, { ...encrypted([first]), pools: { blue: [target] } });
    const [whole, broken] = [await connectTls(t, proxy), await connectTls(t, proxy)];
    for (const client of [whole, broken]) {
      client.send('GET / HTTP/1.0\r\nHost: a\r\n\r\n');
      await client.contains('abc');
    }
    (await target.peer(0)).send('0\r\n\r\n');
    (await target.peer(1)).reset();
    expect(await whole.ended).toBe('fin');
    expect(await broken.ended).toBe('reset');
  });

  test('may leave HTTP: a WebSocket goes through', async (t) => {
    const target = await startRawTarget(t);
    const proxy = await startProxy(t, { ...encrypted([first]), pools: { blue: [target] } });
    const client = await connectTls(t, proxy);
    const key = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n';
    client.send(`GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${key}\r\n`);
    const peer = await target.peer(0);
    await peer.contains('\r\n\r\n');
    const accept = 'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n';
    peer.send(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${accept}\r\nhello`);
    await client.contains('hello');
    client.send('there');
    await peer.contains('there');
    client.end();
    expect((await proxy.logged(({ status }) => status === 101)).path).toBe('/chat');
  });

  test('on a connection that is drained is its last', async (t) => {
    const target = await startTarget(t, (_, response) => response.end('x'));
    const proxy = await startProxy(t, { ...encrypted([first]), pools: { blue: [target] } });
    const client = await connectTls(t, proxy);
    await client.ask('GET / HTTP/1.1');
    const drained = proxy.plane.drain(5000);
    expect((await client.ask('GET / HTTP/1.1')).field('connection')).toBe('close');
    expect(await client.ended).toBe('fin');
    await drained;
  });
});

describe('a handshake is refused', () => {
  test.for([
    ['of plain HTTP, which is told why', 'ERR_SSL_HTTP_REQUEST', { minVersion: '1.2' }, undefined],
    ['of a version that is too old', 'ERR_SSL_UNSUPPORTED_PROTOCOL', { minVersion: '1.3' }, { maxVersion: 'TLSv1.2' }],
    ['of a client that speaks only HTTP/2', 'ERR_SSL_NO_APPLICATION_PROTOCOL', {}, { ALPNProtocols: ['h2'] }],
    [
      'of a client without the certificate that is wanted',
      'ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE',
      { clients: { caFile: 'clients.crt', required: true } },
      { maxVersion: 'TLSv1.2' },
    ],
  ] as [string, string, Partial<ListenerTls>, ConnectionOptions | undefined][])('%s', async ([, reason, changes, options], t) => {
    const proxy = await startProxy(t, encrypted([first], changes));
    if (options === undefined) {
      const client = await proxy.connect();
      expect((await client.ask('GET / HTTP/1.1')).status).toBe(400);
      expect(await client.ended).toBe('fin');
    } else await expect(connectTls(t, proxy, options)).rejects.toThrow(/alert|closed|disconnected|reset/i);
    await failures(proxy, 1);
    expect(proxy.lines).toEqual([]);
    expect(proxy.notes).toMatchObject([{ client: '127.0.0.1', reason, unlogged: 0, message: 'TLS handshake failed' }]);
  });

  test('are logged once per second, with how many more there were', () => {
    const lines: unknown[] = [];
    const failed = new FailedHandshakes((fields) => lines.push(fields));
    for (const nowMs of [5, 6, 1004, 1005, 1006, 9000]) failed.note('web', '10.0.0.1', 'ECONNRESET', nowMs);
    const line = { listener: 'web', client: '10.0.0.1', reason: 'ECONNRESET' };
    expect(lines).toEqual([0, 2, 1].map((unlogged) => ({ ...line, unlogged })));
  });

  test('of a stranger, however new its version', async (t) => {
    const proxy = await startProxy(t, { ...encrypted([first], { clients: { caFile: 'clients.crt', required: true } }), matches: [] });
    const stranger: Authority = createAuthority('Stranger');
    for (const own of [{}, stranger.issue(), authority.issue()]) {
      // By TLS 1.3 the client has finished before it can hear that it was refused.
      const client = await connectTls(t, proxy, own);
      client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      await client.ended;
      expect(client.text).toBe('');
    }
    await failures(proxy, 3);
    const known = await connectTls(t, proxy, clients.issue({ names: [], commonName: 'alice' }));
    expect((await known.ask('GET / HTTP/1.1')).status).toBe(404);
  });

  test('and one that was only looked at is none', async (t) => {
    const proxy = await startProxy(t, encrypted([first]));
    const client = await proxy.connect();
    await vi.waitFor(() => expect(proxy.report().connections).toBe(1), { interval: 5 });
    client.end();
    await client.ended;
    await vi.waitFor(() => expect(proxy.report().connections).toBe(0), { interval: 5 });
    expect(proxy.report().terminations).toEqual({});
  });

  test('where it takes longer than a head may', async (t) => {
    const proxy = await startProxy(t, { ...encrypted([first]), listenerTimeouts: { headMs: 200 } });
    const client = await proxy.connect();
    client.send(Buffer.of(0x16, 0x03, 0x01));
    await client.ended;
    await failures(proxy, 1);
  });
});

describe('sessions', () => {
  async function sessionOf(client: TlsPeer, ask: string): Promise<Buffer> {
    const tickets: Buffer[] = [];
    client.socket.on('session', (ticket) => tickets.push(ticket));
    await client.ask(ask);
    await vi.waitFor(() => expect(client.socket.getSession() ?? tickets.at(-1)).toBeDefined(), { interval: 5 });
    return tickets.at(-1) ?? client.socket.getSession()!;
  }

  test.for(['TLSv1.2', 'TLSv1.3'] as const)(
    'of %s are resumed by another worker that has the same key, and by no other',
    async (version, t) => {
      const options = { ...encrypted([first, shop]), matches: [] };
      const other = { ...options, surroundings: { ...options.surroundings, ticketKey: Buffer.alloc(48, 8).toString('base64') } };
      const [one, two, three] = [await startProxy(t, options), await startProxy(t, options), await startProxy(t, other)];
      const limits = { minVersion: version, maxVersion: version, servername: 'shop.example' };
      const session = await sessionOf(await connectTls(t, one, limits), 'GET / HTTP/1.1');
      const [again, anew] = [await connectTls(t, two, { ...limits, session }), await connectTls(t, three, { ...limits, session })];
      expect([again.socket.isSessionReused(), anew.socket.isSessionReused()]).toEqual([true, false]);
      expect((await again.ask('GET / HTTP/1.1')).status).toBe(404);
    },
  );

  test('of a client that showed a certificate are of no use where others must have signed it', async (t) => {
    const others = createAuthority('Others');
    const required = encrypted([first], { clients: { caFile: 'clients.crt', required: true } });
    const files = new Map([...required.surroundings!.files!, authoritiesText('clients.crt', others.cert)]);
    const theirs = await startProxy(t, { ...required, matches: [] });
    const ours = await startProxy(t, { ...required, surroundings: { ...required.surroundings, files }, matches: [] });
    const session = await sessionOf(await connectTls(t, theirs, clients.issue({ names: [] })), 'GET / HTTP/1.1');
    const client = await connectTls(t, ours, { session }).catch(() => undefined);
    client?.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await client?.ended;
    expect(client?.text ?? '').toBe('');
    await failures(ours, 1);
  });

  test('that began where nobody asked for a certificate are of no use where one is wanted', async (t) => {
    const open = await startProxy(t, { ...encrypted([first]), matches: [] });
    const closed = await startProxy(t, { ...encrypted([first], { clients: { caFile: 'clients.crt', required: true } }), matches: [] });
    const session = await sessionOf(await connectTls(t, open), 'GET / HTTP/1.1');
    const client = await connectTls(t, closed, { session }).catch(() => undefined);
    client?.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await client?.ended;
    expect(client?.text ?? '').toBe('');
    await failures(closed, 1);
  });
});

describe('a new revision', () => {
  test('brings another certificate for who comes, and cuts nobody', async (t) => {
    const proxy = await startProxy(t, { ...encrypted([first]), matches: [] });
    const before = await connectTls(t, proxy);
    const renewed = authority.issue({ names: ['first.example'], commonName: 'renewed' });
    proxy.apply(encrypted([renewed]));
    expect((await before.ask('GET / HTTP/1.1')).status).toBe(404);
    const after = await connectTls(t, proxy);
    await after.ask('GET / HTTP/1.1');
    expect(after.socket.getPeerCertificate().subject.CN).toBe('renewed');
  });

  test('without the files, or with some that cannot be used, leaves those before in force', async (t) => {
    const proxy = await startProxy(t, { ...encrypted([first]), matches: [] });
    proxy.apply({ surroundings: { files: new Map() } });
    expect((await (await connectTls(t, proxy)).ask('GET / HTTP/1.1')).status).toBe(404);
    proxy.apply({ surroundings: { files: new Map([pairText('0.crt', '0.key', { cert: shop.cert, key: first.key })]) } });
    expect((await (await connectTls(t, proxy)).ask('GET / HTTP/1.1')).status).toBe(404);
    expect(proxy.warnings.splice(0)).toHaveLength(1);
  });

  test('that names nothing that can be used goes on with what was shown before, by the settings of now', async (t) => {
    const proxy = await startProxy(t, { ...encrypted([first]), matches: [] });
    const certificates = [{ certFile: 'gone.crt', keyFile: 'gone.key' }];
    proxy.apply({ listener: { tls: { certificates, minVersion: '1.3', clients: undefined } }, surroundings: { files: new Map() } });
    const old = await connectTls(t, proxy);
    expect((await old.ask('GET / HTTP/1.1')).status).toBe(404);
    await expect(connectTls(t, proxy, { maxVersion: 'TLSv1.2' })).rejects.toThrow(/alert/);
    await failures(proxy, 1);
    proxy.apply(encrypted([shop]));
    expect((await (await connectTls(t, proxy, { servername: 'shop.example' })).ask('GET / HTTP/1.1')).status).toBe(404);
  });

  test('that wants certificates of clients lets nobody in as long as nothing is known of who signs them', async (t) => {
    const options = encrypted([first]);
    const { tls } = options.listener!;
    const proxy = await startProxy(t, { ...options, matches: [] });
    const files = new Map([...options.surroundings!.files!].filter(([identity]) => !identity.includes('clients.crt')));
    const known = clients.issue({ names: [], commonName: 'alice' });
    const nobody = /closed|disconnected|reset/i;
    const strict = { listener: { tls: { ...tls!, clients: { caFile: 'clients.crt', required: true } } } };
    proxy.apply({ ...strict, surroundings: { ...options.surroundings!, files } });
    await expect(connectTls(t, proxy)).rejects.toThrow(nobody);
    await expect(connectTls(t, proxy, known)).rejects.toThrow(nobody);
    expect(proxy.warnings.splice(0)).toHaveLength(1);

    // The same setup may succeed later, and what no longer asks for certificates lets in as before.
    proxy.apply({ ...strict, surroundings: options.surroundings! });
    expect((await (await connectTls(t, proxy, known)).ask('GET / HTTP/1.1')).status).toBe(404);
    const stranger = await connectTls(t, proxy);
    stranger.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await stranger.ended;
    expect(stranger.text).toBe('');
    await failures(proxy, 1);

    // Where the same file goes missing, what is known of it stays in force.
    proxy.apply({ surroundings: { ...options.surroundings!, files } });
    expect((await (await connectTls(t, proxy, known)).ask('GET / HTTP/1.1')).status).toBe(404);
    proxy.apply({ listener: { tls: { ...tls!, clients: { caFile: 'others.crt', required: true } } } });
    expect(proxy.warnings.splice(0)).toHaveLength(1);
    await expect(connectTls(t, proxy, known)).rejects.toThrow(nobody);
    proxy.apply({ listener: { tls: tls! } });
    expect((await (await connectTls(t, proxy)).ask('GET / HTTP/1.1')).status).toBe(404);
  });

  test('turns encryption on and off for who comes; who is there stays as it is', async (t) => {
    const proxy = await startProxy(t, { matches: [] });
    const plain = await proxy.connect();
    await plain.ask('GET / HTTP/1.1');
    proxy.apply(encrypted([first]));
    const secured = await connectTls(t, proxy);
    proxy.apply({ listener: {} });
    expect((await plain.ask('GET / HTTP/1.1')).status).toBe(404);
    expect((await secured.ask('GET / HTTP/1.1')).status).toBe(404);
    expect((await (await proxy.connect()).ask('GET / HTTP/1.1')).status).toBe(404);
  });
});

describe('redirectToHttps', () => {
  test.for([
    ['GET /a?b=c HTTP/1.1\r\nHost: shop.example:8080', 443, 'https://shop.example/a?b=c'],
    ['GET / HTTP/1.1\r\nHost: shop.example', 8443, 'https://shop.example:8443/'],
    ['HEAD / HTTP/1.1\r\nHost: [::1]:80', 8443, 'https://[::1]:8443/'],
    ['GET / HTTP/1.1\r\nHost: [::1]', 443, 'https://[::1]/'],
    ['GET //evil.example/%0d%0aSet-Cookie:x HTTP/1.1\r\nHost: shop.example', 443, 'https://shop.example//evil.example/%0d%0aSet-Cookie:x'],
    ['GET http://other.example/x HTTP/1.1\r\nHost: shop.example', 443, 'https://other.example/x'],
    ['OPTIONS * HTTP/1.1\r\nHost: shop.example', 443, 'https://shop.example/'],
  ] as const)('%s → %s', async ([head, redirectToHttps, location], t) => {
    const proxy = await startProxy(t, { listener: { redirectToHttps } });
    const client = await proxy.connect();
    for (let time = 0; time < 2; time++) {
      const answer = await client.ask(`${head}\r\n\r\n`);
      expect([answer.status, answer.field('location'), answer.body]).toEqual([308, location, '']);
    }
    expect(proxy.lines.map(({ status, cause, decision, target }) => [status, cause, decision, target])).toEqual([
      [308, '', 'none', ''],
      [308, '', 'none', ''],
    ]);
  });

  test('a body is read and thrown away, so that the next request has its answer', async (t) => {
    const proxy = await startProxy(t, { listener: { redirectToHttps: 443 } });
    const client = await proxy.connect();
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe');
    expect((await client.answer()).status).toBe(308);
    client.send('lloGET /next HTTP/1.1\r\nHost: a\r\n\r\n');
    expect((await client.answer()).field('location')).toBe('https://a/next');
  });

  test.for(['Host: a b', 'Host: a\r\nHost: b', 'Host: a/b', 'Host:', 'X: y'])('%s is refused', async (field, t) => {
    const proxy = await startProxy(t, { listener: { redirectToHttps: 443 } });
    const answer = await (await proxy.connect()).ask(`GET / HTTP/1.1\r\n${field}\r\n\r\n`);
    expect([answer.status, answer.field('location')]).toEqual([400, undefined]);
  });

  test('what a trusted proxy has received over https is served: it was there already, and would be sent there for ever', async (t) => {
    const target = await startTarget(t, (_, response) => response.end('here'));
    const proxy = await startProxy(t, { pools: { blue: [target] }, listener: { redirectToHttps: 443, trustedProxies: ['127.0.0.0/8'] } });
    const client = await proxy.connect();
    for (const [scheme, status] of [
      ['https', 200],
      ['http', 308],
      ['HTTPS', 200],
      ['', 308],
    ] as const) {
      expect((await client.ask(`GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Proto: ${scheme}\r\n\r\n`)).status).toBe(status);
    }
  });

  test('from a stranger that says nothing', async (t) => {
    const proxy = await startProxy(t, { listener: { redirectToHttps: 443 } });
    const answer = await (await proxy.connect()).ask('GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Proto: https\r\n\r\n');
    expect(answer.status).toBe(308);
  });

  test('without Host there is nowhere to go: 400, also by HTTP/1.0', async (t) => {
    const proxy = await startProxy(t, { listener: { redirectToHttps: 443 } });
    expect((await (await proxy.connect()).ask('GET / HTTP/1.0\r\n\r\n')).status).toBe(400);
    expect(proxy.lines[0]!.cause).toBe('malformed_request');
  });
});

test('a sticky cookie is Secure where the connection is encrypted', async (t) => {
  const { stickyModelDefaults } = await import('../../config/model-defaults.ts');
  const secret = Buffer.alloc(32, 1).toString('base64url');
  const { listener, surroundings } = encrypted([first]);
  const options: ProxyOptions = {
    service: { sticky: stickyModelDefaults },
    surroundings: { ...surroundings, signingKeys: [{ id: 'k', secret }] },
  };
  const pools = async () => ({ blue: [await startTarget(t, (_, response) => response.end())] });
  const secured = await startProxy(t, { ...options, pools: await pools(), listener: listener! });
  const plain = await startProxy(t, { ...options, pools: await pools() });
  expect((await (await connectTls(t, secured)).ask('GET / HTTP/1.1')).field('set-cookie')).toMatch(/; secure/i);
  expect((await (await plain.connect()).ask('GET / HTTP/1.1')).field('set-cookie')).not.toMatch(/; secure/i);
});
