import { describe, expect, test } from 'vitest';
import { statusOf } from '../../admin-api/error-status.ts';
import { errorsOf } from '../../admin-api/openapi.ts';
import type { ProbedCondition } from '../../admin-api/options.ts';
import type { Route } from '../../admin-api/route.ts';
import { routes } from '../../admin-api/routes.ts';
import { errorSummaries } from '../../src/core/errors.ts';
import type { ServiceReport, TargetReport, WorkerReport } from '../../src/core/reports.ts';
import { bareSurroundings, compileSnapshot, type Surroundings } from '../../src/core/snapshot.ts';
import { openBench } from '../control/support.ts';
import { TestFleet } from '../control/fleet.ts';
import { nowMs, startApi, type TestApi } from './support.ts';

const blueTarget = '127.0.0.1:3001';

function report(connections: number, inFlight: number, codes: Record<string, number>): WorkerReport {
  const durations = { counts: [2, 1, ...Array.from({ length: 12 }, () => 0), 3], sumMs: 1500 };
  const target: TargetReport = {
    id: blueTarget,
    inFlight,
    streaming: Math.min(1, inFlight),
    upgraded: 0,
    available: true,
    ejected: false,
    ejections: 1,
    codes,
  };
  const service: ServiceReport = {
    id: 'demo',
    retries: 4,
    retriesRefused: 0,
    rescued: 3,
    decisions: { split: 10, fallback: 2 },
    mirrors: [{ pool: 'shadow', sent: 7, dropped: { busy: 1 }, inFlight: 1 }],
    pools: [{ id: 'blue', targets: [target], durations, picked: 12, queued: 2, clients: undefined }],
  };
  return { revision: 1, connections, acceptPauses: 0, inFlight, services: [service], terminations: { no_route: 2 } };
}

const idle = {
  health: 'unprobed',
  factor: 1,
  ejected: false,
  ejections: 0,
  available: false,
  inFlight: 0,
  inFlightBy: { http: 0, streaming: 0, upgraded: 0 },
  requests: 0,
};

test('status tells revision, processes, weights, shares and where requests are', async () => {
  const { call, parts } = await startApi();
  parts.fleet.reports.set(1, report(5, 2, { 200: 10, 502: 1 })).set(2, report(1, 1, { 200: 4 }));
  parts.fleet.gone.push(report(9, 9, { 200: 100 }));
  await call('PATCH', '/v1/services/demo/weights', { green: 300 });
  const observed = { requests: null, clients: null };
  expect((await call('GET', '/v1/status')).body).toEqual({
    state: 'ready',
    revision: 2,
    supervisor: { pid: 100 },
    control: { pid: 99 },
    workers: [
      { id: 1, pid: 101, revision: 2, connections: 5, inFlight: 2 },
      { id: 2, pid: 102, revision: 2, connections: 1, inFlight: 1 },
    ],
    services: {
      demo: {
        weights: { blue: 100, green: 300 },
        shares: { blue: 0.25, green: 0.75 },
        fallback: null,
        sticky: false,
        decisions: { split: 30, fallback: 6 },
        rescued: 9,
        mirrors: [{ pool: 'shadow', sent: 21, dropped: { busy: 3 }, inFlight: 2 }],
        pools: {
          blue: {
            weight: 100,
            share: 0.25,
            observed,
            state: 'ready',
            available: { count: 1, of: 1 },
            queued: 4,
            inFlight: 3,
            requests: 115,
            targets: {
              [blueTarget]: {
                ...idle,
                address: blueTarget,
                state: 'ready',
                ejections: 3,
                available: true,
                inFlight: 3,
                inFlightBy: { http: 1, streaming: 2, upgraded: 0 },
                requests: 115,
              },
            },
          },
          green: {
            weight: 300,
            share: 0.75,
            observed,
            state: 'ready',
            available: { count: 0, of: 1 },
            queued: 0,
            inFlight: 0,
            requests: 0,
            targets: { '127.0.0.1:3002': { ...idle, address: '127.0.0.1:3002', state: 'ready' } },
          },
        },
      },
    },
  });
});

