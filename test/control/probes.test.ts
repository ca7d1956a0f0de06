import { createServer as createHttpsServer } from 'node:https';
import type { IncomingMessage, RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, test, type TestContext } from 'vitest';
import type { Conditions } from '../../src/core/conditions.ts';
import type { HealthCheck, Model, SocketAddress } from '../../src/core/model.ts';
import { bareSurroundings, compileSnapshot } from '../../src/core/snapshot.ts';
import { Probes } from '../../src/control/probes.ts';
import type { Peer } from '../support/raw-client.ts';
import { authoritiesText, createAuthority } from '../support/certificates.ts';
import { startTlsTarget as startEncryptedTarget } from '../support/tls-target.ts';
import { deadPort, deafPort, startRawTarget, startTarget } from '../support/target.ts';
import { aModel, aPool, aTarget, certificate, check, Ear } from './probes-support.ts';
import { TestLog } from './support.ts';

interface Watch {
  readonly ear: Ear;
  readonly probes: Probes;
  readonly log: TestLog;
  readonly follow: (model: Model, addresses?: ReadonlyMap<string, readonly string[]>) => void;
}

function startProbes(t: TestContext, before?: Conditions, elapsedMs = () => performance.now()): Watch {
  const ear = new Ear(before);
  const log = new TestLog();
  const probes = new Probes({
    fleet: ear,
    events: ear,
    log,
    clock: { nowMs: () => 1_800_000_000_000 },
    elapsedMs,
    random: () => 0.5,
  });
  t.onTestFinished(() => probes.close());
  const follow = (model: Model, addresses = bareSurroundings.addresses): void =>
    probes.follow(model, compileSnapshot(model, 1, { ...bareSurroundings, addresses }));
  return { ear, probes, log, follow };
}

/** Probes one target, `a` in the pool `blue`, from the start of the process. */
function watch(t: TestContext, address: SocketAddress, settings: Partial<HealthCheck> = {}): Watch {
  const started = startProbes(t);
  started.follow(aModel(aPool('blue', [aTarget('a', address)], { ...check, ...settings })));
  return started;
}

const at = (port: number): SocketAddress => ({ host: '127.0.0.1', port });

/** Resolves when the last probe of the target went so. */
function lastWas(t: Watch, kind: string, target = 'a'): Promise<unknown> {
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      if (t.probes.conditionOf('shop', 'blue', target)?.last?.kind !== kind) return;
      clearInterval(timer);
      resolve(undefined);
    }, 5);
  });
}

const unwell: readonly { what: string; answer: RequestListener; settings?: Partial<HealthCheck>; cause: string }[] = [
  { what: 'it answers 500', answer: (_, out) => out.writeHead(500).end(), cause: 'status 500, expected 200-299' },
  { what: 'it answers 503', answer: (_, out) => out.writeHead(503).end(), cause: 'status 503, expected 200-299' },
  {
    what: 'it sends us elsewhere',
    answer: ({ url }, out) => (url === '/healthz' ? out.writeHead(302, { location: '/well' }).end() : out.end()),
    cause: 'status 302, expected 200-299',
  },
  {
    what: 'a single status is wanted and another comes',
    answer: (_, out) => out.end(),
    settings: {
      status: [
        { from: 204, to: 204 },
        { from: 400, to: 404 },
      ],
    },
    cause: 'status 200, expected 204, 400-404',
  },
  { what: 'its body is another', answer: (_, out) => out.end('down'), settings: { body: 'ok' }, cause: 'the body does not have "ok"' },
  {
    what: 'the text comes after 64 KiB',
    answer: (_, out) => out.end(`${'x'.repeat(65_535)}ok`),
    settings: { body: 'ok' },
    cause: 'the body does not have "ok"',
  },
  {
    what: 'a field is missing',
    answer: (_, out) => out.end(),
    settings: { headers: [{ name: 'X-Ready', value: 'yes' }] },
    cause: 'field X-Ready is missing',
  },
  {
    what: 'a field is another',
    answer: (_, out) => out.setHeader('x-ready', 'no').end(),
    settings: { headers: [{ name: 'X-Ready', value: 'yes' }] },
    cause: 'field X-Ready is "no", expected "yes"',
  },
  {
    what: 'it answers 500 and never ends',
    answer: (_, out) => out.writeHead(500).write('x'),
    settings: { timeoutMs: 60 },
    cause: 'status 500, expected 200-299',
  },
  {
    what: 'its answer never ends',
    answer: (_, out) => out.writeHead(200).write('x'),
    settings: { timeoutMs: 60 },
    cause: 'the answer did not end within 60 ms',
  },
  { what: 'it says nothing', answer: () => {}, settings: { timeoutMs: 60 }, cause: 'no answer within 60 ms' },
  {
    what: 'it gives up in the middle',
    answer: (_, out) => out.writeHead(200, { 'content-length': 10 }).write('x', () => out.destroy()),
    cause: 'connection closed',
  },
];

