import { describe, expect, test } from 'vitest';
import type { Sticky } from '../../src/core/model.ts';
import { startProxy } from '../support/data-plane.ts';
import { deadPort, startTarget } from '../support/target.ts';

const signingKeys = [{ id: 'test', secret: Buffer.alloc(32, 'test').toString('base64url') }];
const sticky: Sticky = {
  key: { from: 'own', cookie: 'id' },
  target: true,
  onShrink: 'move',
  maxAgeMs: 3_600_000,
  cookiePath: '/',
  sameSite: 'lax',
  secure: 'auto',
};
const options = { service: { sticky }, surroundings: { signingKeys } } as const;

/** A browser's jar over one connection at a time. */
class Jar {
  readonly #cookies = new Map<string, string>();

  get request(): string {
    const cookies = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    return `GET / HTTP/1.1\r\nHost: a\r\n${cookies === '' ? '' : `Cookie: ${cookies}\r\n`}\r\n`;
  }

  take(head: string): void {
    for (const [, name, value] of head.matchAll(/^set-cookie: *([^=]+)=([^;]*)/gim)) this.#cookies.set(name!, value!);
  }
}

const startTargets = (t: Parameters<typeof startTarget>[0], ...names: string[]) =>
  Promise.all(names.map((name) => startTarget(t, (_incoming, outgoing) => outgoing.end(name))));

describe('a client with cookies', () => {
  test('stays with its target; the next one without is given another', async (t) => {
    const proxy = await startProxy(t, { pools: { blue: await startTargets(t, '1', '2', '3') }, ...options });
    const seen = new Set<string>();
    for (let count = 0; count < 3; count++) {
      const [client, jar] = [await proxy.connect(), new Jar()];
      const first = await client.ask(jar.request);
      jar.take(first.head);
      for (let again = 0; again < 5; again++) {
        const answer = await client.ask(jar.request);
        expect([answer.body, answer.field('set-cookie')]).toEqual([first.body, undefined]);
      }
      seen.add(first.body);
    }
    expect(seen.size).toBe(3);
  });

  test('is bound to the target that has answered, not to one that failed before', async (t) => {
    const dead = { host: '127.0.0.1', port: await deadPort() };
    const [target] = await startTargets(t, 'ok');
    const proxy = await startProxy(t, { pools: { blue: [dead, target!] }, ...options });
    for (let count = 0; count < 4; count++) {
      const [client, jar] = [await proxy.connect(), new Jar()];
      jar.take((await client.ask(jar.request)).head);
      const before = proxy.report().services[0]!.retries;
      for (let again = 0; again < 4; again++) await client.ask(jar.request);
      expect(proxy.report().services[0]!.retries).toBe(before);
    }
  });

  test('comes back to its target although others have set cookies of the same name, which come first', async (t) => {
    const proxy = await startProxy(t, { pools: { blue: await startTargets(t, '1', '2', '3') }, ...options });
    const [client, jar] = [await proxy.connect(), new Jar()];
    const first = await client.ask(jar.request);
    jar.take(first.head);
    for (let again = 0; again < 6; again++) {
      const answer = await client.ask(jar.request.replace('Cookie: ', 'Cookie: id_t=junk; id_t=; id_t=a.b; '));
      expect([answer.body, answer.field('set-cookie')]).toEqual([first.body, undefined]);
    }
  });

  test('is known although others have set cookies of the same name, which come first', async (t) => {
    const [blue, green] = await startTargets(t, 'blue', 'green');
    const proxy = await startProxy(t, { pools: { blue: [blue!], green: [green!] }, weights: { blue: 1, green: 1 }, ...options });
    const client = await proxy.connect();
    for (let count = 0; count < 6; count++) {
      const first = await client.ask(new Jar().request);
      const [, id] = /^id=([^;]*)/.exec(first.field('set-cookie')!)!;
      for (const before of ['id=junk', 'id=', 'id=1.AAAAAAAAAAAAAAAA..1.1.test.AAAAAAAAAAAAAAAAAAAAAA', 'id=a; id=b;id=c']) {
        const answer = await client.ask(`GET / HTTP/1.1\r\nHost: a\r\nCookie: ${before}; id=${id}\r\n\r\n`);
        expect([answer.body, answer.field('set-cookie') ?? '']).toEqual([first.body, expect.not.stringMatching(/^id=/)]);
      }
    }
  });

  test('goes to the fallback when its target is ill and nothing better is left in its pool, and keeps its cookies', async (t) => {
    const [blue, green] = await startTargets(t, 'blue', 'green');
    const proxy = await startProxy(t, {
      pools: { green: [green!], blue: [blue!] },
      ...options,
      service: { sticky, fallback: 'blue' },
    });
    const [client, jar] = [await proxy.connect(), new Jar()];
    jar.take((await client.ask(jar.request)).head);
    proxy.plane.inform({ targets: [{ service: 'shop', pool: 'green', target: 't1', health: 'unhealthy', factor: 1, told: 'ready' }] });
    const fallen = await client.ask(jar.request);
    expect([fallen.body, fallen.field('set-cookie')]).toEqual(['blue', undefined]);
    proxy.plane.inform({ targets: [] });
    expect((await client.ask(jar.request)).body).toBe('green');
  });

  test('may stay with a target in drain until the deadline, while nobody new comes', async (t) => {
    const proxy = await startProxy(t, { pools: { blue: await startTargets(t, '1', '2') }, ...options });
    const [client, jar] = [await proxy.connect(), new Jar()];
    const first = await client.ask(jar.request);
    jar.take(first.head);
    const other = first.body === '1' ? '2' : '1';
    const drain = (drainUntilMs: number | undefined) =>
      proxy.apply({ targets: { [`blue/t${first.body}`]: { state: 'drain', drainUntilMs } } });
    drain(Date.now() + 3_600_000);
    expect((await client.ask(jar.request)).body).toBe(first.body);
    for (let count = 0; count < 4; count++) expect((await client.ask(new Jar().request)).body).toBe(other);
    drain(1);
    const moved = await client.ask(jar.request);
    expect(moved.body).toBe(other);
    jar.take(moved.head);
    proxy.apply({ targets: {} });
    expect((await client.ask(jar.request)).body).toBe(other);
  });

  test('that kept its pool may use any target of it that drains, where its own is gone', async (t) => {
    const [one, two, green] = await startTargets(t, '1', '2', 'green');
    const service = { sticky: { ...sticky, onShrink: 'keep' } } as const;
    const proxy = await startProxy(t, { pools: { blue: [one!, two!], green: [green!] }, ...options, service });
    const [client, jar] = [await proxy.connect(), new Jar()];
    const first = await client.ask(jar.request);
    jar.take(first.head);
    const other = first.body === '1' ? '2' : '1';
    proxy.apply({
      weights: { blue: 0, green: 1 },
      policies: { blue: { state: 'drain', drainUntilMs: Date.now() + 3_600_000 } },
      targets: { [`blue/t${first.body}`]: { state: 'maint' } },
    });
    expect((await client.ask(jar.request)).body).toBe(other);
    expect((await client.ask(new Jar().request)).body).toBe('green');
  });
});

