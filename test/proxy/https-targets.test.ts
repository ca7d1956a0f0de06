import { once } from 'node:events';
import { describe, expect, test, type TestContext, vi } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import type { Pool, TargetTls } from '../../src/core/model.ts';
import type { FileTexts } from '../../src/core/snapshot.ts';
import { authoritiesText, createAuthority, dayMs, type Issued, pairText } from '../support/certificates.ts';
import { type ProxyOptions, startProxy, type TestProxy } from '../support/data-plane.ts';
import { deadPort, startRawTarget, startTarget, type TestTarget } from '../support/target.ts';
import { startRawTlsTarget, startTlsTarget } from '../support/tls-target.ts';

const authority = createAuthority();
const stranger = createAuthority('Stranger');
const good = authority.issue();
const forApp = authority.issue({ names: ['app.test'] });
const bareTls: TargetTls = { verify: true, serverName: undefined, caFile: 'ca.pem', certificate: undefined };
const ca: FileTexts = new Map([authoritiesText('ca.pem', authority.cert)]);
const get = 'GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n';

/** A proxy whose targets are all reached over TLS, but for those of pool `plain`. */
function startEncrypted(
  t: TestContext,
  pools: Record<string, readonly TestTarget[]>,
  tls: Partial<TargetTls> = {},
  more: ProxyOptions = {},
) {
  const policies: Record<string, Partial<Pool>> = { all: { tls: { ...bareTls, ...tls } } };
  return startProxy(t, { pools, policies, targets: encrypted(pools), surroundings: { files: ca }, ...more });
}

function encrypted(pools: Record<string, readonly unknown[]>) {
  const targets = Object.entries(pools).flatMap(([pool, places]) => places.map((_, index) => `${pool}/t${index + 1}`));
  return Object.fromEntries(targets.map((target) => [target, { encrypted: true }]));
}

async function askOnce(proxy: TestProxy, request = get) {
  const client = await proxy.connect();
  const answer = await client.ask(request);
  client.end();
  return answer;
}

describe('whether a target is trusted', () => {
  const day = (offset: number) => new Date(Date.now() + offset * dayMs);
  interface Case {
    readonly what: string;
    readonly shown: Issued;
    readonly tls?: Partial<TargetTls>;
    readonly outcome: 'ok' | 'tls_certificate_error' | 'tls_protocol_error';
  }
  test.for<Case>([
    { what: 'a certificate for its IP address', shown: good, outcome: 'ok' },
    { what: 'one that has expired', shown: authority.issue({ validFrom: day(-9), validTo: day(-1) }), outcome: 'tls_certificate_error' },
    { what: 'one that is not valid yet', shown: authority.issue({ validFrom: day(1) }), outcome: 'tls_certificate_error' },
    { what: 'one for another name', shown: forApp, outcome: 'tls_certificate_error' },
    { what: 'one for the name that the pool asks for', shown: forApp, tls: { serverName: 'app.test' }, outcome: 'ok' },
    {
      what: 'one for its address, and not for the name asked for',
      shown: good,
      tls: { serverName: 'app.test' },
      outcome: 'tls_certificate_error',
    },
    {
      what: 'one for an address that the pool asks for',
      shown: authority.issue({ names: ['10.9.8.7'] }),
      tls: { serverName: '10.9.8.7' },
      outcome: 'ok',
    },
    { what: 'one of an unknown authority', shown: stranger.issue(), outcome: 'tls_certificate_error' },
    {
      what: 'one of an authority that only the pool knows, where the pool names none',
      shown: good,
      tls: { caFile: undefined },
      outcome: 'tls_certificate_error',
    },
    { what: 'anything where nothing is verified', shown: stranger.issue({ names: ['x.test'] }), tls: { verify: false }, outcome: 'ok' },
    {
      what: 'itself, signed by itself, where nothing is verified',
      shown: stranger,
      tls: { verify: false, caFile: undefined },
      outcome: 'ok',
    },
  ])('$what: $outcome', async ({ shown, tls, outcome }, t) => {
    const target = await startTlsTarget(t, shown);
    const proxy = await startEncrypted(t, { blue: [target] }, tls);
    expect((await askOnce(proxy)).status).toBe(outcome === 'ok' ? 200 : 502);
    expect(proxy.lines[0]!.cause).toBe(outcome === 'ok' ? '' : outcome);
  });

  test('an intermediate that the pool names without its root is an authority', async (t) => {
    const middle = authority.subordinate('Middle');
    const target = await startTlsTarget(t, middle.issue());
    const files = new Map([authoritiesText('middle.pem', middle.cert)]);
    const proxy = await startEncrypted(t, { blue: [target] }, { caFile: 'middle.pem' }, { surroundings: { files } });
    expect((await askOnce(proxy)).status).toBe(200);
  });

  test('files that cannot be used make nobody trusted, and are told of', async (t) => {
    const target = await startTlsTarget(t, good);
    const proxy = await startEncrypted(t, { blue: [target] }, { caFile: 'other.pem' });
    expect((await askOnce(proxy)).status).toBe(502);
    expect(proxy.lines[0]!.cause).toBe('tls_certificate_error');
    expect(proxy.warnings.splice(0)).toMatchObject([{ err: { message: 'other.pem has not been read' } }]);
  });
});