describe('a target is unhealthy when', () => {
  test.for(unwell)('$what', async ({ answer, settings, cause }, t) => {
    const target = await startTarget(t, answer);
    const { ear } = watch(t, target.address, settings);
    expect(await ear.noted('a', 'unhealthy')).toEqual({
      kind: 'health',
      service: 'shop',
      pool: 'blue',
      target: 'a',
      from: 'healthy',
      to: 'unhealthy',
      cause: `1 probe failed: ${cause}`,
    });
    await ear.until(() => ear.toldOf('a') === 'unhealthy 1 ready');
  });

  test.for(['http', 'tcp'] as const)('nobody listens (%s)', async (kind, t) => {
    const { ear } = watch(t, at(await deadPort()), { kind });
    expect((await ear.noted('a', 'unhealthy')).cause).toBe('1 probe failed: connection refused');
  });

  test.for(['http', 'https', 'tcp'] as const)('connections are neither accepted nor refused (%s)', async (kind, t) => {
    const { ear } = watch(t, at(await deafPort(t)), { kind, timeoutMs: 60 });
    expect((await ear.noted('a', 'unhealthy')).cause).toBe('1 probe failed: no connection within 60 ms');
  });

  test('it speaks another language', async (t) => {
    const target = await startRawTarget(t, (peer) => peer.send('SSH-2.0-OpenSSH_9.2\r\n'));
    const { ear } = watch(t, target.address);
    expect((await ear.noted('a', 'unhealthy')).cause).toBe('1 probe failed: the answer is not HTTP');
  });

  test('it takes the connection, but does not speak TLS', async (t) => {
    const target = await startRawTarget(t);
    const { ear } = watch(t, target.address, { kind: 'https', timeoutMs: 60 });
    expect((await ear.noted('a', 'unhealthy')).cause).toBe('1 probe failed: no answer within 60 ms');
    // Nothing is left of it.
    await (
      await target.peer(0)
    ).ended;
  });

  test('its certificate is not to be trusted, and the check wants it to be', async (t) => {
    const strict = watch(t, await startTlsTarget(t), { kind: 'https', verify: true });
    expect((await strict.ear.noted('a', 'unhealthy')).cause).toBe('1 probe failed: self-signed certificate');
  });

  test('it has failed three times in a row after it was well', async (t) => {
    let status = 200;
    const target = await startTarget(t, (_, out) => out.writeHead(status).end());
    const started = watch(t, target.address);
    await lastWas(started, 'pass');
    status = 500;
    expect((await started.ear.noted('a', 'unhealthy')).cause).toBe('3 probes failed: status 500, expected 200-299');
    status = 200;
    expect((await started.ear.noted('a', 'healthy')).cause).toBe('2 probes passed');
    await started.ear.until(() => started.ear.toldOf('a') === 'good');
    expect(started.ear.notes).toHaveLength(2);
  });
});

