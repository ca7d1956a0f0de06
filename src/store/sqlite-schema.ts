import type { DatabaseSync } from 'node:sqlite';
import { StoreError } from '../control/ports.ts';

/** "Slce" in the header of the file tells our databases from those of others. */
const applicationId = 0x536c6365;

/**
 * Each brings the schema from the version before to the next; the version of a database is how many it has had. Never change one that
 * has been released: append.
 */
export const migrations: readonly string[] = [
  `
  CREATE TABLE revisions (
    number INTEGER PRIMARY KEY,
    created_at_ms INTEGER NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    reason TEXT NOT NULL,
    undo_to INTEGER,
    document TEXT NOT NULL,
    file_document TEXT
  ) STRICT;
  CREATE INDEX applied_files ON revisions (number) WHERE file_document IS NOT NULL;
  CREATE TABLE journal (
    seq INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    reason TEXT NOT NULL,
    revision INTEGER NOT NULL,
    changes TEXT NOT NULL
  ) STRICT;
  `,
  // Which pool the clients of each sticky service belong to; nobody's yet.
  `ALTER TABLE revisions ADD COLUMN slots TEXT NOT NULL DEFAULT '{}'`,
];

/** Brings the schema up to date, all of it or nothing. Throws where the database is of a newer Sluice or of another program. */
export function migrate(db: DatabaseSync, file: string, steps: readonly string[] = migrations): void {
  // Taking the write lock now is what keeps a second Sluice out: with exclusive locking it is held until the process ends.
  db.exec('BEGIN EXCLUSIVE');
  try {
    const version = readNumber(db, 'PRAGMA user_version');
    const isEmpty = readNumber(db, 'SELECT count(*) FROM sqlite_schema') === 0;
    if (!isEmpty && readNumber(db, 'PRAGMA application_id') !== applicationId) {
      throw new StoreError(`${file} is a database of another program. Choose another dataDir.`);
    }
    if (version > steps.length) {
      throw new StoreError(
        `${file} was written by a newer Sluice (schema ${version}; this one knows up to ${steps.length}). Run that version, or choose another dataDir.`,
      );
    }
    if (version < steps.length) {
      for (const step of steps.slice(version)) db.exec(step);
      db.exec(`PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${steps.length}`);
    }
    db.exec('COMMIT');
  } catch (cause) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw cause;
  }
}

function readNumber(db: DatabaseSync, sql: string): number {
  const value = Object.values(db.prepare(sql).get() ?? {})[0];
  return Number(value);
}
