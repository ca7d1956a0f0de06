import { describe, expect, test } from 'vitest';
import { statusOf } from '../../admin-api/error-status.ts';
import { errorsOf } from '../../admin-api/openapi.ts';
import type { Route } from '../../admin-api/route.ts';
import { routes } from '../../admin-api/routes.ts';
import { errorSummaries } from '../../src/core/errors.ts';
import type { ServiceReport, WorkerReport } from '../../src/core/reports.ts';
import { openBench } from '../control/support.ts';
import { TestFleet } from '../control/fleet.ts';
import { startApi } from './support.ts';

const blueTarget = '127.0.0.1:3001';

function report(connections: number, inFlight: number, codes: Record<string, number>): WorkerReport {
  const durations = { counts: [2, 1, ...Array.from({ length: 12 }, () => 0), 3], sumMs: 1500 };
  const service: ServiceReport = {
    id: 'demo',
    retries: 4,
    pools: [{ id: 'blue', targets: [{ id: blueTarget, inFlight, codes }], durations }],
  };
  return { revision: 1, connections, inFlight, services: [service], terminations: { no_route: 2 } };
}

test('status tells revision, processes, weights, shares and where requests are', async () => {
  const { call, parts } = await startApi();
  parts.fleet.reports.set(1, report(5, 2, { 200: 10, 502: 1 })).set(2, report(1, 1, { 200: 4 }));
  parts.fleet.gone.push(report(9, 9, { 200: 100 }));
  await call('PATCH', '/v1/services/demo/weights', { green: 300 });
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
        pools: {
          blue: {
            weight: 100,
            share: 0.25,
            inFlight: 3,
            requests: 115,
            targets: { [blueTarget]: { address: blueTarget, inFlight: 3, requests: 115 } },
          },
          green: {
            weight: 300,
            share: 0.75,
            inFlight: 0,
            requests: 0,
            targets: { '127.0.0.1:3002': { address: '127.0.0.1:3002', inFlight: 0, requests: 0 } },
          },
        },
      },
    },
  });
});

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
    const changes = routes.filter((route) => route.method !== 'GET');
    expect(changes.every((route) => route.ifMatch === true && route.answers[202] !== undefined)).toBe(true);
  });
});