describe('a target is healthy when', () => {
  test.for<{ what: string; answer: RequestListener; settings?: Partial<HealthCheck> }>([
    { what: 'it answers what is expected', answer: (_, out) => out.writeHead(404).end(), settings: { status: [{ from: 400, to: 404 }] } },
    { what: 'the text comes just before 64 KiB', answer: (_, out) => out.end(`${'x'.repeat(65_534)}ok!`), settings: { body: 'ok' } },
    { what: 'the text comes in two pieces', answer: (_, out) => out.write('o', () => out.end('k')), settings: { body: 'ok' } },
    { what: 'it says more than a probe reads, and does not end', answer: (_, out) => out.write('x'.repeat(65_537)) },
    {
      what: 'it has the fields',
      answer: (_, out) => out.setHeader('x-ready', 'yes').end(),
      settings: { headers: [{ name: 'X-Ready', value: 'yes' }] },
    },
    {
      what: 'it answers HEAD',
      answer: ({ method }, out) => out.writeHead(method === 'HEAD' ? 200 : 500).end(),
      settings: { method: 'HEAD' },
    },
    { what: 'it gives hints first', answer: (_, out) => (out.writeEarlyHints({ link: '</a>; rel=preload' }), out.end()) },
    { what: 'it takes connections', answer: (_, out) => out.writeHead(500).end(), settings: { kind: 'tcp' } },
  ])('$what', async ({ answer, settings }, t) => {
    const target = await startTarget(t, answer);
    const { ear, follow } = startProbes(t);
    follow(aModel(aPool('blue', [])));
    // Of a target that is added later nothing good is believed beforehand.
    follow(aModel(aPool('blue', [aTarget('a', target.address)], { ...check, ...settings })));
    expect((await ear.noted('a', 'healthy')).cause).toBe('1 probe passed');
  });

  test('its certificate need not be trusted', async (t) => {
    const address = await startTlsTarget(t);
    const { ear, follow } = startProbes(t);
    follow(aModel(aPool('blue', [])));
    follow(aModel(aPool('blue', [aTarget('a', address)], { ...check, kind: 'https', verify: false })));
    await ear.noted('a', 'healthy');
  });

  test('a kept connection is closed just as it is used, but a new one answers', async (t) => {
    let answers = 0;
    const serve = async (peer: Peer, index: number): Promise<void> => {
      for (;;) {
        const asked = await peer.contains('\r\n\r\n').catch(() => undefined);
        if (asked === undefined) return;
        peer.text = '';
        if (index === 0 && answers++ === 1) return peer.reset();
        peer.send('HTTP/1.1 204 No Content\r\n\r\n');
      }
    };
    const target = await startRawTarget(t, (peer, index) => void serve(peer, index));
    const { ear } = watch(t, target.address, { fall: 1 });
    await (await target.peer(1)).contains('GET /healthz');
    await (await target.peer(1)).contains('GET /healthz');
    expect(ear.notes).toEqual([]);
    expect(target.accepted).toBe(2);
  });
});

describe('a probe', () => {
  /** The first request that a target gets. */
  async function firstRequest(
    t: TestContext,
    settings: Partial<HealthCheck>,
    id: string,
    name: string,
    addresses: string[],
  ): Promise<IncomingMessage> {
    const { promise, resolve } = Promise.withResolvers<IncomingMessage>();
    const target = await startTarget(t, (request, out) => (resolve(request), out.end()));
    const { follow } = startProbes(t);
    const port = settings.port === 0 ? target.port : undefined;
    const written = { host: name, port: port === undefined ? target.port : 1 };
    const model = aModel(aPool('blue', [aTarget(id, written)], { ...check, ...settings, port }));
    follow(model, new Map(addresses.length > 0 ? [[name, addresses]] : []));
    return promise;
  }

  test('says what it is, and asks what and whom the check says', async (t) => {
    const settings: Partial<HealthCheck> = { path: '/ready?deep=1', method: 'OPTIONS', host: 'shop.example' };
    const request = await firstRequest(t, settings, 'a', '127.0.0.1', []);
    expect(request).toMatchObject({ method: 'OPTIONS', url: '/ready?deep=1' });
    expect(request.headers).toMatchObject({ host: 'shop.example', 'user-agent': 'sluice-probe' });
  });

  test('may go to another port', async (t) => {
    const request = await firstRequest(t, { port: 0 }, 'a', '127.0.0.1', []);
    expect(request.headers.host).toBe(`127.0.0.1:${request.socket.localPort}`);
  });

  test('asks a target that has a name by its name, at each of its addresses', async (t) => {
    const request = await firstRequest(t, {}, 'a', 'app.internal', ['127.0.0.1']);
    expect(request.headers.host).toBe(`app.internal:${request.socket.localPort}`);
  });

  test('asks a target by its own name, not by that of another whose id is nearly the same', async (t) => {
    const { promise, resolve } = Promise.withResolvers<IncomingMessage>();
    const target = await startTarget(t, (request, out) => (resolve(request), out.end()));
    const { follow } = startProbes(t);
    const [b1, b10] = [aTarget('b1', { host: '127.0.0.9', port: target.port }), aTarget('b10', target.address)];
    follow(aModel(aPool('blue', [b1, b10])));
    expect((await promise).headers.host).toBe(`127.0.0.1:${target.port}`);
  });

  test('asks by the new name where the document calls the same address by another', async (t) => {
    const hosts: string[] = [];
    const renamed = Promise.withResolvers<void>();
    const target = await startTarget(t, (request, out) => {
      hosts.push(request.headers.host!);
      out.end();
      if (hosts.at(-1)!.startsWith('new')) renamed.resolve();
      else rename();
    });
    const { follow } = startProbes(t);
    const callIt = (name: string): void =>
      follow(aModel(aPool('blue', [aTarget('a', { host: name, port: target.port })])), new Map([[name, ['127.0.0.1']]]));
    const rename = (): void => callIt('new.internal');
    callIt('old.internal');
    await renamed.promise;
    expect(new Set(hosts)).toEqual(new Set([`old.internal:${target.port}`, `new.internal:${target.port}`]));
  });

  test('uses the same connection as the one before', async (t) => {
    let requests = 0;
    const fifth = Promise.withResolvers<void>();
    const target = await startTarget(t, (_, out) => {
      out.end('well');
      if (++requests === 5) fifth.resolve();
    });
    watch(t, target.address);
    await fifth.promise;
    expect(target.accepted).toBe(1);
  });

  test('is never the second at a time, and leaves nothing behind when its time is over', async (t) => {
    let most = 0;
    const target = await startRawTarget(t, () => (most = Math.max(most, target.open)));
    const { ear } = watch(t, target.address, { intervalMs: 1, timeoutMs: 50, fall: 3 });
    await ear.noted('a', 'unhealthy');
    for (const index of [1, 2, 3]) expect(await (await target.peer(index)).ended).toBeTypeOf('string');
    // The connection before may not be gone yet for the target when the next one arrives.
    expect(most).toBeLessThanOrEqual(2);
  });

  test('goes to targets that an operator has taken out, too: a rollback may need them', async (t) => {
    const target = await startTarget(t, (_, out) => out.writeHead(500).end());
    const { ear, follow } = startProbes(t);
    follow(aModel({ ...aPool('blue', [aTarget('a', target.address, { state: 'maint' })]), state: 'drain' }));
    await ear.noted('a', 'unhealthy');
  });
});

