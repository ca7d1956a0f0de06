import { beforeEach, describe, expect, test, vi } from 'vitest';
import { type Conditions, noConditions } from '../../src/core/conditions.ts';
import type { ToWorker } from '../../src/supervisor/messages.ts';
import { Supervisor } from '../../src/supervisor/supervisor.ts';
import { nothingNew, requestsIn, snapshotOf, TestForks, TestLog, TestSockets, toldOf } from './support.ts';

const admin = { host: '127.0.0.1', port: 8081 };
const listeners = [{ name: 'web', host: '127.0.0.1', port: 8080 }];

let forks: TestForks;
let log: TestLog;
let supervisor: Supervisor;
let sockets: TestSockets;

beforeEach(() => {
  vi.useFakeTimers();
  forks = new TestForks();
  log = new TestLog();
  sockets = new TestSockets(listeners);
  supervisor = new Supervisor({ forks, sockets, workers: 2, setup: { worker: 'for workers', control: 'for control' }, log, pid: 1 });
  return () => vi.useRealTimers();
});

const control = () => forks.controls.at(-1)!;
const worker = (id: number) => forks.workers.findLast((entry) => entry.id === id)!.child;
/** Without the news of how busy everybody is, which comes when it comes. */
const kindsSent = (id: number) =>
  worker(id)
    .sent.map(({ kind }) => kind)
    .filter((kind) => kind !== 'loads');
const lastSent = (id: number): ToWorker | undefined => worker(id).sent.findLast(({ kind }) => kind !== 'loads');

/** Everybody does what is expected of them. */
async function startUp() {
  const started = supervisor.start();
  control().say({ kind: 'hello' });
  for (const id of [1, 2]) worker(id).say({ kind: 'hello' });
  control().say({ kind: 'publish', snapshot: snapshotOf(1), edition: 1 });
  for (const id of [1, 2]) {
    worker(id).say({ kind: 'applied', revision: 1, edition: 1, ms: 1 });
    worker(id).say({ kind: 'listening' });
  }
  control().say({ kind: 'ready', admin });
  return started;
}

describe('the start', () => {
  test('is over when every worker listens and the admin API answers', async () => {
    expect(await startUp()).toEqual({ listeners, admin });
    expect(control().sent.map(({ kind }) => kind)).toEqual([
      'welcome',
      'workerUp',
      'workerUp',
      'published',
      'applied',
      'applied',
      'serving',
    ]);
  });

  test('fails as a whole with what the first part says, and leaves nobody', async () => {
    const started = supervisor.start();
    control().say({ kind: 'hello' });
    control().say({ kind: 'failed', message: 'The admin API cannot listen on 127.0.0.1:8081.' });
    await expect(started).rejects.toThrow('The admin API cannot listen on 127.0.0.1:8081.');
    expect(worker(1).signals).toEqual(['SIGKILL']);
    expect(worker(2).signals).toEqual(['SIGKILL']);
    vi.runAllTimers();
    expect([forks.workers.length, forks.controls.length]).toEqual([2, 1]);
  });

  test('fails when a part ends without a word', async () => {
    const started = supervisor.start();
    worker(2).die({ code: null, signal: 'SIGSEGV' });
    await expect(started).rejects.toThrow('Worker 2 ended while it started (signal SIGSEGV)');
  });

  test('fails when a part neither becomes ready nor ends, names it, and leaves nobody', async () => {
    const started = supervisor.start();
    control().say({ kind: 'hello' });
    worker(1).say({ kind: 'listening' });
    vi.advanceTimersByTime(30_000);
    await expect(started).rejects.toThrow('Sluice was not ready after 30 s: control, worker 2 did not finish starting.');
    for (const child of [control(), worker(1), worker(2)]) expect(child.signals).toEqual(['SIGKILL']);
    expect(sockets.closed).toBe(true);
  });

  test('that has succeeded is not judged again', async () => {
    await startUp();
    vi.advanceTimersByTime(60_000);
    expect([control(), worker(1), worker(2)].flatMap(({ signals }) => signals)).toEqual([]);
  });
});

