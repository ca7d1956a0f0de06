/** The durable store: one SQLite database in the data directory, written by one process at a time. */
import { mkdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { DatabaseSync, type SQLOutputValue, type StatementSync } from 'node:sqlite';
import { invariant } from '../core/invariant.ts';
import { isJsonObject, type Difference, type Json, type JsonObject } from '../core/json.ts';
import type { SlotTables } from '../core/slots.ts';
import { revisionsKept, StoreError, type JournalEntry, type Revision, type RevisionSummary, type Store } from '../control/ports.ts';
import { explainDirectoryError, explainSqliteError, sqliteCodes } from './sqlite-errors.ts';
import { isSlotTables } from './slot-tables.ts';
import { migrate } from './sqlite-schema.ts';
import { syncDirectory } from './sync-directory.ts';

const fileName = 'sluice.db';

/** How long a start waits for a process that is just ending to let go of the database. It blocks, but nothing runs yet. */
const lockTimeoutMs = 500;

/**
 * Opens the store in a directory and creates both where they do not exist. The database is locked until {@link Store.close} or the
 * end of the process, however that comes about: a second Sluice on the same directory gets a {@link StoreError}, as does everything
 * else that keeps the store from working (test/store/sqlite-failures.test.ts).
 */
export async function openSqliteStore(dataDir: string): Promise<Store> {
  const directory = resolve(dataDir);
  try {
    mkdirSync(directory, { recursive: true, mode: 0o750 });
  } catch (cause) {
    throw explainDirectoryError(cause, directory);
  }

  const file = join(directory, fileName);
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(file, { timeout: lockTimeoutMs });
    // The lock mode comes first: set before WAL is first used, it makes SQLite keep its index in memory and not in a shared file.
    db.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
    checkPages(db, file);
    migrate(db, file);
    syncDirectory(directory);
    return new SqliteStore(db, file);
  } catch (cause) {
    db?.close();
    throw cause instanceof StoreError ? cause : explainSqliteError(cause, file, 'opening it');
  }
}

/** Device and inode; undefined where there is no such file. */
function identityOf(file: string): string | undefined {
  const found = statSync(file, { throwIfNoEntry: false, bigint: true });
  return found === undefined ? undefined : `${found.dev}:${found.ino}`;
}

class SqliteStore implements Store {
  readonly #db: DatabaseSync;
  readonly #file: string;
  /** Which file it is, whatever its name. */
  readonly #identity: string | undefined;
  readonly #statements: ReturnType<typeof prepare>;

  constructor(db: DatabaseSync, file: string) {
    this.#db = db;
    this.#file = file;
    this.#identity = identityOf(file);
    this.#statements = prepare(db);
  }

  async latest(): Promise<Revision | undefined> {
    return this.#read('reading the latest revision', () => this.#revisions(this.#statements.latest)[0]);
  }

  async revision(number: number): Promise<Revision | undefined> {
    return this.#read(`reading revision ${number}`, () => this.#revisions(this.#statements.byNumber, number)[0]);
  }

  async lastApplied(): Promise<Revision | undefined> {
    return this.#read('reading the last applied file', () => this.#revisions(this.#statements.applied)[0]);
  }

  async revisions(limit: number): Promise<readonly RevisionSummary[]> {
    return this.#read('reading the revisions', () => this.#statements.summaries.all(limit).map(summaryOf));
  }

  async journal(limit: number): Promise<readonly JournalEntry[]> {
    return this.#read('reading the journal', () => this.#statements.journal.all(limit).map((row) => journalEntryOf(row)));
  }