describe('status of a service', () => {
  // oxlint-disable-next-line typescript/no-explicit-any -- looked into here and there
  const demoOf = async ({ call }: TestApi): Promise<any> => (await call('GET', '/v1/status')).body.services.demo;

  test('shows what an operator has taken out, until when, and that its weight does not count', async () => {
    const api = await startApi();
    await api.call('PATCH', '/v1/services/demo', { fallback: 'blue', sticky: {}, weights: { blue: 50, green: 50 } });
    await api.call('POST', '/v1/services/demo/pools/green/state', { state: 'drain' });
    const demo = await demoOf(api);
    expect(demo).toMatchObject({ fallback: 'blue', sticky: true, weights: { blue: 50, green: 50 }, shares: { blue: 1, green: 0 } });
    const taken = { state: 'drain', drainUntil: '2026-05-01T12:00:30.000Z' };
    expect(demo.pools.green).toMatchObject({ ...taken, weight: 50, share: 0, targets: { '127.0.0.1:3002': taken } });
    expect(demo.pools.blue.drainUntil).toBeUndefined();
  });

  test('shows what probes say, and nothing of it where nobody probes', async () => {
    const condition: ProbedCondition = {
      health: 'unhealthy',
      factor: 0.5,
      told: 'drain',
      sinceMs: nowMs,
      last: { detail: 'status 503' },
    };
    const api = await startApi({ health: { conditionOf: () => condition } });
    await api.call('PATCH', '/v1/services/demo', { pools: { blue: { health: { path: '/healthz' } } } });
    const { blue, green } = (await demoOf(api)).pools;
    expect(blue.targets[blueTarget]).toMatchObject({
      health: 'unhealthy',
      healthSince: '2026-05-01T12:00:00.000Z',
      lastProbe: 'status 503',
      factor: 0.5,
      told: 'drain',
    });
    expect(green.targets['127.0.0.1:3002']).toEqual({ ...idle, address: '127.0.0.1:3002', state: 'ready' });
  });

  test('shows each address of a resolved name', async () => {
    const bench = await openBench();
    const surroundings: Surroundings = { ...bareSurroundings, addresses: new Map([['127.0.0.1', ['10.0.0.1', '10.0.0.2']]]) };
    const snapshot = compileSnapshot(bench.controller.model(), 1, surroundings);
    const api = await startApi({ snapshot: () => snapshot }, bench);
    const { blue } = (await demoOf(api)).pools;
    expect(blue.available).toEqual({ count: 0, of: 2 });
    expect(Object.entries<{ address: string }>(blue.targets).map(([id, { address }]) => [id, address])).toEqual([
      [`${blueTarget}@10.0.0.1`, '10.0.0.1:3001'],
      [`${blueTarget}@10.0.0.2`, '10.0.0.2:3001'],
    ]);
  });

  test('shows what has been removed as long as something runs there', async () => {
    const api = await startApi();
    const { call, parts } = api;
    parts.fleet.reports.set(1, report(5, 2, { 200: 10 }));
    await call('PUT', '/v1/services/demo/pools/blue/targets/b2', { url: 'http://127.0.0.1:3009' });
    await call('DELETE', `/v1/services/demo/pools/blue/targets/${blueTarget}`);
    const running = (await demoOf(api)).pools.blue;
    expect(running).toMatchObject({ inFlight: 2, requests: 10, available: { count: 0, of: 1 } });
    expect(running.targets[blueTarget]).toMatchObject({ address: null, inFlight: 2, removed: true });
    expect(running.targets.b2.removed).toBeUndefined();

    await call('POST', '/v1/services/demo/switch', { to: 'green' });
    await call('DELETE', '/v1/services/demo/pools/blue');
    const { weights, pools } = await demoOf(api);
    expect(weights).toEqual({ green: 100 });
    expect(pools.blue).toMatchObject({ removed: true, weight: 0, inFlight: 2, targets: { [blueTarget]: { removed: true } } });

    parts.fleet.reports.set(1, report(5, 0, { 200: 12 }));
    expect(Object.keys((await demoOf(api)).pools)).toEqual(['green']);
  });

  test('shows how requests were really spread since the first look, in status and metrics', async () => {
    const api = await startApi();
    const { call, parts, look } = api;
    const picked = (blue: number, green: number): WorkerReport => {
      const whole = report(1, 0, {});
      const [service] = whole.services;
      const [pool] = service!.pools;
      return {
        ...whole,
        services: [
          {
            ...service!,
            pools: [
              { ...pool!, picked: blue },
              { ...pool!, id: 'green', picked: green },
            ],
          },
        ],
      };
    };
    parts.fleet.reports.set(1, picked(1000, 0));
    await look();
    parts.fleet.reports.set(1, picked(1090, 10));
    const { blue, green } = (await demoOf(api)).pools;
    expect([blue.observed, green.observed]).toEqual([
      { requests: 0.9, clients: null },
      { requests: 0.1, clients: null },
    ]);
    const { text } = await call('GET', '/metrics');
    expect(text).toContain('sluice_observed_share{service="demo",pool="green",by="requests"} 0.1\n');
    expect(text).not.toContain('by="clients"');
  });
});