describe('publishing', () => {
  test('a worker that says hello later gets the snapshot with its welcome, control or no control', async () => {
    await startUp();
    control().say({ kind: 'publish', snapshot: snapshotOf(2), edition: 2 });
    control().die();
    worker(1).die();
    vi.advanceTimersByTime(0);
    worker(1).say({ kind: 'hello' });
    expect(lastSent(1)).toEqual({
      kind: 'welcome',
      worker: 1,
      workers: 2,
      setup: 'for workers',
      sockets: new Map([['web', 4]]),
      snapshot: snapshotOf(2),
      edition: 2,
      conditions: noConditions,
    });
  });

  describe('what is known about targets', () => {
    const ill = { service: 'shop', pool: 'blue', target: 't1', health: 'unhealthy', factor: 1, told: 'ready' } as const;
    const conditions = (...targets: Conditions['targets']): Conditions => ({ targets });

    test('is told to workers that start later, and to the next control process', async () => {
      await startUp();
      control().say({ kind: 'inform', conditions: conditions(ill) });
      worker(1).die();
      control().die();
      vi.advanceTimersByTime(0);
      worker(1).say({ kind: 'hello' });
      control().say({ kind: 'hello' });
      expect(lastSent(1)).toMatchObject({ kind: 'welcome', conditions: conditions(ill) });
      expect(control().sent.at(-1)).toMatchObject({ kind: 'welcome', conditions: conditions(ill) });
    });

    test('does not pile up at a worker that does not answer', async () => {
      await startUp();
      control().say({ kind: 'inform', conditions: conditions(ill) });
      for (const factor of [0.1, 0.2, 0.3]) control().say({ kind: 'inform', conditions: conditions({ ...ill, factor }) });
      expect(kindsSent(1).filter((kind) => kind === 'inform')).toHaveLength(1);
      worker(1).say({ kind: 'informed' });
      expect(lastSent(1)).toEqual({ kind: 'inform', conditions: conditions({ ...ill, factor: 0.3 }) });
    });

    test('is never overtaken by a snapshot that was published after it', async () => {
      await startUp();
      control().say({ kind: 'inform', conditions: conditions() });
      control().say({ kind: 'inform', conditions: conditions(ill) });
      control().say({ kind: 'publish', snapshot: snapshotOf(2), edition: 2 });
      expect(kindsSent(1).slice(-3)).toEqual(['inform', 'inform', 'publish']);
    });
  });

  test('a worker that does not answer gets the newest snapshot when it does, and not those between', async () => {
    await startUp();
    for (const revision of [2, 3, 4, 5]) control().say({ kind: 'publish', snapshot: snapshotOf(revision), edition: revision });
    expect(kindsSent(1)).toEqual(['welcome', 'publish', 'publish']);
    worker(1).say({ kind: 'applied', revision: 2, edition: 2, ms: 1 });
    expect(lastSent(1)).toEqual({ kind: 'publish', snapshot: snapshotOf(5), edition: 5 });
    worker(1).say({ kind: 'notApplied', revision: 5 });
    control().say({ kind: 'publish', snapshot: snapshotOf(6), edition: 6 });
    expect(lastSent(1)).toEqual({ kind: 'publish', snapshot: snapshotOf(6), edition: 6 });
  });

  test('questions do not pile up either', async () => {
    await startUp();
    for (const ticket of [1, 2, 3]) control().say({ kind: 'collect', ticket });
    expect(kindsSent(1).filter((kind) => kind === 'collect')).toHaveLength(1);
    worker(1).say({ kind: 'report', ticket: 1, told: toldOf(1) });
    expect(lastSent(1)).toEqual({ kind: 'collect', ticket: 3 });
  });

  test('a new control process learns what the one before it knew', async () => {
    await startUp();
    control().say({ kind: 'publish', snapshot: snapshotOf(2), edition: 2 });
    worker(1).say({ kind: 'applied', revision: 2, edition: 2, ms: 1 });
    control().die();
    vi.advanceTimersByTime(0);
    control().say({ kind: 'hello' });
    expect(control().sent).toEqual([
      {
        kind: 'welcome',
        setup: 'for control',
        supervisorPid: 1,
        workers: [
          { id: 1, pid: worker(1).pid, revision: 2, handed: 2 },
          { id: 2, pid: worker(2).pid, revision: 1, handed: 2 },
        ],
        departed: undefined,
        told: new Map([
          [worker(1).pid, []],
          [worker(2).pid, []],
        ]),
        admin,
        serving: true,
        conditions: noConditions,
        edition: 2,
        addresses: new Map(),
        files: new Map(),
      },
    ]);
  });

  test('a new control process learns what names had been resolved to in what was published last', async () => {
    await startUp();
    const addresses = new Map([['app.internal', ['10.0.0.1', '10.0.0.2']]]);
    const files = new Map([['/etc/a.crt', ['cert']]]);
    control().say({ kind: 'publish', snapshot: { ...snapshotOf(1), addresses, files }, edition: 2 });
    control().die();
    vi.advanceTimersByTime(0);
    control().say({ kind: 'hello' });
    expect(control().sent[0]).toMatchObject({ kind: 'welcome', edition: 2, addresses, files });
  });

  test('what a control process said that has gone counts until the next one comes, and no longer', async () => {
    await startUp();
    const gone = control();
    gone.die();
    vi.advanceTimersByTime(0);
    gone.say({ kind: 'publish', snapshot: snapshotOf(2), edition: 2 });
    control().say({ kind: 'hello' });
    expect(control().sent[0]).toMatchObject({ kind: 'welcome', edition: 2 });
    gone.say({ kind: 'publish', snapshot: snapshotOf(3), edition: 3 });
    worker(1).die();
    vi.advanceTimersByTime(0);
    worker(1).say({ kind: 'hello' });
    expect(lastSent(1)).toMatchObject({ kind: 'welcome', snapshot: snapshotOf(2) });
  });

  test('control hears which edition a worker has applied, and which is handed to those that come', async () => {
    await startUp();
    control().say({ kind: 'publish', snapshot: snapshotOf(1), edition: 7 });
    worker(1).say({ kind: 'applied', revision: 1, edition: 7, ms: 1 });
    const { pid } = worker(1);
    expect(control().sent.slice(-2)).toEqual([
      { kind: 'published', edition: 7 },
      { kind: 'applied', worker: 1, pid, revision: 1, edition: 7, ms: 1 },
    ]);
    worker(2).die();
    vi.advanceTimersByTime(0);
    worker(2).say({ kind: 'hello' });
    expect(lastSent(2)).toMatchObject({ kind: 'welcome', edition: 7 });
    expect(control().sent.at(-1)).toMatchObject({ kind: 'workerUp', worker: { id: 2, handed: 7 } });
  });

  test('a worker that has told only changes since counts with all that it has told when it dies', async () => {
    await startUp();
    for (const told of [toldOf(5), toldOf(8, false), nothingNew]) worker(1).say({ kind: 'report', ticket: 1, told });
    worker(1).die();
    const down = control().sent.findLast((message) => message.kind === 'workerDown');
    expect(down?.kind === 'workerDown' && requestsIn(down.departed)).toBe(8);
  });

  test('a new control process hears what workers have told since they last told everything; the one that is there, everything at once', async () => {
    await startUp();
    for (const told of [toldOf(5), nothingNew, toldOf(8), toldOf(9, false)]) worker(1).say({ kind: 'report', ticket: 1, told });
    // The last word of a worker that leaves: later tellings would build on it.
    worker(1).say({ kind: 'report', ticket: 0, told: nothingNew });
    const passedOn = control().sent.flatMap((message) => (message.kind === 'report' ? [message.told] : []));
    expect(passedOn).toEqual([toldOf(5), nothingNew, toldOf(8), toldOf(9, false), nothingNew]);
    control().die();
    vi.advanceTimersByTime(0);
    control().say({ kind: 'hello' });
    const [welcome] = control().sent;
    expect(welcome?.kind === 'welcome' && welcome.told.get(worker(1).pid)).toEqual([toldOf(8), toldOf(9, false), nothingNew]);
  });

  test('what dead workers have counted is kept as one sum', async () => {
    await startUp();
    for (const requests of [5, 7]) {
      control().say({ kind: 'collect', ticket: requests });
      worker(1).say({ kind: 'report', ticket: requests, told: toldOf(requests) });
      worker(1).die();
      vi.advanceTimersByTime(10_000);
      worker(1).say({ kind: 'hello' });
    }
    const down = control().sent.findLast((message) => message.kind === 'workerDown');
    expect(down?.kind === 'workerDown' && requestsIn(down.departed)).toBe(12);
  });
});