describe('a target may say', () => {
  test.for([
    { status: 429, fields: {} },
    { status: 503, fields: { 'retry-after': '1' } },
  ])('that it is busy ($status), and is given less until it no longer is', async ({ status, fields }, t) => {
    let isBusy = true;
    const target = await startTarget(t, (_, out) => (isBusy ? out.writeHead(status, fields).end() : out.end()));
    const { ear } = watch(t, target.address);
    expect(await ear.noted('a', 'busy')).toMatchObject({ kind: 'busy', from: 'free', cause: `status ${status}, expected 200-299` });
    await ear.until(() => ear.toldOf('a') === 'healthy 0.1 ready');
    isBusy = false;
    await ear.until(() => ear.toldOf('a') === 'good');
    expect(ear.notes.map(({ to }) => to)).toEqual(['busy', 'free']);
  });

  test('its weight and state, where the check asks', async (t) => {
    let words = 'drain, 25%';
    const target = await startTarget(t, (_, out) => out.setHeader('X-Sluice-Weight', words).end());
    const { ear } = watch(t, target.address, { agent: true });
    await ear.until(() => ear.toldOf('a') === 'healthy 0.25 drain');
    words = 'full steam';
    await ear.until(() => ear.notes.length === 2);
    expect(ear.toldOf('a')).toBe('healthy 0.25 drain');
    words = 'ready';
    await ear.until(() => ear.toldOf('a') === 'good');
    expect(ear.notes.map(({ kind, from, to, cause }) => `${kind}: ${from} → ${to}: ${cause}`)).toEqual([
      'told: ready → drain 25%: x-sluice-weight: drain, 25%',
      'told: drain 25% → not understood: x-sluice-weight: "full" means nothing, so "drain 25%" stands',
      'told: drain 25% → ready: x-sluice-weight: ready',
    ]);
  });

  test('nothing where the check does not ask', async (t) => {
    const target = await startTarget(t, (_, out) => out.setHeader('X-Sluice-Weight', 'maint').end());
    const started = watch(t, target.address);
    await lastWas(started, 'pass');
    expect(started.ear.informs).toEqual([]);
  });
});

