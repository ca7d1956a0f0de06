/** Clients that leave while nothing is read from them: a request for nobody must not go on at its target. */
import { connect } from 'node:tls';
import { describe, expect, test, type TestContext } from 'vitest';
import { createAuthority, pairText } from '../support/certificates.ts';
import { type ProxyOptions, startProxy, type TestProxy } from '../support/data-plane.ts';
import { Peer } from '../support/raw-client.ts';
import { startRawTarget } from '../support/target.ts';

const request = 'GET /slow HTTP/1.1\r\nHost: a\r\n\r\n';
const upload = 'POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999\r\n\r\n';
const never: ProxyOptions = { timeouts: { responseMs: 60_000, idleMs: 0 } };
const certificate = createAuthority().issue({ names: ['a.example'] });
const tls: ProxyOptions = {
  listener: { tls: { certificates: [{ certFile: 'a.crt', keyFile: 'a.key' }], minVersion: '1.2', clients: undefined } },
  surroundings: {
    files: new Map([pairText('a.crt', 'a.key', certificate)]),
    ticketKey: Buffer.alloc(48, 7).toString('base64'),
  },
};

/** A client over TLS, and the socket below. */
async function connectTls(t: TestContext, proxy: TestProxy): Promise<Peer> {
  const below = await proxy.connect();
  below.socket.removeAllListeners('data');
  const socket = connect({ socket: below.socket, rejectUnauthorized: false });
  t.onTestFinished(() => void socket.destroy());
  const peer = new Peer(socket);
  await new Promise((resolve) => void socket.once('secureConnect', resolve));
  return Object.assign(peer, { reset: () => below.reset() });
}

/** A target that has a request and says nothing. */
async function startSilent(t: TestContext, options: ProxyOptions = {}) {
  const target = await startRawTarget(t);
  const proxy = await startProxy(t, { pools: { blue: [target] }, ...never, ...options });
  return { target, proxy };
}

/** Sends as much as the system takes. Resolves when it takes no more for a while. */
async function fill(client: Peer): Promise<void> {
  const piece = Buffer.alloc(65_536, 'x');
  for (let before = -1; before !== client.socket.bytesWritten - client.socket.writableLength;) {
    before = client.socket.bytesWritten - client.socket.writableLength;
    while (client.socket.write(piece));
    await new Promise((resolve) => void setTimeout(resolve, 100));
  }
}

async function isGone(proxy: TestProxy, target: Awaited<ReturnType<typeof startRawTarget>>): Promise<void> {
  await (
    await target.peer(0)
  ).ended;
  expect(await proxy.logged(() => true)).toMatchObject({ status: 499, cause: 'client_closed' });
}

describe.concurrent('is noticed within seconds', { timeout: 15_000 }, () => {
  test.for([
    ['', {}],
    [', over TLS', tls],
  ] as const)('a reset behind more pipelined bytes than are read%s', async ([, options], t) => {
    const { proxy, target } = await startSilent(t, options);
    const client = options === tls ? await connectTls(t, proxy) : await proxy.connect();
    client.send(request + 'x'.repeat(600_000));
    await (await target.peer(0)).contains('\r\n\r\n');
    client.reset();
    await isGone(proxy, target);
  });

  test('a reset behind an upload that the target does not take', async (t) => {
    const { proxy, target } = await startSilent(t);
    const client = await proxy.connect();
    client.send(upload);
    const peer = await target.peer(0);
    peer.pause();
    await fill(client);
    client.reset();
    expect(await proxy.logged(() => true)).toMatchObject({ status: 499, cause: 'client_closed' });
    peer.resume();
  });

  test.for([66_000, 100_000, 130_000])('a FIN behind %s pipelined bytes', async (bytes, t) => {
    const { proxy, target } = await startSilent(t);
    const client = await proxy.connect();
    client.send(request + 'x'.repeat(bytes));
    await (await target.peer(0)).contains('\r\n\r\n');
    client.end();
    await isGone(proxy, target);
  });
});

test('one that only waits with much behind its request is served in its turn', { timeout: 15_000 }, async (t) => {
  const { proxy, target } = await startSilent(t);
  const client = await proxy.connect();
  const count = 300;
  client.send(request + `GET /next HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(1000)}\r\n\r\n`.repeat(count));
  const peer = await target.peer(0);
  await peer.contains('/slow');
  // Longer than it takes to be asked after, twice.
  await new Promise((resolve) => void setTimeout(resolve, 2300));
  expect(peer.text).not.toContain('/next');
  let answered = 0;
  const answerAll = (): void => {
    for (const asked = peer.text.split('\r\n\r\n').length - 1; answered < asked; answered++) {
      peer.send('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
    }
  };
  peer.socket.on('data', answerAll);
  answerAll();
  await client.contains('HTTP/1.1 200 OK', count + 1);
  expect(target.accepted).toBe(1);
});