describe('a process that dies', () => {
  test('is replaced at once, in the same place', async () => {
    await startUp();
    worker(2).die({ code: null, signal: 'SIGKILL' });
    vi.advanceTimersByTime(0);
    expect(forks.workers.map(({ id }) => id)).toEqual([1, 2, 2]);
    expect(log.lines.at(-1)).toMatchObject({
      level: 'warn',
      fields: { place: 'worker 2', how: 'signal SIGKILL', restartInMs: 0 },
      message: 'a process ended unexpectedly; another takes its place',
    });
  });

  test('and keeps dying is replaced after growing delays, with one line each', async () => {
    await startUp();
    const delays: number[] = [];
    for (let death = 1; death <= 5; death++) {
      worker(1).die({ code: 1, signal: null });
      expect(log.lines.at(-1)!.fields).toMatchObject({ place: 'worker 1', how: 'exit code 1', earlyDeaths: death });
      const delayMs = Number(log.lines.at(-1)!.fields['restartInMs']);
      delays.push(delayMs);
      vi.advanceTimersByTime(delayMs);
    }
    expect(delays).toEqual([0, 250, 500, 1000, 2000]);
    expect(log.lines.filter(({ level }) => level === 'error')).toHaveLength(4);
    // The other one goes on undisturbed.
    expect(forks.workers.filter(({ id }) => id === 2)).toHaveLength(1);
    // One that has lived long enough starts afresh.
    vi.advanceTimersByTime(5000);
    worker(1).die();
    expect(log.lines.at(-1)!.fields).toMatchObject({ earlyDeaths: 0, restartInMs: 0 });
  });

  test('that cannot even be started is tried again', async () => {
    await startUp();
    const fork = forks.worker.bind(forks);
    forks.worker = () => {
      throw new Error('spawn EAGAIN');
    };
    worker(1).die();
    vi.advanceTimersByTime(0);
    expect(log.lines.at(-1)).toMatchObject({ level: 'error', fields: { how: 'spawn EAGAIN', restartInMs: 250 } });
    forks.worker = fork;
    vi.advanceTimersByTime(250);
    expect(forks.workers.filter(({ id }) => id === 1)).toHaveLength(2);
  });
});

