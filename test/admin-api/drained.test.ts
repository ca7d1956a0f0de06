import type { FastifyInstance } from 'fastify';
import { request } from 'undici';
import { describe, expect, test } from 'vitest';
import { changeAndDrain } from '../../admin-api/drained.ts';
import type { AdminApiOptions } from '../../admin-api/options.ts';
import type { QueryName } from '../../admin-api/query.ts';
import type { Call } from '../../admin-api/route.ts';
import { boundLingerMs } from '../../src/core/bound-clients.ts';
import type { TargetReport, WorkerReport } from '../../src/core/reports.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { demoWith, openBench } from '../control/support.ts';
import { nowMs, startApi, type TestApi } from './support.ts';

const demo = '/v1/services/demo';
const blue = `${demo}/pools/blue`;
const target = `${blue}/targets/127.0.0.1:3001`;

/** What a worker says: so many requests on these targets of a pool. Of the revision, see {@link startDraining}. */
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
  const services = [{ id: 'demo', pools, retries: 0, retriesRefused: 0, rescued: 0, decisions: {}, mirrors: [] }];
  return { revision: 0, connections: 0, acceptPauses: 0, inFlight: 0, services, terminations: {} };
}

const busy = running({ '127.0.0.1:3001': { inFlight: 1 } });

/**
 * The API over two workers that say by which revision they work, and what runs there: nothing, unless the test says so.
 * @param service what the service says beside its pools and weights
 */
async function startDraining(
  overrides: Partial<AdminApiOptions> = {},
  service: JsonObject = {},
  prepare?: (app: FastifyInstance) => unknown,
): Promise<TestApi> {
  const api = await startApi(overrides, await openBench({}, demoWith(service)), prepare);
  const { fleet } = api.parts;
  Object.assign(fleet, {
    async collect() {
      const answering = fleet.workers().filter(({ id }) => !fleet.stuck.has(id));
      return new Map(answering.map(({ id, revision }) => [id, { ...(fleet.reports.get(id) ?? running({})), revision }]));
    },
  });
  return api;
}

/** Does something whenever the workers are asked, from the given time on: without waiting for a time. */
function whenAsked({ parts }: TestApi, time: number, act: () => unknown): void {
  const collect = parts.fleet.collect.bind(parts.fleet);
  let asked = 0;
  Object.assign(parts.fleet, {
    collect() {
      if (++asked >= time) act();
      return collect();
    },
  });
}

test('a drain is answered when nothing runs there any more on any worker', async () => {
  const api = await startDraining();
  const { reports } = api.parts.fleet;
  reports.set(1, running({ '127.0.0.1:3001': { inFlight: 3, streaming: 1, upgraded: 1 } }));
  reports.set(2, busy);
  let isOver = false;
  whenAsked(api, 2, () => reports.delete(1));
  whenAsked(api, 3, () => {
    isOver = true;
    reports.delete(2);
  });
  const { status, body } = await api.call('POST', `${blue}/state?wait=drained`, { state: 'drain' });
  expect([status, body.drained, body.remaining, body.mayCome, isOver]).toEqual([200, true, undefined, undefined, true]);
  expect(body.applied).toHaveLength(2);
});

test('when the time is over it is 202, with what still runs there by kind', async () => {
  const { call, parts } = await startDraining();
  parts.fleet.reports.set(1, running({ '127.0.0.1:3001': { inFlight: 3, streaming: 1, upgraded: 1 } }));
  parts.fleet.reports.set(2, busy);
  const { status, body } = await call('POST', `${blue}/state?wait=drained&timeout=0s`, { state: 'drain' });
  expect([status, body.drained, body.remaining, body.mayCome]).toEqual([202, false, { http: 2, streaming: 1, upgraded: 1 }, undefined]);
});

test('what runs elsewhere is not waited for, and what runs on an address of the target is', async () => {
  const { call, parts } = await startDraining();
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
  const api = await startDraining();
  api.parts.fleet.reports.set(1, running({ [id]: { inFlight: 1 } }, pool));
  const early = await api.call('DELETE', `${path}?wait=drained&timeout=0s&dryRun=true`);
  expect([early.status, early.body.drained]).toEqual([200, undefined]);
  whenAsked(api, 2, () => api.parts.fleet.reports.delete(1));
  const { status, body } = await api.call('DELETE', `${path}?wait=drained`);
  expect([status, body.drained, body.revision]).toEqual([200, true, 2]);
});

