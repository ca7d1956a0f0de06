import { readFileSync } from 'node:fs';
import { describe, expect, test, type TestContext } from 'vitest';
import type { PoolLimits } from '../../src/core/model.ts';
import { type Cause, causes, terminations } from '../../src/core/terminations.ts';
import { type ProxyOptions, startProxy, type TestProxy } from '../support/data-plane.ts';
import type { Answer, Peer } from '../support/raw-client.ts';
import { createAuthority } from '../support/certificates.ts';
import { deadPort, deafPort, startRawTarget } from '../support/target.ts';
import { startTlsTarget } from '../support/tls-target.ts';

const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const shortMs = 100;

interface Provoked {
  readonly proxy: TestProxy;
  /** Undefined where nobody is left to be answered, or the answer had begun. */
  readonly answer: Answer | undefined;
}

/** Sends a request to a proxy with these options. */
async function ask(t: TestContext, options: ProxyOptions, request = get): Promise<Provoked> {
  const proxy = await startProxy(t, options);
  const client = await proxy.connect();
  client.send(request);
  return { proxy, answer: await client.answer() };
}

/** Sends a request to a proxy whose target does this with each connection. */
async function askTarget(t: TestContext, onConnection: (peer: Peer) => void, options: ProxyOptions = {}, request = get): Promise<Provoked> {
  const target = await startRawTarget(t, onConnection);
  return ask(t, { pools: { blue: [target] }, ...options }, request);
}

const oneAtATime = { maxConnections: 0, maxInFlight: 1, maxQueued: 1, queueTimeoutMs: 20_000 };

