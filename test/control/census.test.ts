import { expect, test } from 'vitest';
import { Census } from '../../src/control/census.ts';
import { mergeReports } from '../../src/core/merge-reports.ts';
import type { WorkerReport } from '../../src/core/reports.ts';
import { TestFleet } from './fleet.ts';

function report(requests: number, more: Partial<WorkerReport> = {}): WorkerReport {
  const counted = { streaming: 1, upgraded: 1, available: true, ejected: true, ejections: requests };
  const target = { id: 'a', inFlight: 3, codes: { 200: requests }, ...counted };
  const durations = { counts: [requests, 0, 1], sumMs: requests * 2 };
  const pool = { id: 'blue', targets: [target], durations, picked: requests, queued: 1, clients: Uint8Array.of(requests, 1) };
  const mirror = { pool: 'shadow', sent: requests, dropped: { busy: requests }, inFlight: 1 };
  return {
    revision: 3,
    connections: 2,
    acceptPauses: requests,
    inFlight: 3,
    services: [{ id: 'demo', pools: [pool], retries: 1, retriesRefused: 3, rescued: 1, decisions: { split: requests }, mirrors: [mirror] }],
    terminations: { no_route: requests },
    ...more,
  };
}

const requestsIn = ({ services }: WorkerReport): number => services[0]?.pools[0]?.targets[0]?.codes['200'] ?? 0;

test('totals of workers are added up place by place', () => {
  expect(mergeReports([report(1), report(10, { revision: 2, terminations: { no_route: 1, timeout: 5 } })])).toEqual({
    revision: 2,
    connections: 4,
    acceptPauses: 11,
    inFlight: 6,
    services: [
      {
        id: 'demo',
        pools: [
          {
            id: 'blue',
            targets: [
              { id: 'a', inFlight: 6, streaming: 2, upgraded: 2, available: true, ejected: true, ejections: 11, codes: { 200: 11 } },
            ],
            durations: { counts: [11, 0, 2], sumMs: 22 },
            picked: 11,
            queued: 2,
            clients: Uint8Array.of(10, 1),
          },
        ],
        retries: 2,
        retriesRefused: 6,
        rescued: 2,
        decisions: { split: 11 },
        mirrors: [{ pool: 'shadow', sent: 11, dropped: { busy: 11 }, inFlight: 2 }],
      },
    ],
    terminations: { no_route: 2, timeout: 5 },
  });
});

test('what a dead worker had open is not open any more; what it finished still counts', () => {
  const merged = mergeReports([], [report(7)]);
  expect(merged).toMatchObject({ revision: 0, connections: 0, inFlight: 0, terminations: { no_route: 7 } });
  const [service] = merged.services;
  expect(service?.pools[0]).toMatchObject({ picked: 7, queued: 0, clients: Uint8Array.of(7, 1) });
  expect(service?.pools[0]?.targets).toEqual([
    { id: 'a', inFlight: 0, streaming: 0, upgraded: 0, available: false, ejected: false, ejections: 7, codes: { 200: 7 } },
  ]);
  expect(service?.mirrors).toEqual([{ pool: 'shadow', sent: 7, dropped: { busy: 7 }, inFlight: 0 }]);
});

test('services, pools and targets that only some workers know are kept', () => {
  const other = report(5, {
    services: [{ id: 'other', pools: [], retries: 4, retriesRefused: 0, rescued: 0, decisions: {}, mirrors: [] }],
  });
  expect(mergeReports([report(1), other]).services.map((service) => [service.id, service.retries])).toEqual([
    ['demo', 1],
    ['other', 4],
  ]);
});

test('counts never run backwards: not when a worker is stuck, not when it dies, not when another takes its place', async () => {
  const fleet = new TestFleet();
  const census = new Census(fleet);
  const totals: number[] = [];
  const read = async (): Promise<void> => void totals.push(requestsIn((await census.read(100)).totals));

  fleet.reports.set(1, report(10)).set(2, report(20));
  await read();
  fleet.stuck.add(2);
  fleet.reports.set(1, report(11));
  await read();
  fleet.replace(2); // what it said last, 20, has departed
  await read();
  fleet.stuck.delete(2);
  fleet.reports.set(2, report(3));
  await read();
  expect(totals).toEqual([30, 31, 31, 34]);
});

test('counts do not run backwards either when control itself comes back while a worker is stuck', async () => {
  const fleet = new TestFleet();
  fleet.reports.set(1, report(11)).set(2, report(20));
  fleet.stuck.add(2);
  for (const { id, pid } of fleet.workers()) fleet.before.set(pid, report(id * 10));
  expect(requestsIn((await new Census(fleet).read(100)).totals)).toBe(31);
});

test('a worker that dies while the others are being asked is counted once', async () => {
  const fleet = new TestFleet();
  const census = new Census(fleet);
  fleet.reports.set(1, report(10)).set(2, report(20));
  const collect = fleet.collect.bind(fleet);
  fleet.collect = async () => {
    const answers = await collect();
    fleet.replace(2);
    return answers;
  };
  const reading = await census.read(100);
  expect(requestsIn(reading.totals)).toBe(30);
  expect(reading.workers.map(({ id, pid, report: said }) => [id, pid, said === undefined])).toEqual([
    [1, 101, false],
    [2, 1102, true],
  ]);
});

test('a reading that was held up does not bring back old numbers', async () => {
  const fleet = new TestFleet(1);
  const census = new Census(fleet);
  fleet.reports.set(1, report(10));
  const { promise: heldUp, resolve: goOn } = Promise.withResolvers<void>();
  const collect = fleet.collect.bind(fleet);
  fleet.collect = async () => {
    const answers = await collect();
    await heldUp;
    return answers;
  };
  const early = census.read(100);
  fleet.collect = collect;
  fleet.reports.set(1, report(11));
  expect(requestsIn((await census.read(100)).totals)).toBe(11);
  goOn();
  expect(requestsIn((await early).totals)).toBe(11);
  expect(requestsIn((await census.read(100)).totals)).toBe(11);
});