test('stopping does not wait for it', async () => {
  const api = await startDraining();
  api.parts.fleet.reports.set(1, busy);
  whenAsked(api, 2, () => api.setState('draining'));
  expect((await api.call('POST', `${blue}/state?wait=drained&timeout=10m`, { state: 'drain' })).status).toBe(202);
});

test('what somebody else brings back meanwhile is not waited for', async () => {
  const api = await startDraining();
  api.parts.fleet.reports.set(1, busy);
  const ready = { kind: 'state', service: 'demo', pool: 'blue', target: undefined, state: 'ready', drainUntil: undefined } as const;
  const how = { actor: 'else', reason: '', dryRun: false, timeoutMs: 0, wait: 'none' } as const;
  whenAsked(api, 2, () => void api.controller.execute(ready, how));
  const { status, body } = await api.call('POST', `${blue}/state?wait=drained&timeout=10m`, { state: 'drain' });
  expect([status, body.drained]).toEqual([202, false]);
});

describe('a worker that is late with the change', () => {
  test('may send somebody there, so that it has not drained although nothing runs', async () => {
    const { call, parts } = await startDraining();
    parts.fleet.stuck.add(2);
    const { status, body } = await call('POST', `${blue}/state?wait=drained&timeout=0s`, { state: 'drain' });
    expect([status, body.drained, body.stragglers]).toEqual([202, false, [{ worker: 2, pid: 102 }]]);
  });

  test('is waited for, and is no straggler any more when it has caught up', async () => {
    const api = await startDraining();
    const { fleet } = api.parts;
    fleet.stuck.add(2);
    whenAsked(api, 2, () => {
      if (fleet.stuck.delete(2)) void fleet.publish(fleet.published.at(-1)!);
    });
    const { status, body } = await api.call('POST', `${blue}/state?wait=drained`, { state: 'drain' });
    expect([status, body.drained, body.stragglers]).toEqual([200, true, undefined]);
    expect(body.applied.map(({ worker }: { worker: number }) => worker)).toEqual([1, 2]);
  });

  test('counts with nothing that it said before', async () => {
    const api = await startDraining();
    await api.call('GET', '/v1/status');
    api.parts.fleet.stuck.add(2);
    const { body } = await api.call('POST', `${blue}/state?wait=drained&timeout=0s`, { state: 'maint' });
    expect(body.drained).toBe(false);
  });

  test('that has never said anything is late as well', async () => {
    const api = await startDraining();
    api.parts.fleet.replace(2);
    const { body } = await api.call('POST', `${blue}/state?wait=drained`, { state: 'drain' });
    expect(body.drained).toBe(true);
    api.parts.fleet.replace(2);
    api.parts.fleet.stuck.add(2);
    expect((await api.call('POST', `${blue}/state?wait=drained&timeout=0s`, { state: 'drain' })).body.drained).toBe(false);
  });
});

describe('while clients that are bound to it may come', () => {
  const sticky = { key: { cookie: 'sluice_id' } };

  test.each<{ service: JsonObject; path: string; state: 'drain' | 'maint'; mayCome: boolean }>([
    { service: { sticky: { ...sticky, onShrink: 'keep' } }, path: blue, state: 'drain', mayCome: true },
    { service: { sticky: { ...sticky, onShrink: 'keep' } }, path: blue, state: 'maint', mayCome: false },
    { service: { sticky: { ...sticky, target: true } }, path: target, state: 'drain', mayCome: true },
    { service: { sticky: { ...sticky, target: true } }, path: target, state: 'maint', mayCome: false },
    { service: {}, path: blue, state: 'drain', mayCome: false },
  ])('$state of $path with $service: $mayCome', async ({ service, path, state, mayCome }) => {
    const weights = { blue: 1, green: 1 };
    const { call } = await startDraining({}, { ...service, weights });
    const { status, body } = await call('POST', `${path}/state?wait=drained&timeout=0s`, { state });
    expect([status, body.drained, body.mayCome]).toEqual(mayCome ? [202, false, true] : [200, true, undefined]);
    expect(body.remaining).toEqual(mayCome ? { http: 0, streaming: 0, upgraded: 0 } : undefined);
  });

  test('it is waited until the deadline is over', async () => {
    let now = nowMs;
    const api = await startDraining({ nowMs: () => now }, { sticky: { ...sticky, onShrink: 'keep' }, weights: { blue: 1, green: 1 } });
    whenAsked(api, 3, () => (now = nowMs + 60_000 + boundLingerMs));
    const { status, body } = await api.call('POST', `${blue}/state?wait=drained`, { state: 'drain', deadline: '1m' });
    expect([status, body.drained, now > nowMs]).toEqual([200, true, true]);
  });

  test('a removed target has none', async () => {
    const api = await startDraining({}, { sticky: { ...sticky, target: true } });
    expect((await api.call('DELETE', `${target}?wait=drained`)).body.drained).toBe(true);
  });
});