test('events are what was noted, newest first, as far as they are kept', async () => {
  const { call, events, parts, look } = await startApi();
  expect((await call('GET', '/v1/events')).body).toEqual({ events: [] });
  const bothSay = (revision: number, inFlight: number): void => {
    for (const id of [1, 2]) parts.fleet.reports.set(id, { ...report(1, inFlight, {}), revision });
  };
  bothSay(1, 1);
  await look();
  await call('POST', '/v1/services/demo/pools/blue/state', { state: 'maint' });
  bothSay(2, 0);
  await look();
  const [drained, taken] = (await call('GET', '/v1/events')).body.events;
  const place = { service: 'demo', pool: 'blue' };
  expect(drained).toMatchObject({ seq: 2, kind: 'drain', ...place, target: blueTarget, from: 'maint', to: 'drained' });
  expect(taken).toMatchObject({ seq: 1, kind: 'state', ...place, target: blueTarget, from: 'ready', to: 'maint', cause: 'revision 2' });
  expect(drained.at).toMatch(/^1970-01-01T00:00:\d\d\.000Z$/);
  expect((await call('GET', '/v1/events?limit=1')).body.events).toEqual([drained]);
  expect(parts.log.lines.at(-1)).toMatchObject({ level: 'info', message: 'drain finished', fields: { ...place, target: blueTarget } });

  for (let n = 0; n < 1500; n++) events.note({ kind: 'health', ...place, target: '', from: '', to: String(n), cause: '' });
  const latest = (await call('GET', '/v1/events?limit=1000')).body.events.map(({ seq, to }: { seq: number; to: string }) => [seq, to]);
  expect(latest).toHaveLength(1000);
  expect(events.latest(5000)).toHaveLength(1000);
  expect([latest[0], latest[999]]).toEqual([
    [1502, '1499'],
    [503, '500'],
  ]);
});

test.each([0, 1])(
  'a drain is told to be over once, when the last worker with %i requests there has applied it and has none',
  async (late) => {
    const { call, events, parts, look } = await startApi();
    const say = (id: number, revision: number, inFlight: number): void =>
      void parts.fleet.reports.set(id, { ...report(1, inFlight, {}), revision });
    const ends = async (): Promise<number> => {
      await look();
      return events.latest(10).filter(({ kind }) => kind === 'drain').length;
    };
    for (const id of [1, 2]) say(id, 1, 0);
    await look();
    await call('POST', '/v1/services/demo/pools/blue/state', { state: 'maint' });
    // Even where nothing runs anywhere: the second has not applied it, and may send somebody there.
    say(1, 2, 0);
    say(2, 1, late);
    expect(await ends()).toBe(0);
    say(2, 2, late);
    expect(await ends()).toBe(late === 0 ? 1 : 0);
    say(2, 2, 0);
    expect(await ends()).toBe(1);
    // Another change that one of them is late with ends nothing anew.
    await call('PUT', '/v1/services/demo/weights', { blue: 1, green: 1 });
    say(1, 3, 0);
    expect(await ends()).toBe(1);
    say(2, 3, 0);
    expect(await ends()).toBe(1);
  },
);

test('a worker that has never answered is shown without numbers, and all weights 0 as shares of 0', async () => {
  const { call } = await startApi();
  await call('PUT', '/v1/services/demo/weights', { blue: 0 });
  const { body } = await call('GET', '/v1/status');
  expect(body.workers[0]).toEqual({ id: 1, pid: 101, revision: 2, connections: null, inFlight: null });
  expect(body.services.demo.shares).toEqual({ blue: 0, green: 0 });
});

