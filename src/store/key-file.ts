/** The keys that cookies are signed with, in a text file of their own: what the store holds is shown to operators, keys are not. */
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { StoreError, type KeyRing, type Log } from '../control/ports.ts';
import type { SigningKey } from '../core/snapshot.ts';
import { announceKey, firstKeys, isSigningKey, promoteKey } from './signing-keys.ts';
import { explainDirectoryError } from './sqlite-errors.ts';
import { syncDirectory } from './sync-directory.ts';

const fileName = 'signing-keys';

/**
 * Opens the keys in a data directory, and makes the first one where there are none. The file has one key per line, `id secret`, the one that
 * signs first; only the user that runs Sluice should be able to read it, and where others can, the log says so.
 *
 * It is read when control starts, and not again. Copy it to other machines before Sluice is started there, and all of them take each other's cookies, so
 * that a client stays in its pool whichever machine it comes to. After a rotation the other machines do not know the key that signs here: copy the
 * file again, and restart Sluice there. Until that is done, a client who was given a cookie here and comes there is a new client there.
 *
 * Throws a {@link StoreError} where the file cannot be read or written, or says something else.
 */
export async function openKeyFile(dataDir: string, log: Pick<Log, 'warn'>): Promise<KeyRing> {
  const directory = resolve(dataDir);
  const file = join(directory, fileName);
  const text = readText(file);
  if (text !== undefined) {
    warnOfReaders(file, log);
    return new KeyFile(directory, file, parseKeys(text, file));
  }

  try {
    mkdirSync(directory, { recursive: true, mode: 0o750 });
  } catch (cause) {
    throw explainDirectoryError(cause, directory);
  }
  const keys = firstKeys();
  saveKeys(directory, file, keys);
  return new KeyFile(directory, file, keys);
}

class KeyFile implements KeyRing {
  readonly #directory: string;
  readonly file: string;
  #keys: readonly SigningKey[];

  constructor(directory: string, file: string, keys: readonly SigningKey[]) {
    this.#directory = directory;
    this.file = file;
    this.#keys = keys;
  }

  keys(): readonly SigningKey[] {
    return this.#keys;
  }

  async announce(): Promise<string> {
    const { keys, id } = announceKey(this.#keys);
    this.#save(keys);
    return id;
  }

  async promote(id: string): Promise<void> {
    this.#save(promoteKey(this.#keys, id));
  }

  #save(keys: readonly SigningKey[]): void {
    saveKeys(this.#directory, this.file, keys);
    // Only what is saved may sign: after a restart nobody would know the cookies.
    this.#keys = keys;
  }
}

/** Who knows a key can make cookies, and so say which pool and target a request goes to. A file that was copied is often readable for all. */
function warnOfReaders(file: string, log: Pick<Log, 'warn'>): void {
  // Windows has no such modes: what it says of them means nothing.
  if (process.platform === 'win32') return;
  const mode = statSync(file).mode & 0o777;
  if ((mode & 0o077) === 0) return;
  const fields = { file, mode: mode.toString(8).padStart(4, '0') };
  log.warn(fields, 'the signing keys can be read by others than the user that runs Sluice; take that away with chmod 600');
}

/** Undefined where there is no file. */
function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    // ENOTDIR: something above it is a file; making the directory says so better.
    if (codeOf(cause) === 'ENOENT' || codeOf(cause) === 'ENOTDIR') return undefined;
    throw new StoreError(`${file} cannot be read (${messageOf(cause)}). Make it a file that the user who runs Sluice may read.`, { cause });
  }
}

function parseKeys(text: string, file: string): readonly SigningKey[] {
  const keys: SigningKey[] = [];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '') continue;
    const key = parseKey(line);
    // The line itself is not shown: it may be most of a key.
    if (key === undefined) throw malformed(file, `line ${index + 1} is not a key: "id secret" of 4 and 43 characters was expected`);
    if (keys.some(({ id }) => id === key.id)) throw malformed(file, `line ${index + 1} has the same id as a line above it`);
    keys.push(key);
  }
  if (keys.length === 0) throw malformed(file, 'it has no key');
  return keys;
}

function parseKey(line: string): SigningKey | undefined {
  const [id, secret, ...more] = line.trim().split(/\s+/);
  if (id === undefined || secret === undefined || more.length > 0) return undefined;
  return isSigningKey({ id, secret }) ? { id, secret } : undefined;
}

function malformed(file: string, finding: string): StoreError {
  return new StoreError(
    `${file} is damaged (${finding}). Copy it anew from another machine or a backup; or remove it, and clients are given new cookies.`,
  );
}

/** All of the new keys or all of the old, whatever happens meanwhile: a whole file takes the place of the one before. */
function saveKeys(directory: string, file: string, keys: readonly SigningKey[]): void {
  const draft = `${file}.new`;
  try {
    // A draft that a crash has left may belong to anybody's eyes: the mode only counts for a file that is made.
    rmSync(draft, { force: true });
    const descriptor = openSync(draft, 'wx', 0o600);
    try {
      writeFileSync(descriptor, keys.map(({ id, secret }) => `${id} ${secret}\n`).join(''));
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(draft, file);
  } catch (cause) {
    throw new StoreError(`${file} cannot be saved (${messageOf(cause)}). ${wayOut(codeOf(cause))}`, { cause });
  }
  syncDirectory(directory);
}

function wayOut(code: string): string {
  if (code === 'ENOSPC') return 'Free some space on its disk and try again; no restart is needed.';
  return 'Make its directory writable for the user that runs Sluice, or choose another dataDir.';
}

function codeOf(cause: unknown): string {
  return cause instanceof Error && 'code' in cause ? String(cause.code) : '';
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
