import { expect, test } from 'vitest';
import { openSqliteStore } from '../../src/store/sqlite.ts';
import { startChild } from './processes.ts';
import { aRevision, temporaryDirectory } from './support.ts';

test('kill -9 at any moment leaves the last acknowledged revision, whole, and nothing half-way', async () => {
  const directory = temporaryDirectory();
  let acknowledged = 0;
  for (let round = 1; round <= 25; round++) {
    const child = startChild('commit', directory);
    // The first rounds kill it around the creation of the database, later ones in the middle of more and more commits.
    if (round > 3) await child.lines(round * 2);
    else if (round > 1) await child.lines(round - 1);
    const lines = await child.kill();
    acknowledged = Number(lines.findLast((line) => line !== 'open') ?? acknowledged);

    const store = await openSqliteStore(directory);
    const latest = await store.latest();
    const number = latest?.number ?? 0;
    // A commit that was under way may have been completed: it was neither acknowledged nor refused.
    expect([acknowledged, acknowledged + 1]).toContain(number);
    expect(latest).toEqual(number === 0 ? undefined : aRevision(number));
    expect((await store.journal(1))[0]?.revision ?? 0).toBe(number);
    expect((await store.journal(1))[0]?.seq ?? 0).toBe(number);
    await store.close();
    acknowledged = number;
  }
  expect(acknowledged).toBeGreaterThan(200);
});

test('while one Sluice has the store, a second is told so; when the first is killed with -9 the next opens at once', async () => {
  const directory = temporaryDirectory();
  const first = startChild('hold', directory);
  expect(await first.lines(1)).toEqual(['open']);
  await expect(openSqliteStore(directory)).rejects.toThrow(
    `${directory}/sluice.db is in use by another running Sluice. Stop that one, or give this one a dataDir of its own.`,
  );
  await first.kill();
  const second = await openSqliteStore(directory);
  expect(await second.latest()).toBeUndefined();
  await expect(openSqliteStore(directory)).rejects.toThrow('in use by another running Sluice');
  await second.close();
});
