import { StoreError } from '../control/ports.ts';

/** SQLite's primary result codes that mean something to an operator (sqlite.org/rescode.html). */
export const sqliteCodes = { perm: 3, busy: 5, locked: 6, readonly: 8, corrupt: 11, full: 13, cantOpen: 14, notADatabase: 26 } as const;

/** What went wrong with the database, where, and the way out. `doing` completes "… failed", e.g. `saving revision 12`. */
export function explainSqliteError(cause: unknown, file: string, doing: string): StoreError {
  const said = cause instanceof Error ? cause.message : String(cause);
  return new StoreError(explanation(primaryCode(cause), said, file, doing), { cause });
}

/** What went wrong with the directory itself, before there was a database. */
export function explainDirectoryError(cause: unknown, dataDir: string): StoreError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const said = cause instanceof Error ? cause.message : String(cause);
  return new StoreError(directoryExplanation(code, said, dataDir), { cause });
}

function explanation(code: number | undefined, said: string, file: string, doing: string): string {
  switch (code) {
    case sqliteCodes.busy:
    case sqliteCodes.locked:
      return `${file} is in use by another running Sluice. Stop that one, or give this one a dataDir of its own.`;
    case sqliteCodes.corrupt:
    case sqliteCodes.notADatabase:
      return `${file} is damaged (${said}). Put a backup in its place, or move it and ${file}-wal away to start from the config file alone.`;
    case sqliteCodes.full:
      return `The disk that holds ${file} is full, so ${doing} failed. Free some space and try again; no restart is needed.`;
    case sqliteCodes.cantOpen:
    case sqliteCodes.perm:
    case sqliteCodes.readonly:
      return `${file} cannot be opened for writing (${said}). Make it and its directory writable for the user that runs Sluice, or choose another dataDir.`;
    default:
      return `${file}: ${doing} failed (${said}). Check the disk and the system's log.`;
  }
}

function directoryExplanation(code: string, said: string, dataDir: string): string {
  switch (code) {
    case 'EEXIST':
    case 'ENOTDIR':
      return `The data directory ${dataDir} cannot be used: it, or something above it, is a file. Remove the file or choose another dataDir.`;
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return `The data directory ${dataDir} cannot be created or written (${said}). Make it writable for the user that runs Sluice, or choose another dataDir.`;
    case 'ENOSPC':
      return `The data directory ${dataDir} cannot be created because the disk is full. Free some space or choose another dataDir.`;
    default:
      return `The data directory ${dataDir} cannot be used (${said}). Choose another dataDir.`;
  }
}

/** node:sqlite puts SQLite's extended result code into `errcode`; its lowest byte is the primary code. */
function primaryCode(cause: unknown): number | undefined {
  if (!(cause instanceof Error) || !('errcode' in cause) || typeof cause.errcode !== 'number') return undefined;
  return cause.errcode & 0xff;
}