describe('what is told', () => {
  test('at the start nobody is suspected, and nothing is told until a result says otherwise', async (t) => {
    const { ear, follow } = startProbes(t);
    follow(aModel(aPool('blue', [aTarget('a', at(await deadPort()))])));
    expect(ear.informs).toEqual([]);
    await ear.until(() => ear.toldOf('a') === 'unhealthy 1 ready');
  });

  test('what the process before knew holds until there is a result', async (t) => {
    const silent = await startRawTarget(t);
    const well = await startTarget(t, (_, out) => out.end());
    const known = { service: 'shop', pool: 'blue', health: 'unhealthy', factor: 1, told: 'ready' } as const;
    const { ear, follow, probes } = startProbes(t, {
      targets: [
        { ...known, target: 'a' },
        { ...known, target: 'b' },
      ],
    });
    follow(aModel(aPool('blue', [aTarget('a', silent.address), aTarget('b', well.address)])));
    expect(probes.conditionOf('shop', 'blue', 'a')?.health).toBe('unhealthy');
    expect((await ear.noted('b', 'healthy')).cause).toBe('1 probe passed');
    await ear.until(() => ear.toldOf('b') === 'good');
    expect(ear.toldOf('a')).toBe('unhealthy 1 ready');
  });

  test.for([
    { until: 'the start is over', forget: false, told: 'unhealthy 1 ready' },
    { until: 'then', forget: true, told: 'unknown 1 ready' },
  ])('what the process before knew of a target that comes later holds until the start is over ($until)', ({ forget, told }, t) => {
    const known = { service: 'shop', pool: 'blue', target: 'a', health: 'unhealthy', factor: 1, told: 'ready' } as const;
    const { ear, follow, probes } = startProbes(t, { targets: [known] });
    follow(aModel(aPool('blue', [])));
    if (forget) probes.forgetBefore();
    follow(aModel(aPool('blue', [aTarget('a', at(1))])));
    expect(ear.toldOf('a')).toBe(told);
  });

  test('a target that is added is unknown before anybody can send it a request', async (t) => {
    const target = await startTarget(t, (_, out) => out.end());
    const { ear, follow } = startProbes(t);
    follow(aModel(aPool('blue', [])));
    follow(aModel(aPool('blue', [aTarget('a', target.address)])));
    expect(ear.toldOf('a')).toBe('unknown 1 ready');
    expect(await ear.noted('a', 'healthy')).toMatchObject({ from: 'unknown' });
    await ear.until(() => ear.toldOf('a') === 'good');
  });

  test('so is one that moves to another address, but not one that stays where it is', async (t) => {
    const [first, second, third] = await Promise.all([1, 2, 3].map(() => startRawTarget(t)));
    const { ear, follow } = startProbes(t);
    follow(aModel(aPool('blue', [aTarget('a', first!.address), aTarget('b', third!.address)])));
    const old = await first!.peer(0);
    follow(aModel(aPool('blue', [aTarget('a', second!.address, { weight: 5 }), aTarget('b', third!.address, { weight: 5 })])));
    expect([ear.toldOf('a'), ear.toldOf('b')]).toEqual(['unknown 1 ready', 'good']);
    await old.ended;
  });

  test('a target that has traffic already is not suspected because probes are switched on', async (t) => {
    const target = await startRawTarget(t);
    const { ear, follow } = startProbes(t);
    follow(aModel({ ...aPool('blue', [aTarget('a', target.address)]), health: undefined }));
    follow(aModel(aPool('blue', [aTarget('a', target.address)])));
    await target.peer(0);
    expect(ear.informs).toEqual([]);
  });

  test('a target that is no longer probed counts as healthy again', async (t) => {
    const address = at(await deadPort());
    const { ear, follow } = startProbes(t);
    follow(aModel(aPool('blue', [aTarget('a', address)])));
    await ear.until(() => ear.toldOf('a') === 'unhealthy 1 ready');
    follow(aModel({ ...aPool('blue', [aTarget('a', address)]), health: undefined }));
    expect(ear.toldOf('a')).toBe('good');
  });

  test('an unhealthy target that is removed stays unhealthy for those who do not know yet that it is gone', async (t) => {
    const { ear, follow, probes } = startProbes(t);
    const others = [aTarget('b', at(await deadPort()))];
    follow(aModel(aPool('blue', [aTarget('a', at(await deadPort())), ...others])));
    await ear.until(() => ear.toldOf('a') !== 'good' && ear.toldOf('b') !== 'good');
    follow(aModel(aPool('blue', others)));
    expect(ear.toldOf('a')).toBe('unhealthy 1 ready');
    expect(probes.conditionOf('shop', 'blue', 'a')).toBeUndefined();
  });

  test('many changes at once are told together', async (t) => {
    const port = await deadPort();
    const { ear, follow } = startProbes(t);
    follow(
      aModel(
        aPool(
          'blue',
          Array.from({ length: 100 }, (_, index) => aTarget(`t${index}`, at(port))),
          { ...check, intervalMs: 50 },
        ),
      ),
    );
    await ear.until(() => ear.conditions().targets.length === 100);
    expect(ear.informs.length).toBeLessThan(20);
  });
});