  async commit(revision: Revision, changes: readonly Difference[]): Promise<void> {
    const { number, document, createdAtMs, actor, action, reason, undoTo, fileDocument, slots } = revision;
    const db = this.#db;
    this.#checkPlace();
    try {
      db.exec('BEGIN IMMEDIATE');
      const latest = Number(this.#statements.latestNumber.get()?.['number'] ?? 0);
      invariant(number === latest + 1, `revision ${number} is the latest + 1`);
      const file = fileDocument === undefined ? null : JSON.stringify(fileDocument);
      const [text, tables] = [JSON.stringify(document), JSON.stringify(slots)];
      this.#statements.addRevision.run(number, createdAtMs, actor, action, reason, undoTo ?? null, text, file, tables);
      this.#statements.prune.run(number - revisionsKept);
      this.#statements.addEntry.run(createdAtMs, actor, action, reason, number, JSON.stringify(changes));
      db.exec('COMMIT');
    } catch (cause) {
      this.#giveUp();
      throw isOurs(cause) ? cause : explainSqliteError(cause, this.#file, `saving revision ${number}`);
    }
  }

  async close(): Promise<void> {
    if (this.#db.isOpen) this.#db.close();
  }

  /** Somebody may have deleted or replaced the file: SQLite would go on writing to one that nobody will find again. */
  #checkPlace(): void {
    if (identityOf(this.#file) === this.#identity) return;
    throw new StoreError(
      `${this.#file} was removed or replaced while Sluice runs, so a change could not be found again after a restart. ` +
        'Put the file back if you have it, or restart Sluice to begin with what is there now.',
    );
  }

  /**
   * Leaves nothing of a failed commit. The checkpoint empties the write-ahead log: where only the last sync of a commit failed, the log
   * holds all of it, and a crash would bring back what we have refused. It may fail too on a full disk; the log is overwritten then.
   */
  #giveUp(): void {
    try {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      this.#db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    } catch {
      // The failure of the commit itself is what gets reported.
    }
  }

  #read<T>(doing: string, read: () => T): T {
    try {
      return read();
    } catch (cause) {
      throw isOurs(cause) ? cause : explainSqliteError(cause, this.#file, doing);
    }
  }

  #revisions(statement: StatementSync, ...parameters: number[]): Revision[] {
    return statement.all(...parameters).map((row) => {
      const summary = summaryOf(row);
      const what = `revision ${summary.number}`;
      return {
        ...summary,
        document: this.#document(row['document'], what),
        fileDocument: row['file_document'] === null ? undefined : this.#document(row['file_document'], what),
        slots: this.#slots(row['slots'], what),
      };
    });
  }

  #document(text: SQLOutputValue | undefined, what: string): JsonObject {
    const document = parse(String(text));
    if (isJsonObject(document)) return document;
    throw this.#damaged(`${what} is not a document`);
  }

  #slots(text: SQLOutputValue | undefined, what: string): SlotTables {
    const tables = parse(String(text));
    if (isSlotTables(tables)) return tables;
    throw this.#damaged(`${what} does not say which slots belong to whom`);
  }

  #damaged(finding: string): StoreError {
    return new StoreError(`${this.#file} is damaged (${finding}). Put a backup in its place, or move it away.`);
  }
}

function prepare(db: DatabaseSync) {
  return {
    latest: db.prepare('SELECT * FROM revisions ORDER BY number DESC LIMIT 1'),
    byNumber: db.prepare('SELECT * FROM revisions WHERE number = ?'),
    applied: db.prepare('SELECT * FROM revisions WHERE file_document IS NOT NULL ORDER BY number DESC LIMIT 1'),
    latestNumber: db.prepare('SELECT max(number) AS number FROM revisions'),
    summaries: db.prepare('SELECT number, created_at_ms, actor, action, reason, undo_to FROM revisions ORDER BY number DESC LIMIT ?'),
    journal: db.prepare('SELECT * FROM journal ORDER BY seq DESC LIMIT ?'),
    addRevision: db.prepare(
      'INSERT INTO revisions (number, created_at_ms, actor, action, reason, undo_to, document, file_document, slots) ' +
        'VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
    ),
    prune: db.prepare(
      'DELETE FROM revisions WHERE number <= ? AND number IS NOT (SELECT max(number) FROM revisions WHERE file_document IS NOT NULL)',
    ),
    addEntry: db.prepare('INSERT INTO journal (at_ms, actor, action, reason, revision, changes) VALUES (?, ?, ?, ?, ?, ?)'),
  };
}

function summaryOf(row: Record<string, SQLOutputValue>): RevisionSummary {
  return {
    number: Number(row['number']),
    createdAtMs: Number(row['created_at_ms']),
    actor: String(row['actor']),
    action: String(row['action']),
    reason: String(row['reason']),
    undoTo: row['undo_to'] === null ? undefined : Number(row['undo_to']),
  };
}

function journalEntryOf(row: Record<string, SQLOutputValue>): JournalEntry {
  return {
    seq: Number(row['seq']),
    atMs: Number(row['at_ms']),
    actor: String(row['actor']),
    action: String(row['action']),
    reason: String(row['reason']),
    revision: Number(row['revision']),
    changes: readChanges(String(row['changes'])),
  };
}

/** What `commit` wrote; a damaged entry is shown as an empty one, because nothing hangs on the journal. */
function readChanges(text: string): readonly Difference[] {
  try {
    const changes: Difference[] = JSON.parse(text);
    return changes;
  } catch {
    return [];
  }
}

/** Reads every page once: a damaged file should say so at the start and not when somebody needs a rollback. */
function checkPages(db: DatabaseSync, file: string): void {
  const result = String(Object.values(db.prepare('PRAGMA quick_check(1)').get() ?? {})[0]);
  if (result === 'ok') return;
  const finding = new Error(result.replace(/\s+/g, ' '));
  throw explainSqliteError(Object.assign(finding, { errcode: sqliteCodes.corrupt }), file, 'opening it');
}

/** Undefined where the text is no JSON. */
function parse(text: string): Json | undefined {
  try {
    const value: Json = JSON.parse(text);
    return value;
  } catch {
    return undefined;
  }
}

/** What we threw ourselves is already in words. */
function isOurs(cause: unknown): boolean {
  return !(cause instanceof Error) || !('errcode' in cause);
}
