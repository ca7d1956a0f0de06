import { onTestFinished, expect, test } from 'vitest';
import type { ObservedShares } from '../../src/core/observed.ts';
import type { PoolReport, TargetReport, WorkerReport } from '../../src/core/reports.ts';
import { bareSurroundings, compileSnapshot } from '../../src/core/snapshot.ts';
import { Metrics } from '../../src/telemetry/metrics.ts';
import { aPool, aService, aTarget } from '../support/model.ts';

const aTargetReport = (id: string, inFlight = 0, available = false): TargetReport => ({
  id,
  inFlight,
  streaming: 0,
  upgraded: 0,
  available,
  ejected: false,
  ejections: 1,
  codes: { 200: 5 },
});

const aPoolReport = (id: string, queued: number, targets: readonly TargetReport[]): PoolReport => ({
  id,
  targets,
  durations: { counts: [], sumMs: 0 },
  picked: 3,
  queued,
  clients: undefined,
});

/** What is told of a service `shop` whose pool `blue` has the target `app`, found at 10.0.0.2. */
async function metricsOf(pools: readonly PoolReport[], observed?: ObservedShares): Promise<string[]> {
  const target = aTarget('app', { address: { host: 'app.test', port: 80 } });
  const model = { listeners: [], routes: [], services: [aService('shop', { pools: [aPool('blue', { targets: [target] })] })] };
  const snapshot = compileSnapshot(model, 1, { ...bareSurroundings, addresses: new Map([['app.test', ['10.0.0.2']]]) });
  const service = { id: 'shop', pools, retries: 0, retriesRefused: 0, rescued: 0, decisions: {}, mirrors: [] };
  const totals: WorkerReport = { revision: 1, connections: 0, acceptPauses: 0, inFlight: 0, services: [service], terminations: {} };
  const metrics = new Metrics(() => Promise.resolve({ reading: { workers: [], totals }, model, snapshot, observed }));
  onTestFinished(() => metrics.close());
  return (await metrics.render()).text.split('\n');
}

/** The samples of a metric, without its name. */
const samplesOf = (lines: readonly string[], name: string): string[] =>
  lines.filter((line) => line.startsWith(`${name}{`)).map((line) => line.slice(name.length));

const here = '{service="shop",pool="blue",target="app@10.0.0.2"}';
const moved = '{service="shop",pool="blue",target="app@10.0.0.1"}';
const removed = '{service="shop",pool="old",target="o1"}';

const poolsWith = (gone: TargetReport, queued: number): PoolReport[] => [
  aPoolReport('blue', 0, [aTargetReport('app@10.0.0.2'), { ...gone, id: 'app@10.0.0.1' }]),
  aPoolReport('old', queued, [{ ...gone, id: 'o1' }]),
];

test('a target that is configured has its gauges when they are 0, one that is gone has none', async () => {
  const lines = await metricsOf(poolsWith(aTargetReport('gone'), 0));
  expect(samplesOf(lines, 'sluice_target_available')).toEqual([`${here} 0`]);
  expect(samplesOf(lines, 'sluice_inflight_requests')).toEqual([`${here} 0`]);
  expect(samplesOf(lines, 'sluice_queued_requests')).toEqual(['{service="shop",pool="blue"} 0']);
});

test('what still runs at a target that is gone, or waits for it, is told', async () => {
  const lines = await metricsOf(poolsWith(aTargetReport('gone', 2), 1));
  expect(samplesOf(lines, 'sluice_inflight_requests')).toEqual([`${here} 0`, `${moved} 2`, `${removed} 2`]);
  expect(samplesOf(lines, 'sluice_target_available')).toEqual([`${here} 0`]);
  expect(samplesOf(lines, 'sluice_queued_requests')).toContain('{service="shop",pool="old"} 1');
});

test('that a worker which is late would still pick a target that is gone is told', async () => {
  const lines = await metricsOf(poolsWith(aTargetReport('gone', 0, true), 0));
  expect(samplesOf(lines, 'sluice_target_available')).toEqual([`${here} 0`, `${moved} 1`, `${removed} 1`]);
});

test('counters of what is gone stay', async () => {
  const lines = await metricsOf(poolsWith(aTargetReport('gone'), 0));
  expect(samplesOf(lines, 'sluice_target_ejections_total')).toEqual([`${here} 1`, `${moved} 1`, `${removed} 1`]);
  expect(samplesOf(lines, 'sluice_pool_picked_total')).toContain('{service="shop",pool="old"} 3');
  expect(lines).toContain('sluice_requests_total{service="shop",pool="old",target="o1",code="200"} 5');
});

test('a pool that is gone has an observed share as long as it is not 0', async () => {
  const shares = (old: number) =>
    new Map([
      [
        'shop',
        new Map([
          ['blue', { requests: 1 - old, clients: 0 }],
          ['old', { requests: old, clients: 0 }],
        ]),
      ],
    ]);
  const told = async (old: number) => samplesOf(await metricsOf([], shares(old)), 'sluice_observed_share');
  expect(await told(0)).toEqual(['{service="shop",pool="blue",by="requests"} 1', '{service="shop",pool="blue",by="clients"} 0']);
  expect(await told(0.25)).toContain('{service="shop",pool="old",by="requests"} 0.25');
});
