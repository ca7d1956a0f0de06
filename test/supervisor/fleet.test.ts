import { beforeEach, describe, expect, test, vi } from 'vitest';
import { ChannelFleet } from '../../src/supervisor/fleet.ts';
import type { FromControl, WorkerInfo } from '../../src/supervisor/messages.ts';
import { noConditions } from '../../src/core/conditions.ts';
import type { ToldText } from '../../src/supervisor/telling-text.ts';
import { nothingNew, reportOf, requestsIn, snapshotOf, TestLog, toldOf } from './support.ts';

const one: WorkerInfo = { id: 1, pid: 11, revision: 1, handed: 1 };
const two: WorkerInfo = { id: 2, pid: 12, revision: 1, handed: 1 };

let sent: FromControl[];

function fleetOf(...workers: WorkerInfo[]): ChannelFleet {
  return fleetAfter(new Map(), ...workers);
}

/** @param told to the control process before this one */
function fleetAfter(told: ReadonlyMap<number, readonly ToldText[]>, ...workers: WorkerInfo[]): ChannelFleet {
  return new ChannelFleet((message) => void sent.push(message), {
    kind: 'welcome',
    setup: undefined,
    supervisorPid: 10,
    workers,
    departed: undefined,
    told,
    admin: undefined,
    serving: true,
    conditions: noConditions,
    edition: 1,
    addresses: new Map([['app.internal', ['10.0.0.1']]]),
    files: new Map([['/etc/a.crt', ['cert']]]),
  });
}

/** In most of these tests each revision is published once, so that the numbers are the same. */
const applied = (worker: WorkerInfo, revision: number, edition = revision) =>
  ({ kind: 'applied', worker: worker.id, pid: worker.pid, revision, edition, ms: 0.5 }) as const;
const published = (edition: number) => ({ kind: 'published', edition }) as const;
const report = (worker: WorkerInfo, ticket: number, requests = 1) =>
  ({ kind: 'report', worker: worker.id, pid: worker.pid, ticket, told: toldOf(requests) }) as const;

