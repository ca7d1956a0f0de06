import { describe, expect, test } from 'vitest';
import type { TargetReport, WorkerReport } from '../../src/core/reports.ts';
import { StoreError } from '../../src/control/ports.ts';
import { nowMs, startApi, type TestApi } from './support.ts';

const demo = '/v1/services/demo';
const blue = `${demo}/pools/blue`;
const target = `${blue}/targets/127.0.0.1:3001`;

/** What a worker says: so many requests on these targets of a pool. */
function running(targets: Readonly<Record<string, Partial<TargetReport>>>, pool = 'blue'): WorkerReport {
  const reports = Object.entries(targets).map(([id, said]) => ({
    id,
    inFlight: 0,
    streaming: 0,
    upgraded: 0,
    available: true,
    ejected: false,
    ejections: 0,
    codes: {},
    ...said,
  }));
  const pools = [{ id: pool, targets: reports, durations: { counts: [], sumMs: 0 }, picked: 0, queued: 0, clients: undefined }];
  const services = [{ id: 'demo', pools, retries: 0, rescued: 0, decisions: {}, mirrors: [] }];
  return { revision: 1, connections: 0, inFlight: 0, services, terminations: {} };
}

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

  test('have the deadline that the service says', async () => {
    const { call } = await startApi();
    await call('PATCH', demo, { timeouts: { drain: '2m' } });
    await call('POST', `${target}/state`, { state: 'drain' });
    expect((await call('GET', target)).body.drainUntil).toBe(new Date(nowMs + 120_000).toISOString());
  });
});