describe('a caller who hangs up', () => {
  const command = { kind: 'state', service: 'demo', pool: 'blue', target: undefined, state: 'drain', drainUntil: undefined } as const;
  const draining = { service: 'demo', pool: 'blue', deadlineMs: 600_000 };

  test('is not waited for any longer', async () => {
    const api = await startDraining();
    api.parts.fleet.reports.set(1, busy);
    const hangUp = new AbortController();
    let asked = 0;
    whenAsked(api, 1, () => asked++);
    whenAsked(api, 2, () => hangUp.abort());
    const query = new Map<QueryName, string>([['wait', 'drained']]);
    const call: Call = { params: {}, query, body: undefined, ifMatch: undefined, actor: 'test', signal: hangUp.signal };
    await changeAndDrain(command, draining, call, api.options);
    expect(asked).toBe(2);
  });

  test('is noticed on the socket', async () => {
    const client = new AbortController();
    const ended = Promise.withResolvers<void>();
    const api = await startDraining({}, {}, (app) => app.addHook('onSend', async () => ended.resolve()));
    api.parts.fleet.reports.set(1, busy);
    whenAsked(api, 2, () => client.abort());
    const options = { method: 'POST', body: '{"state":"drain"}', signal: client.signal } as const;
    await expect(request(`${api.url}${blue}/state?wait=drained&timeout=10m`, options)).rejects.toThrow(/aborted/);
    await ended.promise;
  });
});

test.each([
  { query: '', body: { state: 'drain', deadline: '40s' }, timeoutMs: 50_000 },
  { query: '', body: { state: 'maint' }, timeoutMs: 40_000 },
  { query: '', body: { state: 'drain', deadline: '1h' }, timeoutMs: 600_000 },
  { query: '&timeout=7s', body: { state: 'drain', deadline: '40s' }, timeoutMs: 7000 },
])('$body$query is waited for $timeoutMs ms', async ({ query, body, timeoutMs }) => {
  const api = await startDraining();
  const timeouts = timeoutsOf(api);
  await api.call('POST', `${blue}/state?wait=drained${query}`, body);
  expect(timeouts).toEqual([timeoutMs]);
});

test('what drains already is waited for as long as that goes on', async () => {
  let now = nowMs;
  const api = await startDraining({ nowMs: () => now });
  for (const path of [blue, target]) {
    now = nowMs;
    await api.call('POST', `${path}/state`, { state: 'drain', deadline: '2m' });
    const timeouts = timeoutsOf(api);
    now += 30_000;
    await api.call('POST', `${path}/state?wait=drained`, { state: 'drain' });
    now += 3_600_000;
    await api.call('POST', `${path}/state?wait=drained`, { state: 'drain' });
    expect(timeouts).toEqual([100_000, 10_000]);
  }
});

/** How long each publish from now on may take. */
function timeoutsOf({ parts }: TestApi): number[] {
  const timeouts: number[] = [];
  const publish = parts.fleet.publish.bind(parts.fleet);
  Object.assign(parts.fleet, {
    publish(snapshot: never, timeout: number) {
      timeouts.push(timeout);
      return publish(snapshot);
    },
  });
  return timeouts;
}