/** Sends a request while another one takes all the room there is. */
async function askInLine(t: TestContext, limits: PoolLimits): Promise<Provoked> {
  const target = await startRawTarget(t);
  const proxy = await startProxy(t, { pools: { blue: [target] }, policies: { all: { limits } } });
  const [first, second] = [await proxy.connect(), await proxy.connect()];
  first.send(get);
  const peer = await target.peer(0);
  await peer.contains('GET');
  const answer = await second.ask(get);
  peer.send('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
  await first.answer();
  return { proxy, answer };
}

const saying = (text: string) => (peer: Peer) => void peer.socket.once('data', () => peer.send(text));
const atAddress = (host: string, port: number): ProxyOptions => ({ pools: { blue: [{ host, port }] }, timeouts: { connectMs: 300 } });

/** How each cause comes about. A new cause does not compile until somebody has said how it is provoked, or why it cannot be. */
const provocations: Record<Cause, ((t: TestContext) => Promise<Provoked>) | string> = {
  malformed_request: (t) => ask(t, {}, 'GET / HTTP/1.1\r\nHost : a\r\n\r\n'),
  method_refused: (t) => ask(t, {}, 'CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n'),
  head_timeout: (t) => ask(t, { listenerTimeouts: { headMs: shortMs } }, 'GET / HTTP/1.1\r\n'),
  body_timeout: (t) => askTarget(t, () => {}, { timeouts: { idleMs: shortMs } }, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n'),
  body_too_large: (t) => ask(t, { limits: { bodyBytes: 1 } }, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab'),
  uri_too_long: (t) => ask(t, { limits: { headBytes: 20 } }, `GET /${'x'.repeat(30)} HTTP/1.1\r\n`),
  expectation_unknown: (t) => ask(t, {}, 'GET / HTTP/1.1\r\nHost: a\r\nExpect: more\r\n\r\n'),
  head_too_large: (t) => ask(t, { limits: { fields: 1 } }, 'GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n\r\n'),
  coding_unknown: (t) => ask(t, {}, 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n'),
  method_unknown: (t) => ask(t, {}, 'FETCH / HTTP/1.1\r\nHost: a\r\n\r\n'),
  version_unsupported: (t) => ask(t, {}, 'GET / HTTP/1.2\r\nHost: a\r\n\r\n'),
  no_route: (t) => ask(t, { matches: [] }),
  no_weight: (t) => ask(t, { pools: { blue: [] }, weights: { blue: 0 } }),
  no_available_target: (t) => ask(t, { pools: { blue: [] } }),
  queue_full: (t) => askInLine(t, { ...oneAtATime, maxQueued: 0 }),
  queue_timeout: (t) => askInLine(t, { ...oneAtATime, queueTimeoutMs: shortMs }),
  dns_error: (t) => ask(t, atAddress('nobody.invalid', 80)),
  connection_refused: async (t) => ask(t, atAddress('127.0.0.1', await deadPort())),
  unroutable: async (t) => {
    const provoked = await ask(t, atAddress('255.255.255.255', 9));
    if (provoked.proxy.lines[0]!.cause !== 'unroutable') t.skip('this system reports the broadcast address otherwise');
    return provoked;
  },
  connection_failed: 'takes an error of the system that is none of the others; retries.test.ts has the list',
  connection_timeout: async (t) => ask(t, atAddress('127.0.0.1', await deafPort(t))),
  connection_terminated: (t) => askTarget(t, (peer) => peer.end(), { retryAttempts: 0 }),
  tls_certificate_error: async (t) => {
    const target = await startTlsTarget(t, createAuthority().issue());
    return ask(t, { pools: { blue: [target] }, targets: { 'blue/t1': { encrypted: true } }, retryAttempts: 0 });
  },
  tls_protocol_error: (t) =>
    askTarget(t, saying('HTTP/1.1 400 Bad Request\r\n\r\n'), { targets: { 'blue/t1': { encrypted: true } }, retryAttempts: 0 }),
  response_timeout: (t) => askTarget(t, () => {}, { timeouts: { responseMs: shortMs } }),
  request_timeout: (t) => askTarget(t, () => {}, { timeouts: { requestMs: shortMs } }),
  target_stalled: async (t) => {
    const target = await startRawTarget(t, (peer) => peer.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nx'));
    const proxy = await startProxy(t, { pools: { blue: [target] }, timeouts: { idleMs: shortMs } });
    const client = await proxy.connect();
    client.send(get);
    await client.ended;
    return { proxy, answer: undefined };
  },
  malformed_response: (t) => askTarget(t, saying('HELLO\r\n\r\n')),
  response_head_too_large: (t) => askTarget(t, saying(`HTTP/1.1 200 OK\r\n${'X: 1\r\n'.repeat(257)}\r\n`)),
  response_coding_unknown: (t) => askTarget(t, saying('HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n')),
  response_incomplete: async (t) => {
    const target = await startRawTarget(t, (peer) =>
      peer.socket.once('data', () => peer.socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nx')),
    );
    const proxy = await startProxy(t, { pools: { blue: [target] } });
    const client = await proxy.connect();
    client.send(get);
    await client.ended;
    return { proxy, answer: undefined };
  },
  upgrade_failed: (t) =>
    askTarget(
      t,
      (peer) => void peer.socket.once('data', () => peer.end()),
      {},
      'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n',
    ),
  client_closed: async (t) => {
    const target = await startRawTarget(t);
    const proxy = await startProxy(t, { pools: { blue: [target] } });
    const client = await proxy.connect();
    client.send(get);
    await target.peer(0);
    client.reset();
    await proxy.logged(() => true);
    return { proxy, answer: undefined };
  },
  client_stalled: async (t) => {
    const target = await startRawTarget(t, (peer) => peer.send('HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n'));
    const proxy = await startProxy(t, { pools: { blue: [target] }, listenerTimeouts: { writeMs: shortMs } });
    const client = await proxy.connect();
    client.pause();
    client.send(get);
    (await target.peer(0)).send(Buffer.alloc(50_000_000));
    await proxy.logged(() => true);
    return { proxy, answer: undefined };
  },
  upgrade_idle: async (t) => {
    const switching = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n';
    const target = await startRawTarget(t, saying(switching));
    const proxy = await startProxy(t, { pools: { blue: [target] }, timeouts: { upgradedMs: shortMs } });
    const client = await proxy.connect();
    client.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
    await proxy.logged(() => true);
    return { proxy, answer: undefined };
  },
  tls_handshake_failed: async (t) => {
    const tls = { certificates: [], minVersion: '1.2', clients: undefined } as const;
    const proxy = await startProxy(t, { listener: { tls } });
    const client = await proxy.connect();
    const answer = await client.ask('GET / HTTP/1.1');
    proxy.countTurnedAway(1, 'tls_handshake_failed');
    return { proxy, answer };
  },
  connection_limit: async (t) => {
    const proxy = await startProxy(t, { limits: { connections: 1 }, matches: [] });
    await (await proxy.connect()).ask('GET / HTTP/1.1');
    proxy.countTurnedAway();
    return { proxy, answer: await (await proxy.connect()).answer() };
  },
  proxy_header_malformed: async (t) => {
    const proxy = await startProxy(t, { listener: { proxyProtocol: ['127.0.0.0/8'] } });
    const client = await proxy.connect();
    client.send(get);
    await client.ended;
    proxy.countTurnedAway(1, 'proxy_header_malformed');
    return { proxy, answer: undefined };
  },
  proxy_exhausted: 'takes a process without descriptors; e2e/overload.test.ts has one, and retries.test.ts the list of errors',
  memory_limit: async (t) => {
    const target = await startRawTarget(t, (peer) => peer.send('HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n'));
    const proxy = await startProxy(t, { pools: { blue: [target] }, heldBytesMax: 1 });
    const client = await proxy.connect();
    client.pause();
    client.send(get);
    (await target.peer(0)).send(Buffer.alloc(50_000_000));
    await proxy.logged(() => true);
    proxy.warnings.length = 0;
    return { proxy, answer: undefined };
  },
  drained: async (t) => {
    const target = await startRawTarget(t);
    const proxy = await startProxy(t, { pools: { blue: [target] } });
    const client = await proxy.connect();
    client.send(get);
    await (await target.peer(0)).contains('GET');
    proxy.apply({ targets: { 'blue/t1': { state: 'maint', drainUntilMs: 1 } } });
    return { proxy, answer: await client.answer() };
  },
  shutdown: async (t) => {
    const target = await startRawTarget(t);
    const proxy = await startProxy(t, { pools: { blue: [target] } });
    const client = await proxy.connect();
    client.send(get);
    await target.peer(0);
    await proxy.plane.drain(0);
    return { proxy, answer: await client.answer() };
  },
  internal_error: async (t) => {
    const trap = {
      name: 'x',
      get value(): string {
        throw new Error('a bug of ours');
      },
    };
    const provoked = await ask(t, { pools: { blue: [] }, matches: [{ headers: [trap] }] });
    provoked.proxy.warnings.length = 0;
    return provoked;
  },
};

/** Of connections that no request was read from, so that there is no line of one. */
const unread = new Set<Cause>(['connection_limit', 'proxy_header_malformed', 'tls_handshake_failed']);

describe('each cause can be met', () => {
  test.for(causes)('%s', async (cause, t) => {
    const provoke = provocations[cause];
    if (typeof provoke === 'string') return t.skip(provoke);
    const { proxy, answer } = await provoke(t);
    expect(proxy.report().terminations[cause]).toBe(1);
    if (!unread.has(cause)) expect(proxy.lines.some((line) => line.cause === cause)).toBe(true);
    if (answer === undefined) return undefined;

    const { status, proxyStatus, sentence } = terminations[cause];
    expect(answer.status).toBe(status);
    expect(answer.field('proxy-status')).toBe(`sluice; error=${proxyStatus}; details="${cause}"`);
    expect(answer.field('content-type')).toBe('text/plain; charset=utf-8');
    expect(answer.field('cache-control')).toBe('no-store');
    expect(answer.body).toBe(`${status} ${cause}: ${sentence}\n`);
    return undefined;
  });
});

test('the answer to HEAD has the fields of an error and no body', async (t) => {
  const proxy = await startProxy(t, { matches: [] });
  const client = await proxy.connect();
  const answer = await client.ask('HEAD / HTTP/1.1');
  expect([answer.status, answer.field('content-length')]).toEqual([404, String('404 no_route: No route matches this request.\n'.length)]);
  expect((await client.ask('GET / HTTP/1.1')).status).toBe(404);
});

test('docs/errors.md has one row for each cause, in order, with its status and its Proxy-Status error', () => {
  const page = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');
  const rows = [...page.matchAll(/^\| `(\w+)` \| (\d+) \| `(\w+)` \| (.+) \|$/gm)];
  expect(rows.map(([, cause, status, proxyStatus]) => `${cause} ${status} ${proxyStatus}`)).toEqual(
    causes.map((cause) => `${cause} ${terminations[cause].status} ${terminations[cause].proxyStatus}`),
  );
  for (const [, cause, , , meaning] of rows) expect([cause, meaning!.length > 60]).toEqual([cause, true]);
});