describe('with wait=drained', () => {
  /** Changes what a worker says after so many times that it was asked: without waiting for a time. */
  function afterAsking({ parts }: TestApi, times: number, then: () => unknown): void {
    const collect = parts.fleet.collect.bind(parts.fleet);
    let asked = 0;
    Object.assign(parts.fleet, {
      collect() {
        if (++asked > times) then();
        return collect();
      },
    });
  }

  test('a drain is answered when nothing runs there any more on any worker', async () => {
    const api = await startApi();
    api.parts.fleet.reports.set(1, running({ '127.0.0.1:3001': { inFlight: 3, streaming: 1, upgraded: 1 } }));
    api.parts.fleet.reports.set(2, running({ '127.0.0.1:3001': { inFlight: 1 } }));
    let isOver = false;
    afterAsking(api, 1, () => api.parts.fleet.reports.set(1, running({})));
    afterAsking(api, 2, () => {
      isOver = true;
      api.parts.fleet.reports.set(2, running({}));
    });
    const answer = await api.call('POST', `${blue}/state?wait=drained`, { state: 'drain' });
    expect([answer.status, answer.body.drained, answer.body.remaining, isOver]).toEqual([200, true, undefined, true]);
    expect(answer.body.applied).toHaveLength(2);
  });

  test('when the time is over it is 202, with what still runs there by kind', async () => {
    const { call, parts } = await startApi();
    parts.fleet.reports.set(1, running({ '127.0.0.1:3001': { inFlight: 3, streaming: 1, upgraded: 1 } }));
    parts.fleet.reports.set(2, running({ '127.0.0.1:3001': { inFlight: 1 } }));
    const answer = await call('POST', `${blue}/state?wait=drained&timeout=0s`, { state: 'drain' });
    expect([answer.status, answer.body.drained, answer.body.remaining]).toEqual([202, false, { http: 2, streaming: 1, upgraded: 1 }]);
  });

  test('what runs elsewhere is not waited for, and what runs on an address of the target is', async () => {
    const { call, parts } = await startApi();
    const drain = async (): Promise<boolean> =>
      (await call('POST', `${target}/state?wait=drained&timeout=0s`, { state: 'drain' })).body.drained;
    parts.fleet.reports.set(1, running({ '127.0.0.1:30011': { inFlight: 1 }, 'b2@127.0.0.1:3001': { inFlight: 1 } }));
    parts.fleet.reports.set(2, running({ '127.0.0.1:3001': { inFlight: 1 } }, 'green'));
    expect(await drain()).toBe(true);
    parts.fleet.reports.set(1, running({ '127.0.0.1:3001@10.0.0.1': { inFlight: 1 } }));
    expect(await drain()).toBe(false);
  });

  test.each([
    { what: 'a target', path: target, pool: 'blue', id: '127.0.0.1:3001' },
    { what: 'a pool', path: `${demo}/pools/green`, pool: 'green', id: '127.0.0.1:3002' },
  ])('the removal of $what is answered when what ran there is over', async ({ path, pool, id }) => {
    const api = await startApi();
    api.parts.fleet.reports.set(1, running({ [id]: { inFlight: 1 } }, pool));
    const early = await api.call('DELETE', `${path}?wait=drained&timeout=0s&dryRun=true`);
    expect([early.status, early.body.drained]).toEqual([200, undefined]);
    afterAsking(api, 1, () => api.parts.fleet.reports.set(1, running({})));
    const answer = await api.call('DELETE', `${path}?wait=drained`);
    expect([answer.status, answer.body.drained, answer.body.revision]).toEqual([200, true, 2]);
  });

  test('a worker that has not applied it makes it 202, though nothing runs', async () => {
    const { call, parts } = await startApi();
    parts.fleet.stuck.add(2);
    const answer = await call('POST', `${blue}/state?wait=drained`, { state: 'drain' });
    expect([answer.status, answer.body.drained, answer.body.stragglers]).toEqual([202, true, [{ worker: 2, pid: 102 }]]);
  });

  test('stopping does not wait for it', async () => {
    const api = await startApi();
    api.parts.fleet.reports.set(1, running({ '127.0.0.1:3001': { inFlight: 1 } }));
    afterAsking(api, 1, () => api.setState('draining'));
    expect((await api.call('POST', `${blue}/state?wait=drained&timeout=10m`, { state: 'drain' })).status).toBe(202);
  });

  test.each([
    { query: '', body: { state: 'drain', deadline: '40s' }, timeoutMs: 50_000 },
    { query: '', body: { state: 'maint' }, timeoutMs: 40_000 },
    { query: '', body: { state: 'drain', deadline: '1h' }, timeoutMs: 600_000 },
    { query: '&timeout=7s', body: { state: 'drain', deadline: '40s' }, timeoutMs: 7000 },
  ])('$body$query is waited for $timeoutMs ms', async ({ query, body, timeoutMs }) => {
    const { call, parts } = await startApi();
    const timeouts: number[] = [];
    const publish = parts.fleet.publish.bind(parts.fleet);
    Object.assign(parts.fleet, {
      publish(snapshot: never, timeout: number) {
        timeouts.push(timeout);
        return publish(snapshot);
      },
    });
    await call('POST', `${blue}/state?wait=drained${query}`, body);
    expect(timeouts).toEqual([timeoutMs]);
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

  test('a fallback that can take nothing', async () => {
    const { call } = await startApi();
    const answer = await call('PATCH', demo, { pools: { empty: { targets: [] } }, fallback: 'empty' });
    expect(answer.body.warnings).toEqual(['Pool "empty", the fallback of service "demo", has no targets, so it can take nothing.']);
  });
});

describe('the rotation of signing keys', () => {
  const ring = (rotate: () => Promise<void>) => {
    const keys = [{ id: 'aaaa', secret: '' }];
    return { keys: () => keys, rotate: async () => rotate().then(() => void keys.unshift({ id: 'bbbb', secret: '' })) };
  };

  test('makes a key, brings it to the workers, and tells how many there are but not which', async () => {
    const timeouts: number[] = [];
    const refresh = async (timeoutMs: number) => {
      timeouts.push(timeoutMs);
      return { applied: [{ worker: 1, ms: 0.50049 }], stragglers: timeouts.length > 1 ? [{ worker: 2, pid: 102 }] : [] };
    };
    const { call } = await startApi({ signingKeys: { ring: ring(async () => {}), refresh } });
    const answer = await call('POST', '/v1/signing-keys/rotate');
    expect([answer.status, answer.body]).toEqual([200, { keys: 2, applied: [{ worker: 1, ms: 0.5 }] }]);
    const late = await call('POST', '/v1/signing-keys/rotate?timeout=1s');
    expect([late.status, late.body.keys, late.body.stragglers]).toEqual([202, 3, [{ worker: 2, pid: 102 }]]);
    expect(timeouts).toEqual([5000, 1000]);
  });

  test('that cannot be saved changes nothing', async () => {
    const refresh = () => Promise.reject(new Error('nothing is to be brought anywhere'));
    const broken = ring(() => Promise.reject(new StoreError('The disk that holds /data/signing-keys is full.')));
    const { call } = await startApi({ signingKeys: { ring: broken, refresh } });
    const answer = await call('POST', '/v1/signing-keys/rotate');
    expect([answer.status, answer.body.detail]).toEqual([503, 'The disk that holds /data/signing-keys is full.']);
  });
});
