import { DatabaseSync } from 'node:sqlite';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openSqliteStore } from '../../src/store/sqlite.ts';
import { migrate, migrations } from '../../src/store/sqlite-schema.ts';
import { describeStore } from './contract.ts';
import { aRevision, changesOf, commitAll, temporaryDirectory } from './support.ts';

describeStore('the SQLite store', () => openSqliteStore(temporaryDirectory()));

test('a store that is closed and opened again is what it was', async () => {
  const directory = join(temporaryDirectory(), 'made', 'on', 'demand');
  const before = await openSqliteStore(directory);
  await before.commit(aRevision(1, { fileDocument: { a: 1 } }), changesOf(1));
  await commitAll(before, 2, 3);
  await before.close();

  const after = await openSqliteStore(directory);
  expect(await after.latest()).toEqual(aRevision(3));
  expect((await after.lastApplied())?.fileDocument).toEqual({ a: 1 });
  expect((await after.journal(10)).map((entry) => entry.revision)).toEqual([3, 2, 1]);
  await after.close();
  await after.close();
});

test('a database of an older schema is brought up to date and keeps what it holds', async () => {
  const directory = temporaryDirectory();
  const file = join(directory, 'sluice.db');
  const store = await openSqliteStore(directory);
  await commitAll(store, 1, 2);
  await store.close();

  const db = new DatabaseSync(file);
  migrate(db, file, [...migrations, "ALTER TABLE journal ADD COLUMN lease TEXT NOT NULL DEFAULT 'none'"]);
  expect(db.prepare('PRAGMA user_version').get()).toEqual({ user_version: migrations.length + 1 });
  expect(db.prepare('SELECT revision, lease FROM journal').all()).toEqual([
    { revision: 1, lease: 'none' },
    { revision: 2, lease: 'none' },
  ]);
  db.close();
});

test('revisions of a schema without slots are read, and have none', async () => {
  const directory = temporaryDirectory();
  const file = join(directory, 'sluice.db');
  const db = new DatabaseSync(file);
  migrate(db, file, migrations.slice(0, 1));
  db.exec(`INSERT INTO revisions VALUES (1, 5, 'test', 'weights', '', NULL, '{"a":1}', NULL)`);
  db.close();
  const store = await openSqliteStore(directory);
  expect(await store.latest()).toMatchObject({ number: 1, document: { a: 1 }, slots: {} });
  await store.commit(aRevision(2), changesOf(2));
  expect(await store.latest()).toEqual(aRevision(2));
  await store.close();
});

test('a migration that fails half-way leaves the older schema', async () => {
  const directory = temporaryDirectory();
  const file = join(directory, 'sluice.db');
  const store = await openSqliteStore(directory);
  await commitAll(store, 1, 2);
  await store.close();

  const db = new DatabaseSync(file);
  expect(() => migrate(db, file, [...migrations, 'ALTER TABLE journal ADD COLUMN lease TEXT; SELECT nonsense'])).toThrow('nonsense');
  db.close();
  const after = await openSqliteStore(directory);
  expect(await after.latest()).toEqual(aRevision(2));
  await after.close();
});

test('an empty file in place of the database, as a crash at the very first start can leave it, is an empty store', async () => {
  const directory = temporaryDirectory();
  mkdirSync(directory, { recursive: true });
  new DatabaseSync(join(directory, 'sluice.db')).close();
  const store = await openSqliteStore(directory);
  expect(await store.latest()).toBeUndefined();
  await store.close();
});