test('metrics are the workers’ sums, with the dead ones’ counts', async () => {
  const { call, parts } = await startApi();
  parts.fleet.reports.set(1, report(5, 2, { 200: 10, 502: 1 })).set(2, report(1, 1, { 200: 4 }));
  parts.fleet.gone.push(report(9, 9, { 200: 100 }));
  const answer = await call('GET', '/metrics');
  expect(answer.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
  const ours = answer.text.slice(0, answer.text.indexOf('# HELP process_'));
  await expect(ours).toMatchFileSnapshot('./metrics.txt');
  expect(answer.text).toContain('\nprocess_cpu_seconds_total ');
  expect(answer.text).toContain('\nnodejs_eventloop_lag_seconds ');
  // Every line is a comment, a sample or empty: what a scraper reads.
  const lines = answer.text.split('\n').filter((line) => !/^(# (HELP|TYPE) .*|[a-z0-9_]+(\{[^}]*\})? [-+.\deInNa]+|)$/.test(line));
  expect(lines).toEqual([]);
});

test('readyz is 200 once all workers have started, while one of them serves, and until Sluice stops', async () => {
  const bench = await openBench();
  const api = await startApi({}, bench);
  const readyz = async (): Promise<unknown> => {
    const { status, body } = await api.call('GET', '/readyz');
    return [status, body];
  };
  api.setState('starting');
  expect(await readyz()).toEqual([503, { status: 'starting', reason: 'Sluice does not accept connections yet.' }]);
  api.parts.fleet.replace(2);
  expect(await readyz()).toEqual([503, { status: 'starting', reason: 'Worker 2 does not serve yet.' }]);
  api.parts.fleet.replace(1);
  expect(await readyz()).toEqual([503, { status: 'starting', reason: 'Workers 1 and 2 do not serve yet.' }]);

  await bench.controller.republish(1000);
  api.setState('ready');
  expect(await readyz()).toEqual([200, { status: 'ready' }]);
  // A replacement that has just arrived takes nothing away: the other one serves.
  api.parts.fleet.replace(2);
  expect(await readyz()).toEqual([200, { status: 'ready' }]);
  api.parts.fleet.replace(1);
  const reason = 'No worker serves at the moment; each is replaced as soon as it can be.';
  expect(await readyz()).toEqual([503, { status: 'unavailable', reason }]);
  api.setState('draining');
  expect(await readyz()).toEqual([
    503,
    { status: 'draining', reason: 'Sluice is stopping: it finishes what runs and accepts nothing new.' },
  ]);
  expect((await api.call('GET', '/livez')).body).toEqual({ status: 'alive' });
});

test('without any worker Sluice is not ready', async () => {
  const { call } = await startApi({}, await openBench({ fleet: new TestFleet(0) }));
  expect((await call('GET', '/readyz')).status).toBe(503);
});

describe('OpenAPI', () => {
  // oxlint-disable-next-line typescript/no-explicit-any -- a document of others' making, looked into here and there
  const describeApi = async (): Promise<any> => (await (await startApi()).call('GET', '/openapi.json')).body;
  const keyOf = ({ method, path }: Route) => [path.replaceAll(/:(\w+)/g, '{$1}'), method.toLowerCase()] as const;

  test('describes every call, and no other', async () => {
    const { openapi, paths } = await describeApi();
    expect(openapi).toBe('3.1.0');
    const described = Object.entries<object>(paths).flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method} ${path}`));
    expect(described.toSorted()).toEqual(routes.map((route) => keyOf(route).toReversed().join(' ')).toSorted());
  });

  test('describes every answer and every refusal of a call by its status, in words, with a schema that is there', async () => {
    const { paths, components } = await describeApi();
    for (const route of routes) {
      const [path, method] = keyOf(route);
      const { responses } = paths[path][method];
      const statuses = [...Object.keys(route.answers), ...errorsOf(route).map((code) => String(statusOf[code]))];
      expect([path, method, Object.keys(responses)]).toEqual([path, method, [...new Set(statuses)].toSorted()]);
      expect(JSON.stringify(responses)).not.toContain('Default Response');
      for (const [, name] of JSON.stringify(responses).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)) {
        expect(components.schemas).toHaveProperty(name!);
      }
    }
    expect(JSON.stringify(paths)).not.toMatch(/"\$ref":"(?!#\/components\/schemas\/)/);
    expect(Object.keys(components.schemas).toSorted()).toEqual(['Change', 'Problem', 'Readiness', 'Revision', 'Status']);
    expect(components.schemas.Problem.properties.code.enum).toEqual(Object.keys(errorSummaries));
  });

  test('describes what every change takes beside its body', async () => {
    const { paths } = await describeApi();
    const change = paths['/v1/services/{service}/weights'].put;
    const parameters = change.parameters.map((parameter: { in: string; name: string }) => `${parameter.in} ${parameter.name}`);
    expect(parameters.toSorted()).toEqual([
      'header if-match',
      'path service',
      'query dryRun',
      'query reason',
      'query timeout',
      'query wait',
    ]);
    // A rotation of keys makes no revision.
    const changes = routes.filter((route) => route.method !== 'GET' && route.path !== '/v1/signing-keys/rotate');
    expect(changes.every((route) => route.ifMatch === true && route.answers[202] !== undefined)).toBe(true);
  });
});
