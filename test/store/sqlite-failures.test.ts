import { chmodSync, copyFileSync, mkdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { StoreError, type Store } from '../../src/control/ports.ts';
import { openSqliteStore } from '../../src/store/sqlite.ts';
import { startChild } from './processes.ts';
import { canMount, fill, size, smallDisk } from './small-disk.ts';
import { aRevision, changesOf, commitAll, temporaryDirectory } from './support.ts';

const isRoot = process.getuid?.() === 0;
const nobody = 65_534;

async function failureOf(promise: Promise<unknown>): Promise<StoreError> {
  try {
    await promise;
  } catch (cause) {
    if (cause instanceof StoreError) return cause;
    throw cause;
  }
  throw new Error('it did not fail');
}

/** A store with a few revisions, closed. */
async function aStoredDirectory(): Promise<{ directory: string; file: string }> {
  const directory = temporaryDirectory();
  const store = await openSqliteStore(directory);
  await commitAll(store, 1, 20);
  await store.close();
  return { directory, file: join(directory, 'sluice.db') };
}

describe('a damaged database is refused at the start', () => {
  const damages: Record<string, (file: string) => void> = {
    'is overwritten': (file) => writeFileSync(file, Buffer.alloc(16_384, 'garbage')),
    'has lost its head': (file) => overwrite(file, 0),
    'has lost a page in the middle': (file) => overwrite(file, 4096),
    'is cut off': (file) => truncateSync(file, statSync(file).size - 4096 * 2),
  };

  test.each(Object.keys(damages))('where the file %s', async (damage) => {
    const { directory, file } = await aStoredDirectory();
    damages[damage]!(file);
    const failure = await failureOf(openSqliteStore(directory));
    expect(failure.message).toMatch(/ is damaged \(.*\)\. Put a backup in its place, or move it and .*sluice\.db-wal away to start/);
    expect(failure.message.startsWith(file)).toBe(true);
    expect(failure.cause).toBeInstanceOf(Error);
  });
});

test('a document that is damaged inside a sound database is named', async () => {
  const { directory, file } = await aStoredDirectory();
  const db = new DatabaseSync(file);
  db.exec(`UPDATE revisions SET document = '{"services":' WHERE number = 20`);
  db.close();
  const store = await openSqliteStore(directory);
  onTestFinished(() => store.close());
  expect((await failureOf(store.latest())).message).toBe(
    `${file} is damaged (revision 20 is not a document). Put a backup in its place, or move it away.`,
  );
  expect(await store.revision(19)).toEqual(aRevision(19));
});

test.each([
  'no JSON',
  '[]',
  '{"demo":{"keptSince":{}}}',
  '{"demo":{"runs":[],"keptSince":{}}}',
  '{"demo":{"runs":[{"length":65535,"owners":[{"pool":"blue","since":0}]}],"keptSince":{}}}',
  '{"demo":{"runs":[{"length":65536,"owners":[]}],"keptSince":{}}}',
  '{"demo":{"runs":[{"length":65536,"owners":[{"pool":7,"since":0}]}],"keptSince":{}}}',
  '{"demo":{"runs":[{"length":65536,"owners":[{"pool":"blue","since":0}]}],"keptSince":{"blue":"x"}}}',
])('slots that are damaged inside a sound database are named: %s', async (slots) => {
  const { directory, file } = await aStoredDirectory();
  const db = new DatabaseSync(file);
  db.prepare('UPDATE revisions SET slots = ? WHERE number = 20').run(slots);
  db.close();
  const store = await openSqliteStore(directory);
  onTestFinished(() => store.close());
  expect((await failureOf(store.latest())).message).toBe(
    `${file} is damaged (revision 20 does not say which slots belong to whom). Put a backup in its place, or move it away.`,
  );
});

test('a database of a newer Sluice is left alone', async () => {
  const { directory, file } = await aStoredDirectory();
  const db = new DatabaseSync(file);
  db.exec('PRAGMA user_version = 7');
  db.close();
  const before = readFileSync(file);
  expect((await failureOf(openSqliteStore(directory))).message).toBe(
    `${file} was written by a newer Sluice (schema 7; this one knows up to 2). Run that version, or choose another dataDir.`,
  );
  expect(readFileSync(file).equals(before)).toBe(true);
});

test('a database of another program is left alone', async () => {
  const directory = temporaryDirectory();
  const file = join(directory, 'sluice.db');
  const db = new DatabaseSync(file);
  db.exec('CREATE TABLE recipes (name TEXT)');
  db.close();
  expect((await failureOf(openSqliteStore(directory))).message).toBe(`${file} is a database of another program. Choose another dataDir.`);
});

test('a data directory that is a file, or lies below one, is refused', async () => {
  const file = join(temporaryDirectory(), 'file');
  writeFileSync(file, '');
  for (const directory of [file, join(file, 'below')]) {
    expect((await failureOf(openSqliteStore(directory))).message).toBe(
      `The data directory ${directory} cannot be used: it, or something above it, is a file. Remove the file or choose another dataDir.`,
    );
  }
});

test('a directory in place of the database is refused', async () => {
  const directory = temporaryDirectory();
  mkdirSync(join(directory, 'sluice.db'));
  expect((await failureOf(openSqliteStore(directory))).message).toBe(
    `${directory}/sluice.db cannot be opened for writing (unable to open database file). Make it and its directory writable for the user that runs Sluice, or choose another dataDir.`,
  );
});

test('a data directory that the user may not write is refused', async () => {
  const directory = temporaryDirectory();
  chmodSync(directory, 0o555);
  // Root may write everywhere, so root tries as somebody else.
  const [said] = await startChild('open', directory, ...(isRoot ? [String(nobody)] : [])).ended();
  expect(said).toMatch(/^StoreError: .*sluice\.db cannot be opened for writing \(.*\)\. Make it and its directory writable/);
  const [below] = await startChild('open', join(directory, 'below'), ...(isRoot ? [String(nobody)] : [])).ended();
  expect(below).toMatch(/^StoreError: The data directory .*below cannot be created or written \(EACCES.*\)\. Make it writable/);
});

describe('on a full disk', () => {
  test('as SQLite sees one, a commit is refused and changes nothing, reading goes on, and space alone heals it', async () => {
    const directory = temporaryDirectory();
    const [store, database] = await openWithDatabase(directory);
    onTestFinished(() => store.close());
    await commitAll(store, 1, 3);

    // A limit of SQLite's own, so that this much is tested whoever runs the tests.
    database.exec('PRAGMA max_page_count = 1');
    for (let attempt = 0; attempt < 3; attempt++) {
      const failure = await failureOf(store.commit(big(4), changesOf(4)));
      expect(failure.message).toBe(
        `The disk that holds ${join(directory, 'sluice.db')} is full, so saving revision 4 failed. Free some space and try again; no restart is needed.`,
      );
      expect(failure.cause).toMatchObject({ errcode: 13 });
    }
    expect(await store.latest()).toEqual(aRevision(3));
    expect(await store.revisions(10)).toHaveLength(3);
    expect((await store.journal(10)).map((entry) => entry.revision)).toEqual([3, 2, 1]);

    database.exec('PRAGMA max_page_count = 1000000');
    await store.commit(big(4), changesOf(4));
    await store.close();
    const reopened = await openSqliteStore(directory);
    onTestFinished(() => reopened.close());
    expect(await reopened.latest()).toEqual(big(4));
  });

  test.skipIf(!canMount)('a commit is refused and changes nothing, reading goes on, and space alone heals it', async () => {
    const directory = smallDisk();
    const file = join(directory, 'sluice.db');
    const ballast = join(directory, 'ballast');
    writeFileSync(ballast, Buffer.alloc(size / 2));
    const store = await openSqliteStore(directory);
    onTestFinished(() => store.close());

    let last = 0;
    const commitUntilFull = async (): Promise<void> => {
      for (; ; last++) await store.commit(big(last + 1), changesOf(last + 1));
    };
    const failure = await failureOf(commitUntilFull());
    expect(failure.message).toBe(
      `The disk that holds ${file} is full, so saving revision ${last + 1} failed. Free some space and try again; no restart is needed.`,
    );
    for (let attempt = 0; attempt < 20; attempt++) await failureOf(store.commit(big(last + 1), changesOf(last + 1)));
    expect(await store.latest()).toEqual(big(last));
    expect((await store.journal(1))[0]?.revision).toBe(last);

    // What a crash right now would leave behind is what was acknowledged: the refused commits are not in the log either.
    const copy = temporaryDirectory();
    for (const name of ['sluice.db', 'sluice.db-wal']) copyFileSync(join(directory, name), join(copy, name));
    const afterCrash = await openSqliteStore(copy);
    expect(await afterCrash.latest()).toEqual(big(last));
    await afterCrash.close();

    rmSync(ballast);
    await store.commit(big(last + 1), changesOf(last + 1));
    await store.close();
    const reopened = await openSqliteStore(directory);
    expect(await reopened.latest()).toEqual(big(last + 1));
    await reopened.close();
  });

  test.skipIf(!canMount)('a restart reads what is there', async () => {
    const directory = smallDisk();
    const before = await openSqliteStore(directory);
    await commitAll(before, 1, 3);
    await before.close();
    fill(directory);
    const after = await openSqliteStore(directory);
    expect(await after.latest()).toEqual(aRevision(3));
    await failureOf(after.commit(big(4), []));
    rmSync(join(directory, 'ballast'));
    await after.commit(big(4), []);
    await after.close();
  });

  test.skipIf(!canMount)('a first start says that the disk is full', async () => {
    const directory = smallDisk();
    fill(directory);
    expect((await failureOf(openSqliteStore(directory))).message).toMatch(
      /^The disk that holds .*sluice\.db is full, so opening it failed\./,
    );
  });
});

/** A store, and the database that it has opened for itself. */
async function openWithDatabase(directory: string): Promise<[Store, DatabaseSync]> {
  const exec = vi.spyOn(DatabaseSync.prototype, 'exec');
  const store = await openSqliteStore(directory);
  const database = exec.mock.contexts[0];
  exec.mockRestore();
  if (!(database instanceof DatabaseSync)) throw new Error('the store opened no database');
  return [store, database];
}

function overwrite(file: string, offset: number): void {
  const bytes = readFileSync(file);
  bytes.fill('garbage', offset, offset + 2048);
  writeFileSync(file, bytes);
}
function big(number: number) {
  return aRevision(number, { document: { filler: String(number).padStart(100_000, 'x') } });
}

test.each([
  ['deleted', (file: string) => rmSync(file)],
  ['replaced by a copy', (file: string) => (copyFileSync(file, `${file}.copy`), rmSync(file), copyFileSync(`${file}.copy`, file))],
])('a commit after the file was %s is refused: nobody would find it again', async (_, interfere) => {
  const directory = temporaryDirectory();
  const store = await openSqliteStore(directory);
  await commitAll(store, 1, 2);
  interfere(join(directory, 'sluice.db'));
  const failure = await failureOf(store.commit(aRevision(3), changesOf(3)));
  expect(failure.message).toContain('was removed or replaced while Sluice runs');
  expect((await store.latest())?.number).toBe(2);
});
