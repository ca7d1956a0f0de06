import type { Socket } from 'node:net';
import { beforeEach, expect, test } from 'vitest';
import type { WorkerLoad } from '../../src/core/worker-balance.ts';
import { WorkerBalance } from '../../src/supervisor/hand-over.ts';
import type { FromWorker } from '../../src/supervisor/messages.ts';

let sent: FromWorker[];
let balance: WorkerBalance;

beforeEach(() => {
  sent = [];
  balance = new WorkerBalance({
    send: (message) => {
      sent.push(message);
      return Promise.resolve();
    },
    onMessage: () => {},
    onLost: () => {},
  });
});

/** All that is asked of it. */
const socket = { _handle: { close: () => {} }, destroy: () => {} } as unknown as Socket;

const load = (worker: number, room: number, connections = 0): WorkerLoad => ({ worker, connections, rooms: new Map([['web', room]]) });

/** How many of a hundred are handed over. */
const spread = (): number => Array.from({ length: 100 }, () => balance.spread(socket, 'web', 1000)).filter(Boolean).length;

test('to spread the load no worker gives another more than its part of half of the room, until news says what has become of it', () => {
  balance.hear([load(1, 0), load(2, 40)], 1);
  expect(spread()).toBe(10);
  // The news may be older than the ten.
  balance.hear([load(1, 0), load(2, 40)], 1);
  expect(spread()).toBe(0);
  balance.hear([load(1, 0), load(2, 40)], 1);
  expect(spread()).toBe(10);
});

test('where there is no limit, the load is spread as it should be', () => {
  balance.hear([load(1, Infinity), load(2, Infinity)], 1);
  expect(spread()).toBe(100);
});

test('a connection without a place goes where there is room, as long as that lasts, and tells where there was none', () => {
  balance.hear([load(1, 0), load(2, 2), load(3, 1, 50), load(4, 9)], 1);
  const found = Array.from({ length: 4 }, () => balance.makeRoom(socket, 'web', [4]));
  expect(found).toEqual([true, true, true, false]);
  expect(sent).toEqual([2, 2, 3].map((to) => ({ kind: 'handOver', to, listener: 'web', fullAt: [4, 1] })));
  expect(balance.makeRoom(socket, 'another', [])).toBe(false);
});
