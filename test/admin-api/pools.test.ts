import { describe, expect, test } from 'vitest';
import { nowMs, startApi } from './support.ts';

const demo = '/v1/services/demo';
const blue = `${demo}/pools/blue`;
const target = `${blue}/targets/127.0.0.1:3001`;

describe('pools', () => {
  test('are added, read, changed and removed', async () => {
    const { call } = await startApi();
    const canary = { targets: ['http://127.0.0.1:3003'] };
    expect((await call('PUT', `${demo}/pools/canary`, canary)).body).toMatchObject({
      revision: 2,
      changes: [{ pointer: '/services/demo/pools/canary', after: canary }],
    });
    const read = await call('GET', `${demo}/pools/canary`);
    expect([read.body, read.headers['etag']]).toEqual([canary, '"2"']);
    expect((await call('GET', `${demo}/weights`)).body).toEqual({ blue: 100, green: 0, canary: 0 });
    expect((await call('PUT', `${demo}/pools/canary`, read.body)).body.changed).toBe(false);
    expect((await call('DELETE', `${demo}/pools/canary`, undefined, { 'if-match': '"1"' })).status).toBe(412);
    expect((await call('DELETE', `${demo}/pools/canary`)).body.revision).toBe(3);
    expect((await call('GET', `${demo}/pools/canary`)).status).toBe(404);
    expect((await call('POST', '/v1/undo')).body.changes).toEqual([{ pointer: '/services/demo/pools/canary', after: canary }]);
  });
});

describe('targets', () => {
  test('are added, read, changed and removed', async () => {
    const { call } = await startApi();
    expect((await call('PUT', `${blue}/targets/b2`, { url: 'http://127.0.0.1:3009', weight: 2 })).body.revision).toBe(2);
    expect((await call('GET', `${blue}/targets/b2`)).body).toEqual({ id: 'b2', url: 'http://127.0.0.1:3009', weight: 2 });
    expect((await call('DELETE', `${blue}/targets/b2`)).body.revision).toBe(3);
    expect((await call('GET', `${blue}/targets/b2`)).status).toBe(404);
  });

  test('that are written as a URL are read as an object and may be sent as either', async () => {
    const { call, controller } = await startApi();
    const before = JSON.stringify(controller.current().document);
    const read = await call('GET', target);
    expect(read.body).toEqual({ url: 'http://127.0.0.1:3001' });
    for (const body of [read.text, '"http://127.0.0.1:3001"']) expect((await call('PUT', target, body)).body.changed).toBe(false);
    expect(JSON.stringify(controller.current().document)).toBe(before);
  });
});

describe('what is replaced by somebody who does not name its state', () => {
  test('stays taken out: a target by itself, and one of a pool', async () => {
    const { call } = await startApi();
    await call('POST', `${target}/state`, { state: 'maint', deadline: '1h' });
    const taken = { url: 'http://127.0.0.1:3001', state: 'maint', drainUntil: new Date(nowMs + 3_600_000).toISOString() };
    expect((await call('PUT', target, { url: taken.url, weight: 3 })).body.revision).toBe(3);
    expect((await call('GET', target)).body).toEqual({ ...taken, weight: 3 });
    expect((await call('PUT', blue, { targets: [taken.url] })).body.revision).toBe(4);
    expect((await call('GET', target)).body).toEqual(taken);
    expect((await call('PUT', target, { url: taken.url, state: 'ready' })).body.revision).toBe(5);
    expect((await call('GET', target)).body).toEqual({ url: taken.url, state: 'ready' });
  });
});

describe('mirrors and overrides', () => {
  test.each([
    { kind: 'mirrors', list: [{ pool: 'green', percent: 10 }] },
    { kind: 'overrides', list: [{ match: { headers: { 'x-canary': '1' } }, pool: 'green' }] },
  ])('$kind are read and replaced', async ({ kind, list }) => {
    const { call, controller } = await startApi();
    const before = JSON.stringify(controller.current().document);
    expect((await call('GET', `${demo}/${kind}`)).body).toEqual([]);
    expect((await call('PUT', `${demo}/${kind}`, list)).body).toMatchObject({
      revision: 2,
      changes: [{ pointer: `/services/demo/${kind}` }],
    });
    expect((await call('GET', `${demo}/${kind}`)).body).toEqual(list);
    expect((await call('PUT', `${demo}/${kind}`, [])).body.revision).toBe(3);
    expect(JSON.stringify(controller.current().document)).toBe(before);
  });
});

