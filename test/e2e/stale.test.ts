import { expect, test } from 'vitest';
import { accountOfStale } from './stale-account.ts';

// The long one is bench/stale-connections.ts.
test('POSTs that come as their target closes the connection are answered, each once', { timeout: 30_000 }, async () => {
  const account = await accountOfStale([
    { closing: 'raw', idleMs: 1000, clients: 80, posts: 4 },
    { closing: 'http', idleMs: 1000, clients: 60, posts: 4 },
    { closing: 'raw', idleMs: 2000, clients: 30, posts: 2 },
  ]);
  expect(account.answers).toEqual({ 200: 620 });
  expect(account).toMatchObject({ posts: 620, requests: 620, twice: 0 });
  // The targets have closed some first: otherwise nothing of this would mean anything.
  expect(account.closed).toBeGreaterThan(20);
});

test('also where the proxy was busy when the target closed it, and finds the POST before it finds that', { timeout: 30_000 }, async () => {
  const account = await accountOfStale([{ closing: 'raw', idleMs: 1000, clients: 1, posts: 3 }], 600);
  expect(account).toMatchObject({ answers: { 200: 3 }, requests: 3, twice: 0, closed: 2 });
});