describe('a change of the configuration', () => {
  test('of the check is in force at once, and forgets nothing', async (t) => {
    const target = await startTarget(t, ({ url }, out) => out.writeHead(url === '/bad' ? 500 : 200).end());
    const { ear, follow, probes } = startProbes(t);
    const by = (path: string) =>
      aModel(aPool('blue', [aTarget('a', target.address)], { ...check, path, intervalMs: path === '/bad' ? 20 : 1000 }));
    follow(by('/bad'));
    await ear.until(() => ear.toldOf('a') === 'unhealthy 1 ready');
    follow(by('/good'));
    expect(probes.conditionOf('shop', 'blue', 'a')?.health).toBe('unhealthy');
    expect((await ear.noted('a', 'healthy')).cause).toBe('2 probes passed');
  });

  test('that takes a target away closes its connection, and what it answers then is nothing', async (t) => {
    const target = await startRawTarget(t);
    const { ear, follow, probes } = startProbes(t);
    follow(aModel(aPool('blue', [aTarget('a', target.address)])));
    const peer = await target.peer(0);
    await peer.contains('GET /healthz');
    follow(aModel(aPool('blue', [])));
    peer.send('HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n');
    await peer.ended;
    expect(probes.conditionOf('shop', 'blue', 'a')).toBeUndefined();
    expect(ear.notes).toEqual([]);
  });

  test('elsewhere does not disturb a probe that runs', async (t) => {
    const target = await startRawTarget(t);
    const { follow } = startProbes(t);
    const model = aModel(aPool('blue', [aTarget('a', target.address)]));
    follow(model);
    const peer = await target.peer(0);
    await peer.contains('GET /healthz');
    follow(structuredClone(model));
    peer.send('HTTP/1.1 204 No Content\r\n\r\n');
    await peer.contains('GET /healthz', 2);
    expect(target.accepted).toBe(1);
  });
});

describe('two thousand targets', () => {
  const ids = Array.from({ length: 2000 }, (_, index) => `t${index}`);
  const by = (intervalMs: number): Model =>
    aModel(
      aPool(
        'blue',
        ids.map((id) => aTarget(id, at(1))),
        { ...check, intervalMs },
      ),
    );

  /** In how many milliseconds each is probed next, the soonest first. Time stands still. */
  function watchAll(t: TestContext, ...models: Model[]): number[] {
    const { follow, probes } = startProbes(t, undefined, () => 5000);
    for (const model of models) follow(model);
    return ids.map((id) => probes.conditionOf('shop', 'blue', id)!.nextProbeAtMs - 1_800_000_000_000).toSorted((a, b) => a - b);
  }

  /** The most that are probed within 20 ms. */
  const mostAtOnce = (waitsMs: number[]): number =>
    Math.max(...waitsMs.map((waitMs) => waitsMs.filter((other) => other >= waitMs && other < waitMs + 20).length));

  test.for([
    { what: 'that are added', models: [aModel(aPool('blue', [])), by(10_000)], withinMs: 1000, atOnce: 40 },
    { what: 'that are added and are probed more often than once per second', models: [aModel(), by(500)], withinMs: 500, atOnce: 80 },
    { what: 'whose check changes', models: [by(2000), by(10_000)], withinMs: 10_000, atOnce: 4 },
    { what: 'whose check changes to a shorter interval', models: [by(10_000), by(2000)], withinMs: 2000, atOnce: 20 },
  ])('$what are probed soon, but not all at once', ({ models, withinMs, atOnce }, t) => {
    const waitsMs = watchAll(t, ...models);
    expect(waitsMs[0]).toBe(0);
    expect(waitsMs.at(-1)).toBeLessThan(withinMs);
    expect(mostAtOnce(waitsMs)).toBeLessThanOrEqual(atOnce + 1);
  });

  test('are not waited for by the one that is added alone', (t) => {
    const { follow, probes } = startProbes(t, undefined, () => 5000);
    follow(by(10_000));
    const [pool] = by(10_000).services[0]!.pools;
    follow(aModel({ ...pool!, targets: [...pool!.targets, aTarget('new', at(1))] }));
    expect(probes.conditionOf('shop', 'blue', 'new')!.nextProbeAtMs).toBe(1_800_000_000_000);
  });
});