describe('states', () => {
  test.each([
    { body: { state: 'drain' }, until: nowMs + 30_000 },
    { body: { state: 'drain', deadline: '5m' }, until: nowMs + 300_000 },
    { body: { state: 'maint', deadline: '0s' }, until: nowMs },
  ])('$body of a pool and of a target, until $until, and back', async ({ body, until }) => {
    const { call, controller } = await startApi();
    const before = JSON.stringify(controller.current().document);
    const taken = { state: body.state, drainUntil: new Date(until).toISOString() };
    await call('POST', `${blue}/state`, body);
    expect((await call('GET', blue)).body).toEqual({ targets: ['http://127.0.0.1:3001'], ...taken });
    await call('POST', `${target}/state`, body);
    expect((await call('GET', target)).body).toEqual({ url: 'http://127.0.0.1:3001', ...taken });
    const [pool] = controller.model().services[0]!.pools;
    expect([pool, pool!.targets[0]]).toMatchObject(Array.from({ length: 2 }, () => ({ state: body.state, drainUntilMs: until })));
    expect((await call('POST', `${blue}/state`, { state: 'ready' })).body.revision).toBe(4);
    expect((await call('POST', `${target}/state`, { state: 'ready' })).body.revision).toBe(5);
    expect(JSON.stringify(controller.current().document)).toBe(before);
  });

  test('that are asked for again are no change, unless with another deadline', async () => {
    let now = nowMs;
    const { call } = await startApi({ nowMs: () => now });
    for (const path of [blue, target]) {
      now = nowMs;
      expect((await call('POST', `${path}/state`, { state: 'drain' })).body.changed).toBe(true);
      const first = (await call('GET', path)).body.drainUntil;
      now += 5000;
      expect((await call('POST', `${path}/state`, { state: 'drain' })).body.changed).toBe(false);
      expect((await call('GET', path)).body.drainUntil).toBe(first);
      expect((await call('POST', `${path}/state`, { state: 'drain', deadline: '30s' })).body.changed).toBe(true);
      expect((await call('GET', path)).body.drainUntil).toBe(new Date(now + 30_000).toISOString());
      // One is undone by one undo, however often it was asked for.
      await call('POST', '/v1/undo');
      expect((await call('POST', '/v1/undo')).body.changed).toBe(true);
      expect((await call('GET', path)).body.state).toBeUndefined();
    }
  });

  test('have the deadline that the service says', async () => {
    const { call } = await startApi();
    await call('PATCH', demo, { timeouts: { drain: '2m' } });
    await call('POST', `${target}/state`, { state: 'drain' });
    expect((await call('GET', target)).body.drainUntil).toBe(new Date(nowMs + 120_000).toISOString());
  });
});

describe('a change that takes out too much carries a warning', () => {
  test('weight on a pool that is taken out while another serves', async () => {
    const { call } = await startApi();
    await call('PUT', `${demo}/weights`, { blue: 90, green: 10 });
    expect((await call('POST', `${demo}/pools/green/state`, { state: 'maint' })).body.warnings).toEqual([
      'Pool "green" is in maint, so its weight of 10 counts as 0; "sluice ready demo/green" brings it back.',
    ]);
    expect((await call('POST', `${demo}/pools/green/state`, { state: 'ready' })).body.warnings).toBeUndefined();
  });

  test('the last pool that has weight, and the last target of a pool', async () => {
    const { call } = await startApi();
    const warning = ['Pool "blue" has no target that is ready, so every request of service "demo" is answered with 503.'];
    expect((await call('POST', `${blue}/state?dryRun=true`, { state: 'drain' })).body.warnings).toEqual(warning);
    expect((await call('POST', `${target}/state`, { state: 'drain' })).body.warnings).toEqual(warning);
    await call('PATCH', demo, { fallback: 'green' });
    expect((await call('POST', `${target}/state`, { state: 'maint' })).body.warnings).toEqual([
      'Pool "blue" has no target that is ready, so every request of service "demo" goes to the fallback "green".',
    ]);
  });

  test('the last healthy target of a pool', async () => {
    const unhealthy = { health: 'unhealthy', factor: 1, told: 'ready', sinceMs: 0, last: undefined } as const;
    const conditionOf = (_service: string, _pool: string, id: string) => (id === 'b2' ? unhealthy : undefined);
    const { call } = await startApi({ health: { conditionOf } });
    expect((await call('PUT', `${blue}/targets/b2`, { url: 'http://127.0.0.1:3009' })).body.warnings).toBeUndefined();
    expect((await call('POST', `${target}/state`, { state: 'drain' })).body.warnings).toEqual([
      'Pool "blue" has no healthy target that is ready, so every request of service "demo" goes to unhealthy ones.',
    ]);
  });

  test('the pool that an override names', async () => {
    const { call } = await startApi();
    await call('PUT', `${demo}/overrides`, [{ match: { headers: { 'x-tester': '1' } }, pool: 'green' }]);
    expect((await call('POST', `${demo}/pools/green/state`, { state: 'drain' })).body.warnings).toEqual([
      'Pool "green", to which overrides of service "demo" send requests, has no target that is ready, so these are answered with 503.',
    ]);
  });

  test('the fallback', async () => {
    const { call } = await startApi();
    await call('PATCH', demo, { fallback: 'green' });
    expect((await call('POST', `${demo}/pools/green/state`, { state: 'maint' })).body.warnings).toEqual([
      'Pool "green", the fallback of service "demo", has no target that is ready, so it can take nothing.',
    ]);
  });

  test('a target that is brought back into a pool that is out', async () => {
    const { call } = await startApi();
    await call('PUT', '/v1/services/other', { pools: { green: { targets: ['http://127.0.0.1:3002'], state: 'maint' } } });
    await call('POST', `${demo}/pools/green/state`, { state: 'maint' });
    const green = `${demo}/pools/green/targets/127.0.0.1:3002/state`;
    const warning = [
      'Target "127.0.0.1:3002" stays out, because its pool "green" is in maint; "sluice ready demo/green" brings the pool back.',
    ];
    expect((await call('POST', green, { state: 'ready' })).body).toMatchObject({ changed: false, warnings: warning });
    expect((await call('POST', green, { state: 'drain' })).body.warnings).toBeUndefined();
    expect((await call('POST', `${green}?dryRun=true`, { state: 'ready' })).body.warnings).toEqual(warning);
    expect((await call('POST', green, { state: 'ready' })).body).toMatchObject({ changed: true, warnings: warning });
    await call('POST', `${demo}/pools/green/state`, { state: 'ready' });
    expect((await call('POST', green, { state: 'ready' })).body.warnings).toBeUndefined();
  });

  test('a fallback that can take nothing', async () => {
    const { call } = await startApi();
    const answer = await call('PATCH', demo, { pools: { empty: { targets: [] } }, fallback: 'empty' });
    expect(answer.body.warnings).toEqual(['Pool "empty", the fallback of service "demo", has no targets, so it can take nothing.']);
  });
});