/** Whether a promise is fulfilled when all that can happen without time has happened. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  void promise.then(() => (settled = true));
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  return settled;
}

beforeEach(() => {
  sent = [];
  vi.useFakeTimers();
  return () => vi.useRealTimers();
});

describe('publish', () => {
  test('resolves when every worker has applied it, with how long each took', async () => {
    const fleet = fleetOf(one, two);
    const publishing = fleet.publish(snapshotOf(2), 1000);
    expect(sent).toEqual([{ kind: 'publish', snapshot: snapshotOf(2), edition: 2 }]);
    fleet.hear(published(2));
    fleet.hear(applied(two, 2));
    expect(await isSettled(publishing)).toBe(false);
    fleet.hear(applied(one, 2));
    expect(await publishing).toEqual({
      applied: [
        { worker: 1, ms: 0.5 },
        { worker: 2, ms: 0.5 },
      ],
      stragglers: [],
    });
    expect(fleet.workers().map(({ revision }) => revision)).toEqual([2, 2]);
  });

  test('names those that have not applied it in time', async () => {
    const fleet = fleetOf(one, two);
    const publishing = fleet.publish(snapshotOf(2), 1000);
    fleet.hear(published(2));
    fleet.hear(applied(one, 2));
    vi.advanceTimersByTime(1000);
    expect(await publishing).toEqual({ applied: [{ worker: 1, ms: 0.5 }], stragglers: [{ worker: 2, pid: 12 }] });
  });

  test('an earlier revision, applied late, does not count', async () => {
    const fleet = fleetOf(one);
    void fleet.publish(snapshotOf(2), 1000);
    const publishing = fleet.publish(snapshotOf(3), 1000);
    fleet.hear(published(3));
    fleet.hear(applied(one, 2));
    expect(await isSettled(publishing)).toBe(false);
    // A later one does: the worker has skipped this one, and will not go back to what was before it.
    fleet.hear(applied(one, 4));
    expect((await publishing).applied).toHaveLength(1);
  });

  test('does not wait for a worker that dies', async () => {
    const fleet = fleetOf(one, two);
    const publishing = fleet.publish(snapshotOf(2), 1000);
    fleet.hear(published(2));
    fleet.hear(applied(one, 2));
    fleet.hear({ kind: 'workerDown', worker: 2, pid: 12, departed: undefined });
    expect(await publishing).toMatchObject({ applied: [{ worker: 1 }], stragglers: [] });
  });

  test('waits for a worker that starts meanwhile and was handed an older revision', async () => {
    const fleet = fleetOf(one);
    const publishing = fleet.publish(snapshotOf(2), 1000);
    fleet.hear({ kind: 'workerUp', worker: { id: 2, pid: 22, revision: 0, handed: 1 } });
    fleet.hear(published(2));
    fleet.hear(applied(one, 2));
    fleet.hear(applied({ ...two, pid: 22 }, 1));
    expect(await isSettled(publishing)).toBe(false);
    fleet.hear(applied({ ...two, pid: 22 }, 2));
    expect((await publishing).applied.map(({ worker }) => worker)).toEqual([1, 2]);
  });

  test('does not wait for one that starts with the new revision: it handles nothing before it has applied it', async () => {
    const fleet = fleetOf(one);
    const publishing = fleet.publish(snapshotOf(2), 1000);
    fleet.hear(published(2));
    fleet.hear({ kind: 'workerUp', worker: { id: 2, pid: 22, revision: 0, handed: 2 } });
    fleet.hear(applied(one, 2));
    expect((await publishing).stragglers).toEqual([]);
  });

  test('with nobody there, it is done only when the supervisor would hand it to whoever comes', async () => {
    const fleet = fleetOf();
    const publishing = fleet.publish(snapshotOf(2), 1000);
    expect(await isSettled(publishing)).toBe(false);
    fleet.hear(published(2));
    expect(await publishing).toEqual({ applied: [], stragglers: [] });
  });

  test('a replacement in the same slot is somebody else', async () => {
    const fleet = fleetOf(one);
    fleet.hear({ kind: 'workerDown', worker: 1, pid: 11, departed: undefined });
    fleet.hear({ kind: 'workerUp', worker: { id: 1, pid: 21, revision: 0, handed: 1 } });
    const publishing = fleet.publish(snapshotOf(2), 1000);
    fleet.hear(published(2));
    fleet.hear(applied(one, 2));
    vi.advanceTimersByTime(1000);
    expect((await publishing).stragglers).toEqual([{ worker: 1, pid: 21 }]);
  });
});

describe('a refresh, which publishes a revision once more,', () => {
  test('waits for what it has sent, not for what was sent before under the same number', async () => {
    const fleet = fleetOf(one, two);
    const first = fleet.publish(snapshotOf(2), 1000);
    const again = fleet.publish(snapshotOf(2), 1000);
    fleet.hear(published(2));
    fleet.hear(published(3));
    for (const worker of [one, two]) fleet.hear(applied(worker, 2, 2));
    expect((await first).applied).toHaveLength(2);
    expect(await isSettled(again)).toBe(false);
    fleet.hear(applied(one, 2, 3));
    vi.advanceTimersByTime(1000);
    expect(await again).toEqual({ applied: [{ worker: 1, ms: 0.5 }], stragglers: [{ worker: 2, pid: 12 }] });
  });

  test('answers for what was sent before it: a worker that was busy has skipped that', async () => {
    const fleet = fleetOf(one);
    const first = fleet.publish(snapshotOf(2), 1000);
    const again = fleet.publish(snapshotOf(2), 1000);
    fleet.hear(published(2));
    fleet.hear(published(3));
    fleet.hear(applied(one, 2, 3));
    expect([(await first).stragglers, (await again).stragglers]).toEqual([[], []]);
  });

  test('waits for a worker that starts meanwhile with what was sent before', async () => {
    const fleet = fleetOf(one);
    const publishing = fleet.publish(snapshotOf(1), 1000);
    fleet.hear({ kind: 'workerUp', worker: { id: 2, pid: 22, revision: 0, handed: 1 } });
    fleet.hear(published(2));
    fleet.hear(applied(one, 1, 2));
    fleet.hear(applied({ ...two, pid: 22 }, 1, 1));
    expect(await isSettled(publishing)).toBe(false);
    fleet.hear(applied({ ...two, pid: 22 }, 1, 2));
    expect((await publishing).applied.map(({ worker }) => worker)).toEqual([1, 2]);
  });

  test('by a control process that has come back is not mistaken for one by the process before it', async () => {
    const fleet = fleetOf(one);
    const publishing = fleet.publish(snapshotOf(1), 1000);
    expect(sent).toEqual([{ kind: 'publish', snapshot: snapshotOf(1), edition: 2 }]);
    // What the supervisor and a slow worker still say about the last publish of the process before.
    fleet.hear(published(1));
    fleet.hear(applied(one, 1, 1));
    expect(await isSettled(publishing)).toBe(false);
    fleet.hear(applied(one, 1, 2));
    expect(await isSettled(publishing)).toBe(false);
    fleet.hear(published(2));
    expect((await publishing).applied).toHaveLength(1);
  });

  test('is late at a worker until that has applied it, whatever it applies before', async () => {
    const log = new TestLog();
    const fleet = fleetOf(one);
    fleet.logTo(log);
    void fleet.publish(snapshotOf(1), 1000);
    vi.advanceTimersByTime(1000);
    fleet.hear(applied(one, 1, 1));
    expect(log.lines.map(({ level }) => level)).toEqual(['warn']);
    fleet.hear(applied(one, 1, 2));
    expect(log.lines.map(({ level }) => level)).toEqual(['warn', 'info']);
  });
});

test('what names had been resolved to is known to a control process that comes back', () => {
  expect([...fleetOf().addressesBefore()]).toEqual([['app.internal', ['10.0.0.1']]]);
});

test('what stood in files is known to a control process that comes back', () => {
  expect([...fleetOf().filesBefore()]).toEqual([['/etc/a.crt', ['cert']]]);
});

describe('collect', () => {
  test('gives what everybody answered, and leaves out who did not in time', async () => {
    const fleet = fleetOf(one, two);
    const collecting = fleet.collect(500);
    expect(sent).toEqual([{ kind: 'collect', ticket: 1 }]);
    fleet.hear(report(one, 1, 7));
    vi.advanceTimersByTime(500);
    const reports = await collecting;
    expect([...reports.keys()]).toEqual([1]);
    expect(requestsIn(reports.get(1))).toBe(7);
  });

  test('an answer to an earlier question is too old, one to a later question is not', async () => {
    const fleet = fleetOf(one);
    const first = fleet.collect(500);
    const second = fleet.collect(500);
    fleet.hear(report(one, 1, 1));
    expect(requestsIn((await first).get(1))).toBe(1);
    expect(await isSettled(second)).toBe(false);
    const third = fleet.collect(500);
    fleet.hear(report(one, 3, 3));
    expect(requestsIn((await second).get(1))).toBe(3);
    expect(requestsIn((await third).get(1))).toBe(3);
  });

  test('gives everything, also where a worker only tells what has changed, or told it before anybody asked', async () => {
    const fleet = fleetAfter(new Map([[one.pid, [toldOf(5), toldOf(6, false)]]]), one, two);
    expect(requestsIn(fleet.toldBefore().get(one.pid))).toBe(6);
    fleet.hear(report(two, 0, 3));
    const collecting = fleet.collect(500);
    for (const worker of [one, two]) fleet.hear({ ...report(worker, 1), told: nothingNew });
    const reports = await collecting;
    expect([1, 2].map((id) => requestsIn(reports.get(id)))).toEqual([6, 3]);
    expect(requestsIn(fleet.toldBefore().get(one.pid))).toBe(6);
  });

  test('does not wait for a worker that dies, whose totals are departed', async () => {
    const fleet = fleetOf(one);
    const collecting = fleet.collect(500);
    fleet.hear({ kind: 'workerDown', worker: 1, pid: 11, departed: reportOf(5) });
    expect((await collecting).size).toBe(0);
    expect(fleet.departed().map(requestsIn)).toEqual([5]);
  });

  test('with nobody there it is done at once', async () => {
    expect((await fleetOf().collect(500)).size).toBe(0);
  });
});
