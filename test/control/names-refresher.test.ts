import { beforeEach, expect, test, vi } from 'vitest';
import { refreshGapMs, Refresher } from '../../src/control/names/refresher.ts';
import { TestLog } from './support.ts';

let log: TestLog;
let refreshes: PromiseWithResolvers<void>[];
let refresher: Refresher;

beforeEach(() => {
  vi.useFakeTimers();
  log = new TestLog();
  refreshes = [];
  const refresh = (): Promise<void> => {
    const refreshing = Promise.withResolvers<void>();
    refreshes.push(refreshing);
    return refreshing.promise;
  };
  refresher = new Refresher({ refresh, log });
  return () => vi.useRealTimers();
});

test('a hundred names that are resolved one after the other are one refresh', () => {
  for (let name = 0; name < 100; name++) refresher.request();
  vi.advanceTimersByTime(refreshGapMs - 1);
  expect(refreshes).toHaveLength(0);
  refresher.request();
  vi.advanceTimersByTime(1);
  expect(refreshes).toHaveLength(1);
  vi.runAllTimers();
  expect(refreshes).toHaveLength(1);
});

test('names that go on changing are not put off for ever', () => {
  for (let ms = 0; ms < 10 * refreshGapMs; ms++) {
    refresher.request();
    vi.advanceTimersByTime(1);
  }
  expect(refreshes).toHaveLength(10);
});

test('a refresh that still waits for a worker does not hold up the next', () => {
  refresher.request();
  vi.advanceTimersByTime(refreshGapMs);
  refresher.request();
  vi.advanceTimersByTime(refreshGapMs);
  expect(refreshes).toHaveLength(2);
});

test('what was requested is in the refresh that comes at once', () => {
  refresher.request();
  void refresher.now();
  expect(refreshes).toHaveLength(1);
  vi.runAllTimers();
  expect(refreshes).toHaveLength(1);
});

test('one that fails is logged, and the next is tried all the same', async () => {
  const cause = new TypeError('a bug');
  const now = refresher.now();
  refreshes[0]!.reject(cause);
  await now;
  expect(log.lines).toEqual([
    {
      level: 'error',
      fields: { err: cause },
      message: 'what has changed could not be published; what was published before stays in force',
    },
  ]);
  refresher.request();
  vi.advanceTimersByTime(refreshGapMs);
  expect(refreshes).toHaveLength(2);
});

test('nothing is refreshed any more when it is closed', async () => {
  refresher.request();
  refresher.close();
  vi.runAllTimers();
  refresher.request();
  vi.runAllTimers();
  await refresher.now();
  expect(refreshes).toHaveLength(0);
});