describe('stopping', () => {
  test('tells control, lets workers finish, and lets control go last', async () => {
    await startUp();
    const stopped = supervisor.stop(30_000);
    expect(control().sent.at(-1)).toEqual({ kind: 'draining' });
    expect(sockets.closed).toBe(true);
    for (const id of [1, 2]) expect(lastSent(id)).toEqual({ kind: 'drain', deadlineMs: 30_000 });
    worker(1).die({ code: 0, signal: null });
    expect(control().sent.at(-1)).toMatchObject({ kind: 'workerDown' });
    worker(2).die({ code: 0, signal: null });
    await vi.advanceTimersByTimeAsync(0);
    expect(control().sent.at(-1)).toEqual({ kind: 'leave' });
    control().die({ code: 0, signal: null });
    await stopped;
    vi.runAllTimers();
    expect([forks.workers.length, forks.controls.length]).toEqual([2, 1]);
  });

  test('kills who does not go in time, and says so', async () => {
    await startUp();
    const stopped = supervisor.stop(30_000);
    worker(1).die({ code: 0, signal: null });
    await vi.advanceTimersByTimeAsync(35_000);
    expect(worker(2).signals).toEqual(['SIGKILL']);
    await vi.advanceTimersByTimeAsync(5000);
    expect(control().signals).toEqual(['SIGKILL']);
    await stopped;
    expect(log.lines.filter(({ message }) => message === 'a process did not stop in time and is killed')).toHaveLength(2);
  });
});

test('a listening socket goes back to the worker that wants a copy of it, and where none has come the worker is told', async () => {
  await startUp();
  const socket = { close: vi.fn<() => void>() };
  worker(2).say({ kind: 'copySocket', ticket: 1 }, socket);
  expect([worker(2).sent.at(-1), worker(2).handles]).toEqual([{ kind: 'socketCopy', ticket: 1 }, [socket]]);
  worker(2).say({ kind: 'copySocket', ticket: 2 });
  expect([worker(2).sent.at(-1), worker(2).handles]).toEqual([{ kind: 'socketCopy', ticket: 2 }, [socket]]);
});

describe('a connection that had better be served elsewhere', () => {
  const handle = () => ({ close: vi.fn<() => void>() });

  test('goes to the worker that it is meant for', async () => {
    await startUp();
    const connection = handle();
    worker(1).say({ kind: 'handOver', to: 2, listener: 'web', fullAt: [1] }, connection);
    expect(worker(2).sent.at(-1)).toEqual({ kind: 'adopt', listener: 'web', fullAt: [1] });
    expect(worker(2).handles).toEqual([connection]);
  });

  test('comes back to the one that accepted it where the other has died meanwhile', async () => {
    await startUp();
    const connection = handle();
    worker(2).die();
    worker(1).say({ kind: 'handOver', to: 2, listener: 'web', fullAt: [1] }, connection);
    expect(worker(1).handles).toEqual([connection]);
  });

  test('is never sent to one that has not told how busy it is for a while: it may be stuck', async () => {
    await startUp();
    const rooms = new Map([['web', 10]]);
    worker(1).say({ kind: 'load', connections: 5, rooms });
    vi.advanceTimersByTime(1000);
    worker(1).say({ kind: 'load', connections: 6, rooms });
    vi.advanceTimersByTime(100);
    expect(worker(1).sent.at(-1)).toEqual({ kind: 'loads', loads: [{ worker: 1, connections: 6, rooms }] });
  });
});