test('requests that a new client has pipelined belong to one client; the next person on that connection is somebody else', async (t) => {
  const [blue, green] = await startTargets(t, 'blue', 'green');
  const proxy = await startProxy(t, { pools: { blue: [blue!], green: [green!] }, weights: { blue: 1, green: 1 }, ...options });
  const client = await proxy.connect();
  const ids = new Set<string>();
  for (let round = 0; round < 8; round++) {
    client.send(new Jar().request.repeat(3));
    const answers = [await client.answer(), await client.answer(), await client.answer()];
    expect(new Set(answers.map(({ body }) => body)).size).toBe(1);
    const given = answers.map((answer) => /^id=1\.([^.]*)\./.exec(answer.field('set-cookie') ?? '')?.[1]);
    expect(new Set(given).size).toBe(1);
    ids.add(given[0]!);
  }
  expect(ids.size).toBe(8);
});

test('new clients are split as exactly as requests are', async (t) => {
  const [blue, green] = await startTargets(t, 'blue', 'green');
  const proxy = await startProxy(t, { pools: { blue: [blue!], green: [green!] }, weights: { blue: 9, green: 1 }, ...options });
  const client = await proxy.connect();
  const bodies = [];
  for (let count = 0; count < 100; count++) bodies.push((await client.ask(new Jar().request)).body);
  expect(Math.abs(bodies.filter((body) => body === 'green').length - 10)).toBeLessThanOrEqual(1);
});
