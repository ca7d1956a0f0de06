import { describe, expect, test } from 'vitest';
import { StoreError } from '../../src/control/ports.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { demoDocument, demoOf, demoWith, openBench } from '../control/support.ts';
import { startApi } from './support.ts';

const weights = '/v1/services/demo/weights';
const applied = [
  { worker: 1, ms: 0.5 },
  { worker: 2, ms: 0.5 },
];

test('a change of weights is answered with the revision, what changed and who applied it', async () => {
  const { call } = await startApi();
  const answer = await call('PUT', weights, { blue: 90, green: 10 });
  expect(answer.status).toBe(200);
  expect(answer.headers).toMatchObject({ etag: '"2"', 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' });
  expect(answer.body).toEqual({
    revision: 2,
    previous: 1,
    changed: true,
    changes: [
      { pointer: '/services/demo/weights/blue', before: 100, after: 90 },
      { pointer: '/services/demo/weights/green', before: 0, after: 10 },
    ],
    applied,
  });
  const read = await call('GET', weights);
  expect([read.status, read.headers['etag'], read.body]).toEqual([200, '"2"', { blue: 90, green: 10 }]);
});

test('PUT sets pools that are not named to 0, PATCH leaves them', async () => {
  const { call } = await startApi();
  await call('PATCH', weights, { green: 5 });
  expect((await call('GET', weights)).body).toEqual({ blue: 100, green: 5 });
  await call('PUT', weights, { green: 7 });
  expect((await call('GET', weights)).body).toEqual({ blue: 0, green: 7 });
});

test('the README’s four curl lines do what they say', async () => {
  const { call } = await startApi();
  const form = { 'content-type': 'application/x-www-form-urlencoded' };
  expect((await call('PUT', weights, '{"blue":90,"green":10}', form)).body.revision).toBe(2);
  expect((await call('POST', '/v1/services/demo/switch', '{"to":"green"}', form)).body.revision).toBe(3);
  expect((await call('GET', weights)).body).toEqual({ blue: 0, green: 100 });
  expect((await call('POST', '/v1/undo')).body.revision).toBe(4);
  expect((await call('GET', weights)).body).toEqual({ blue: 90, green: 10 });
});

test('a worker that does not apply in time makes it 202, with its name', async () => {
  const { call, parts } = await startApi();
  parts.fleet.stuck.add(2);
  const answer = await call('POST', '/v1/services/demo/switch', { to: 'green' });
  expect(answer.status).toBe(202);
  expect(answer.body).toMatchObject({ revision: 2, applied: [{ worker: 1, ms: 0.5 }], stragglers: [{ worker: 2, pid: 102 }] });
  expect(answer.headers['etag']).toBe('"2"');
});

describe('a change that is allowed and probably not meant carries a warning', () => {
  const s = '/v1/services/demo/switch';
  const noTargets = (pool: string) => [`Pool "${pool}" has no targets, so every request of service "demo" is answered with 503.`];

  test('all the weight on a pool without targets', async () => {
    const { call } = await startApi();
    await call('PATCH', '/v1/services/demo', { pools: { empty: { targets: [] } } });
    expect((await call('POST', `${s}?dryRun=true`, { to: 'empty' })).body.warnings).toEqual(noTargets('empty'));
    expect((await call('POST', s, { to: 'empty' })).body.warnings).toEqual(noTargets('empty'));
    expect((await call('POST', s, { to: 'empty' })).body).toMatchObject({ changed: false, warnings: noTargets('empty') });
    expect((await call('POST', '/v1/undo')).body.warnings).toBeUndefined();
  });

  test('some of it', async () => {
    const { call } = await startApi();
    const pools = { empty: { targets: [] }, idle: { targets: [{ url: 'http://127.0.0.1:1', weight: 0 }] } };
    const answer = await call('PATCH', '/v1/config', { services: { demo: { pools, weights: { blue: 89, empty: 10, idle: 1 } } } });
    expect(answer.body.warnings).toEqual([
      'Pool "empty" has no targets, so 10% of the requests of service "demo" are answered with 503.',
      'Pool "idle" has only targets of weight 0, so 1% of the requests of service "demo" are answered with 503.',
    ]);
  });

  test('no weight at all', async () => {
    const { call } = await startApi();
    expect((await call('PUT', weights, { blue: 0 })).body.warnings).toEqual([
      'All weights of service "demo" are 0, so every request of it is answered with 503.',
    ]);
  });
});

test('with wait=none it is 202, because nobody has waited', async () => {
  const { call } = await startApi();
  const answer = await call('POST', '/v1/services/demo/switch?wait=none', { to: 'green' });
  expect([answer.status, answer.body.applied, answer.body.stragglers]).toEqual([202, [], undefined]);
});

test('the timeout reaches the workers as milliseconds', async () => {
  const bench = await openBench();
  const timeouts: number[] = [];
  const publish = bench.parts.fleet.publish.bind(bench.parts.fleet);
  Object.assign(bench.parts.fleet, {
    publish(snapshot: never, timeoutMs: number) {
      timeouts.push(timeoutMs);
      return publish(snapshot);
    },
  });
  const { call } = await startApi({}, bench);
  for (const query of ['', '?timeout=250ms', '?timeout=2m', '?timeout=0s'])
    await call('POST', `/v1/services/demo/switch${query}`, { to: 'green' });
  expect(timeouts.slice(1)).toEqual([5000, 250, 120_000, 0]);
});

test('a dry run says what would happen, and nothing happens', async () => {
  const { call, controller, parts } = await startApi();
  const published = parts.fleet.published.length;
  const answer = await call('PUT', `${weights}?dryRun=true`, { green: 1 });
  expect(answer.status).toBe(200);
  expect(answer.body).toMatchObject({ revision: 2, previous: 1, dryRun: true, changed: true, applied: [] });
  expect(answer.headers['etag']).toBeUndefined();
  expect((await call('PUT', '/v1/config?dryRun=true', { services: {} })).status).toBe(422);
  expect(controller.current().number).toBe(1);
  expect(parts.fleet.published).toHaveLength(published);
});

test('a change that is none is 200 and makes no revision', async () => {
  const { call } = await startApi();
  const answer = await call('PUT', weights, { blue: 100 });
  expect(answer.body).toEqual({ revision: 1, previous: 1, changed: false, changes: [], applied });
});

test('the reason and the caller are in the history and in the journal', async () => {
  const { call } = await startApi();
  await call('PUT', `${weights}?reason=canary%20at%2010%25`, { blue: 90, green: 10 });
  const summary = {
    revision: 2,
    createdAt: '1970-01-01T00:00:02.000Z',
    actor: 'anonymous',
    action: 'weights',
    reason: 'canary at 10%',
    undoTo: 1,
  };
  expect((await call('GET', '/v1/revisions')).body).toEqual({
    revisions: [summary, { revision: 1, createdAt: '1970-01-01T00:00:01.000Z', actor: 'file', action: 'file', reason: '', undoTo: null }],
  });
  expect((await call('GET', '/v1/revisions?limit=1')).body.revisions).toHaveLength(1);
  expect((await call('GET', '/v1/revisions/2')).body).toEqual({ ...summary, document: demoWith({ weights: { blue: 90, green: 10 } }) });
  expect((await call('GET', '/v1/journal?limit=1')).body).toEqual({
    entries: [
      {
        seq: 2,
        at: '1970-01-01T00:00:02.000Z',
        actor: 'anonymous',
        action: 'weights',
        reason: 'canary at 10%',
        revision: 2,
        changes: [
          { pointer: '/services/demo/weights/blue', before: 100, after: 90 },
          { pointer: '/services/demo/weights/green', before: 0, after: 10 },
        ],
      },
    ],
  });
});

test('a document that is read can be sent back and is then no change', async () => {
  const { call } = await startApi();
  for (const path of ['/v1/config', '/v1/services/demo', weights]) {
    const read = await call('GET', path);
    const written = await call('PUT', path, read.text, { 'if-match': String(read.headers['etag']) });
    expect([path, written.status, written.body.changed]).toEqual([path, 200, false]);
  }
  expect((await call('GET', '/v1/services')).body).toEqual(demoDocument['services']);
});

test('services are added, changed and removed', async () => {
  const { call, controller } = await startApi();
  const shop = { pools: { v1: { targets: ['http://127.0.0.1:4001'] } } };
  expect((await call('PUT', '/v1/services/shop', shop)).body.revision).toBe(2);
  expect((await call('PATCH', '/v1/services/shop', { debugHeaders: true })).body.revision).toBe(3);
  expect((await call('GET', '/v1/services/shop')).body).toEqual({ ...shop, debugHeaders: true });
  expect(
    (await call('PATCH', '/v1/config', { services: { shop: { debugHeaders: null }, demo: { weights: { green: 1 } } } })).body.revision,
  ).toBe(4);
  expect(demoOf(controller.current().document)['weights']).toEqual({ blue: 100, green: 1 });
  expect((await call('DELETE', '/v1/services/shop')).body).toMatchObject({ revision: 5, changes: [{ pointer: '/services/shop' }] });
  expect((await call('GET', '/v1/services/shop')).status).toBe(404);
});

test('restore makes an earlier document the current one', async () => {
  const { call, controller } = await startApi();
  await call('PUT', weights, { green: 1 });
  const answer = await call('POST', '/v1/revisions/1/restore');
  expect([answer.status, answer.body.revision]).toEqual([200, 3]);
  expect(JSON.stringify(controller.current().document)).toBe(JSON.stringify(demoDocument));
});

describe('If-Match', () => {
  test.each([
    { field: '"1"', status: 200 },
    { field: '*', status: 200 },
    { field: '"7", "1"', status: 200 },
    { field: '"7","1" , "8"', status: 200 },
    { field: '"7"', status: 412 },
    { field: 'W/"1"', status: 412 },
    { field: '"one"', status: 412 },
    { field: '""', status: 412 },
    { field: '"01"', status: 412 },
    { field: '1', status: 400 },
    { field: '"1', status: 400 },
    { field: '"1" "2"', status: 400 },
    { field: '*, "1"', status: 400 },
  ])('$field at revision 1 is answered with $status', async ({ field, status }) => {
    const { call, controller } = await startApi();
    expect((await call('PUT', weights, { green: 1 }, { 'if-match': field })).status).toBe(status);
    expect(controller.current().number).toBe(status === 200 ? 2 : 1);
  });

  test('two writers with the same one: exactly one wins, a hundred times', async () => {
    const { call, controller } = await startApi();
    for (let round = 1; round <= 100; round++) {
      const attempts = [1, 2].map((n) => call('PUT', weights, { blue: round, green: n }, { 'if-match': `"${round}"` }));
      expect((await Promise.all(attempts)).map((answer) => answer.status).toSorted((a, b) => a - b)).toEqual([200, 412]);
      expect(controller.current().number).toBe(round + 1);
    }
  });

  test('a hundred writers with the same one: exactly one wins', async () => {
    const { call, controller } = await startApi();
    const attempts = Array.from({ length: 100 }, (_, n) => call('PATCH', weights, { green: n + 1 }, { 'if-match': '"1"' }));
    const statuses = (await Promise.all(attempts)).map((answer) => answer.status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
    expect(statuses.filter((status) => status === 412)).toHaveLength(99);
    expect(demoOf(controller.current().document)['weights']).toEqual({ blue: 100, green: statuses.indexOf(200) + 1 });
  });
});

test('a store that refuses is 503 and changes nothing', async () => {
  class BrokenStore extends MemoryStore {
    override async commit(...parameters: Parameters<MemoryStore['commit']>): Promise<void> {
      if (parameters[0].number > 1) throw new StoreError('The disk that holds /data/sluice.db is full.');
      await super.commit(...parameters);
    }
    override async journal(): Promise<never> {
      throw new StoreError('/data/sluice.db: reading the journal failed (disk I/O error). Check the disk.');
    }
  }
  const bench = await openBench({ store: new BrokenStore() });
  const { call, controller, parts } = await startApi({}, bench);
  const published = parts.fleet.published.length;
  const answer = await call('PUT', weights, { green: 1 });
  expect(answer.status).toBe(503);
  expect(answer.body).toEqual({
    type: 'urn:sluice:problem:store-unavailable',
    title: 'The change could not be saved, so it was not applied.',
    status: 503,
    detail: 'Nothing has changed. The disk that holds /data/sluice.db is full.',
    code: 'STORE_UNAVAILABLE',
  });
  expect((await call('GET', '/v1/journal')).body.detail).toBe(
    '/data/sluice.db: reading the journal failed (disk I/O error). Check the disk.',
  );
  expect(controller.current().number).toBe(1);
  expect(parts.fleet.published).toHaveLength(published);
});