describe('connections to a target', () => {
  test('are kept, and serve one request after the other', async (t) => {
    const target = await startTlsTarget(t, good, (incoming, outgoing) => incoming.pipe(outgoing));
    const proxy = await startEncrypted(t, { blue: [target] });
    const client = await proxy.connect();
    for (let count = 0; count < 5; count++) {
      const answer = await client.ask(`POST /${count} HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello`);
      expect([answer.status, answer.body]).toEqual([200, 'hello']);
    }
    expect(target.accepted).toBe(1);
  });

  test('resume the session of an earlier one', async (t) => {
    const target = await startTlsTarget(t, good, (_incoming, outgoing) => outgoing.writeHead(200, { connection: 'close' }).end());
    const proxy = await startEncrypted(t, { blue: [target] });
    for (let count = 0; count < 3; count++) await askOnce(proxy);
    expect([target.accepted, target.handshakes.resumed]).toEqual([3, 2]);
  });

  test('offer HTTP/1.1, and the name where it is one', async (t) => {
    const target = await startTlsTarget(t, { ...forApp, ALPNProtocols: ['h2', 'http/1.1'] });
    const proxy = await startEncrypted(t, { blue: [target] }, { serverName: 'app.test' });
    await askOnce(proxy);
    expect(target.handshakes.sockets).toMatchObject([{ alpnProtocol: 'http/1.1', servername: 'app.test' }]);
  });

  test('to an IP address ask for no name', async (t) => {
    const target = await startTlsTarget(t, good);
    const proxy = await startEncrypted(t, { blue: [target] });
    expect((await askOnce(proxy)).status).toBe(200);
    expect(target.handshakes.sockets[0]!.servername).toBe(false);
  });

  test('to an address that a name has been resolved to ask for the name, and the certificate must be for it', async (t) => {
    const [right, wrong] = [await startTlsTarget(t, forApp), await startTlsTarget(t, good)];
    const surroundings = { files: ca, addresses: new Map([['app.test', ['127.0.0.1']]]) };
    const at = (port: number) => ({ host: 'app.test', port });
    const proxy = await startEncrypted(
      t,
      { blue: [] },
      {},
      { surroundings, pools: { blue: [at(right.port)] }, targets: { 'blue/t1': { encrypted: true } } },
    );
    expect((await askOnce(proxy)).status).toBe(200);
    expect(proxy.lines[0]!.target).toBe('t1@127.0.0.1');
    expect(right.handshakes.sockets[0]!.servername).toBe('app.test');
    proxy.apply({ pools: { blue: [at(wrong.port)] } });
    expect((await askOnce(proxy)).status).toBe(502);
    expect(proxy.lines[1]!.cause).toBe('tls_certificate_error');
  });

  test('show a certificate of ours where the pool has one', async (t) => {
    const ours = authority.issue({ names: ['sluice.test'] });
    const target = await startTlsTarget(t, { ...good, ca: authority.cert, requestCert: true, rejectUnauthorized: true });
    const files = new Map([...ca, pairText('c.pem', 'k.pem', ours)]);
    const certificate = { certFile: 'c.pem', keyFile: 'k.pem' };
    const proxy = await startEncrypted(t, { blue: [target] }, { certificate }, { surroundings: { files } });
    expect((await askOnce(proxy)).status).toBe(200);
    expect(target.handshakes.sockets[0]!.getPeerCertificate().subject.CN).toBe('sluice.test');
  });

  // With TLS 1.3 our handshake is over before the target has seen that we show nothing (RFC 8446 section 4.4.2.4).
  test.for([
    ['TLSv1.2', 'tls_protocol_error'],
    ['TLSv1.3', 'connection_terminated'],
  ] as const)('without the certificate that the target wants fail (%s: %s)', async ([version, cause], t) => {
    const versions = { minVersion: version, maxVersion: version };
    const target = await startTlsTarget(t, { ...good, ...versions, ca: authority.cert, requestCert: true, rejectUnauthorized: true });
    const proxy = await startEncrypted(t, { blue: [target] }, {}, { retryAttempts: 0 });
    const answer = await askOnce(proxy, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n');
    expect([answer.status, proxy.lines[0]!.cause]).toEqual([502, cause]);
  });

  test.for<[string, (t: TestContext) => Promise<TestTarget>]>([
    ['speaks plain HTTP', (t) => startTarget(t, (_incoming, outgoing) => outgoing.end())],
    ['closes', (t) => startRawTarget(t, (peer) => peer.end())],
    ['resets', (t) => startRawTarget(t, (peer) => peer.socket.once('data', () => peer.reset()))],
    ['speaks only HTTP/2', (t) => startTlsTarget(t, { ...good, ALPNProtocols: ['h2'] })],
    ['speaks only old versions', (t) => startTlsTarget(t, { ...good, minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1' })],
  ])('fail with tls_protocol_error where it %s', async ([, start], t) => {
    const target = await start(t);
    const proxy = await startEncrypted(t, { blue: [target] });
    expect((await askOnce(proxy)).status).toBe(502);
    expect(proxy.lines[0]!.cause).toBe('tls_protocol_error');
  });

  test('fail with connection_refused where nobody listens', async (t) => {
    const places = { pools: { blue: [{ host: '127.0.0.1', port: await deadPort() }] }, targets: { 'blue/t1': { encrypted: true } } };
    const proxy = await startEncrypted(t, { blue: [] }, {}, places);
    expect((await askOnce(proxy)).status).toBe(502);
    expect(proxy.lines[0]!.cause).toBe('connection_refused');
  });

  test('have timeouts.connect for TCP and the handshake together', async (t) => {
    const target = await startRawTarget(t);
    const proxy = await startEncrypted(t, { blue: [target] }, {}, { timeouts: { connectMs: 100 } });
    expect((await askOnce(proxy)).status).toBe(504);
    expect(proxy.lines[0]!.cause).toBe('connection_timeout');
  });
});

describe('a request', () => {
  test.for(['GET', 'POST', 'DELETE'])(
    'that meets an untrusted target goes to another, because nothing was written: %s',
    async (method, t) => {
      const pools = { blue: [await startTlsTarget(t, stranger.issue()), await startTlsTarget(t, good)] };
      const proxy = await startEncrypted(t, pools);
      for (let count = 0; count < 4; count++) {
        expect((await askOnce(proxy, `${method} / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi`)).status).toBe(200);
      }
      expect(proxy.report().services[0]!.retries).toBeGreaterThan(0);
      expect(proxy.lines.map(({ target }) => target)).toEqual(['t2', 't2', 't2', 't2']);
    },
  );

  test('may meet encrypted targets and others in one pool', async (t) => {
    const pools = { blue: [await startTlsTarget(t, good), await startTarget(t, (_incoming, outgoing) => outgoing.end())] };
    const proxy = await startEncrypted(t, pools, {}, { targets: { 'blue/t1': { encrypted: true } } });
    for (let count = 0; count < 4; count++) expect((await askOnce(proxy)).status).toBe(200);
    expect(new Set(proxy.lines.map(({ target }) => target))).toEqual(new Set(['t1', 't2']));
  });

  test('whose target breaks off is answered 502, or cut in the middle of the answer', async (t) => {
    const target = await startRawTlsTarget(t, good, (peer) =>
      peer.socket.on('data', (chunk: Buffer) => {
        if (chunk.includes('/half')) peer.send('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf');
        peer.end();
      }),
    );
    const proxy = await startEncrypted(t, { blue: [target] });
    expect((await askOnce(proxy, 'POST /none HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n')).status).toBe(502);
    const client = await proxy.connect();
    client.send('GET /half HTTP/1.1\r\nHost: a\r\n\r\n');
    await client.ended;
    expect(client.text).toContain('half');
    expect(proxy.lines.map(({ cause }) => cause)).toEqual(['connection_terminated', 'response_incomplete']);
  });

  test('whose client does not read holds the target back, and arrives whole', async (t) => {
    const whole = Buffer.alloc(8_000_000, 'abcdefghij');
    const target = await startTlsTarget(t, good, (_incoming, outgoing) => outgoing.end(whole));
    const proxy = await startEncrypted(t, { blue: [target] });
    const client = await proxy.connect();
    client.pause();
    client.send(get);
    await vi.waitFor(() => expect(target.handshakes.sockets.length).toBe(1));
    client.resume();
    expect((await client.answer()).body === whole.toString('latin1')).toBe(true);
  });

  test.for([
    ['TLSv1.2', true],
    ['TLSv1.3', true],
    ['TLSv1.3', false],
  ] as const)(
    'that a target refuses in the middle of its upload, and closes, is answered: %s, certificate checked: %s',
    async ([maxVersion, verify], t) => {
      const target = await startRawTlsTarget(t, { ...good, maxVersion }, (peer) =>
        peer.socket.once('data', () => {
          peer.send('HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\n\r\nsorry');
          // With what was not read this is a reset, right behind the answer.
          peer.socket.destroySoon();
        }),
      );
      const tls = { verify, caFile: verify ? bareTls.caFile : undefined };
      const proxy = await startEncrypted(t, { blue: [target] }, tls);
      for (let count = 0; count < 20; count++) {
        const client = await proxy.connect();
        client.send(Buffer.concat([Buffer.from('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n'), Buffer.alloc(3_000_000)]));
        expect((await client.answer()).status).toBe(413);
        client.reset();
      }
    },
  );
});

describe('what changes while requests run:', () => {
  test('a renewed file keeps connections, and is what new ones are made by', async (t) => {
    const slow = await startRawTlsTarget(t, good);
    const proxy = await startEncrypted(t, { blue: [slow] });
    const [first, second] = [await proxy.connect(), await proxy.connect()];
    const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n';
    first.send(get);
    const peer = await slow.peer(0);
    await peer.contains('GET');
    proxy.apply({ surroundings: { files: new Map([authoritiesText('ca.pem', stranger.cert)]) } });
    peer.send(answer);
    expect((await first.answer()).status).toBe(200);
    first.send(get);
    await peer.contains('GET', 2);
    // Another one at the same time needs a new connection, and the target is not trusted any more: no session outlives what it was verified by.
    expect((await second.ask(get)).status).toBe(502);
    expect(proxy.lines.at(-1)!.cause).toBe('tls_certificate_error');
    peer.send(answer);
    expect((await first.answer()).status).toBe(200);
    expect(slow.accepted).toBe(2);
  });

  test('a revision without the file, or many of them, leaves in force what stood in it', async (t) => {
    const target = await startTlsTarget(t, good, (_incoming, outgoing) => outgoing.writeHead(200, { connection: 'close' }).end());
    const proxy = await startEncrypted(t, { blue: [target] });
    expect((await askOnce(proxy)).status).toBe(200);
    for (let count = 0; count < 3; count++) {
      proxy.apply({ surroundings: { files: new Map() } });
      expect((await askOnce(proxy)).status).toBe(200);
    }
    proxy.apply({ surroundings: { files: new Map([authoritiesText('ca.pem', stranger.cert)]) } });
    expect((await askOnce(proxy)).status).toBe(502);
  });

  test('a revision in which nothing of it changes keeps connections and sessions', async (t) => {
    const target = await startTlsTarget(t, good);
    const proxy = await startEncrypted(t, { blue: [target] });
    const client = await proxy.connect();
    await client.ask(get);
    proxy.apply({ surroundings: { files: new Map(ca) } });
    await client.ask(get);
    expect(target.accepted).toBe(1);
    proxy.apply({ policies: { all: { tls: { ...bareTls } } } });
    await client.ask(get);
    expect(target.accepted).toBe(1);
  });

  test.for<[string, Partial<TargetTls>]>([
    ['another name', { serverName: 'app.test' }],
    ['verification', { verify: false }],
    ['another file', { caFile: 'other.pem' }],
    ['a certificate', { certificate: { certFile: 'c.pem', keyFile: 'k.pem' } }],
  ])('%s means new connections', async ([, change], t) => {
    const both = authority.issue({ names: ['127.0.0.1', 'app.test'] });
    const target = await startTlsTarget(t, both);
    const files = new Map([...ca, authoritiesText('other.pem', authority.cert, stranger.cert), pairText('c.pem', 'k.pem', good)]);
    const proxy = await startEncrypted(t, { blue: [target] }, {}, { surroundings: { files } });
    const client = await proxy.connect();
    await client.ask(get);
    proxy.apply({ policies: { all: { tls: { ...bareTls, ...change } } } });
    expect((await client.ask(get)).status).toBe(200);
    expect([target.accepted, target.handshakes.resumed]).toEqual([2, 0]);
    await target.closedDownTo(1);
  });

  test('a target at the same address that is encrypted from now on is not sent another byte in the clear', async (t) => {
    const target = await startRawTarget(t, (peer) =>
      peer.socket.on('data', () => peer.send('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')),
    );
    const proxy = await startEncrypted(t, { blue: [target] }, {}, { targets: {} });
    const client = await proxy.connect();
    expect((await client.ask(get)).status).toBe(200);
    proxy.apply({ targets: { 'blue/t1': { encrypted: true } } });
    expect((await client.ask(get)).status).toBe(502);
    expect((await target.peer(0)).text.split('GET').length).toBe(2);
  });
});

test('a shadow may be reached over TLS', async (t) => {
  const copied = Promise.withResolvers<string | undefined>();
  const shadow = await startTlsTarget(t, good, (incoming, outgoing) => {
    copied.resolve(incoming.headers['x-sluice-mirror'] as string | undefined);
    outgoing.end();
  });
  const target = await startTarget(t, (_incoming, outgoing) => outgoing.end());
  const mirrors = [{ poolId: 'shadow', share: 1, unsafe: false }];
  const proxy = await startEncrypted(
    t,
    { blue: [target], shadow: [shadow] },
    {},
    {
      weights: { blue: 1, shadow: 0 },
      targets: { 'shadow/t1': { encrypted: true } },
      service: { mirrors },
    },
  );
  await askOnce(proxy);
  expect(await copied.promise).toBe('1');
  await vi.waitFor(() => expect(proxy.report().services[0]!.mirrors).toMatchObject([{ sent: 1, dropped: {}, inFlight: 0 }]));
});

test('a shadow that is not trusted is sent nothing', async (t) => {
  const shadow = await startTlsTarget(t, stranger.issue());
  const target = await startTarget(t, (_incoming, outgoing) => outgoing.end());
  const proxy = await startEncrypted(
    t,
    { blue: [target], shadow: [shadow] },
    {},
    {
      weights: { blue: 1, shadow: 0 },
      targets: { 'shadow/t1': { encrypted: true } },
      service: { mirrors: [{ poolId: 'shadow', share: 1, unsafe: false }] },
    },
  );
  await askOnce(proxy);
  await vi.waitFor(() => expect(proxy.report().services[0]!.mirrors).toMatchObject([{ sent: 0, dropped: { connect_failed: 1 } }]));
});

describe('a WebSocket', () => {
  async function startEcho(t: TestContext, tls: Issued) {
    const target = await startTlsTarget(t, tls);
    const sockets = new WebSocketServer({ server: target.server });
    sockets.on('connection', (socket) => socket.on('message', (message) => socket.send(`echo: ${(message as Buffer).toString()}`)));
    return target;
  }

  test('goes to a target over TLS, past one that is not trusted, and is closed by a drain', async (t) => {
    const proxy = await startEncrypted(t, { blue: [await startEcho(t, stranger.issue()), await startEcho(t, good)] });
    const opened: WebSocket[] = [];
    t.onTestFinished(() => opened.forEach((socket) => socket.terminate()));
    for (let count = 0; count < 2; count++) {
      const socket = new WebSocket(`ws://127.0.0.1:${proxy.port}/ws`);
      opened.push(socket);
      await once(socket, 'open');
      const answer = once(socket, 'message');
      socket.send('x'.repeat(100_000));
      expect(((await answer)[0] as Buffer).toString()).toBe(`echo: ${'x'.repeat(100_000)}`);
    }
    const closed = Promise.all(opened.map((socket) => once(socket, 'close')));
    proxy.apply({ targets: { 'blue/t1': { encrypted: true }, 'blue/t2': { encrypted: true, state: 'maint', drainUntilMs: 1 } } });
    expect((await closed).map(([code]) => code as number)).toEqual([1012, 1012]);
  });

  test('to a target that nobody trusts is answered with the cause', async (t) => {
    const proxy = await startEncrypted(t, { blue: [await startEcho(t, stranger.issue())] });
    const answer = await askOnce(proxy, 'GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    expect([answer.status, (await proxy.logged(() => true)).cause]).toEqual([502, 'tls_certificate_error']);
  });
});