test('who asks is told what is known of a target, since when, and why', async (t) => {
  const target = await startTarget(t, (_, out) => out.writeHead(500).end());
  const started = watch(t, target.address);
  expect(started.probes.conditionOf('shop', 'blue', 'a')).toMatchObject({ health: 'healthy', last: undefined });
  await started.ear.noted('a', 'unhealthy');
  const reading = started.probes.conditionOf('shop', 'blue', 'a')!;
  expect(reading).toMatchObject({ health: 'unhealthy', factor: 1, told: 'ready', sinceMs: 1_800_000_000_000 });
  expect(reading.last).toMatchObject({ kind: 'fail', detail: 'status 500, expected 200-299', atMs: 1_800_000_000_000 });
  expect(Math.abs(reading.nextProbeAtMs - 1_800_000_000_000)).toBeLessThan(1000);
  expect(started.probes.conditionOf('shop', 'blue', 'b')).toBeUndefined();
});

test('when it is closed, no connection is left', async (t) => {
  const [kept, hanging] = [await startTarget(t, (_, out) => out.end()), await startRawTarget(t)];
  const { follow, probes } = startProbes(t);
  follow(aModel(aPool('blue', [aTarget('a', kept.address), aTarget('b', hanging.address)])));
  await (await hanging.peer(0)).contains('GET');
  probes.close();
  await Promise.all([kept.closedDownTo(0), hanging.closedDownTo(0)]);
  follow(aModel(aPool('green', [aTarget('a', kept.address)])));
  expect(probes.conditionOf('shop', 'green', 'a')).toBeUndefined();
});

async function startTlsTarget(t: TestContext): Promise<SocketAddress> {
  const server = createHttpsServer(certificate, (_, out) => out.end());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return at((server.address() as AddressInfo).port);
}

describe('a target whose URL says https://', () => {
  const authority = createAuthority();
  const files = new Map([authoritiesText('ca.pem', authority.cert), authoritiesText('other.pem', createAuthority('Other').cert)]);
  const tlsOf = (caFile: string, verify = true) => ({ verify, serverName: 'app.test', caFile, certificate: undefined });

  test.for([
    { kind: 'http', caFile: 'ca.pem', verify: true, told: 'pass' },
    { kind: 'https', caFile: 'ca.pem', verify: true, told: 'pass' },
    { kind: 'http', caFile: 'other.pem', verify: true, told: 'fail' },
    { kind: 'http', caFile: 'missing.pem', verify: true, told: 'fail' },
    { kind: 'http', caFile: 'other.pem', verify: false, told: 'pass' },
  ] as const)(
    'is probed ($kind) as requests reach it: by $caFile, verified: $verify → $told',
    async ({ kind, caFile, verify, told }, t) => {
      const target = await startEncryptedTarget(t, authority.issue({ names: ['app.test'] }));
      const started = startProbes(t);
      const pool = aPool('blue', [aTarget('a', target.address, { encrypted: true })], { ...check, kind });
      const model = aModel({ ...pool, tls: tlsOf(caFile, verify) });
      started.probes.follow(model, compileSnapshot(model, 1, { ...bareSurroundings, files }));
      await lastWas(started, told);
      if (told === 'pass') expect(target.handshakes.sockets[0]!.servername).toBe('app.test');
    },
  );

  test('is probed in the clear on another port, unless https is written', async (t) => {
    const [target, page] = [await startEncryptedTarget(t, authority.issue()), await startTarget(t, (_, out) => out.end())];
    const started = startProbes(t);
    started.follow(aModel(aPool('blue', [aTarget('a', target.address, { encrypted: true })], { ...check, port: page.port })));
    await lastWas(started, 'pass');
    expect(target.accepted).toBe(0);
  });
});
