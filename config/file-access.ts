/** Files of certificates and keys, as the file system has them. Whatever it does, nobody waits long. */
import { constants } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { explainReadError } from './read-error.ts';
import { quote } from './reading.ts';

export type FileText = { readonly ok: true; readonly text: string } | { readonly ok: false; readonly message: string };

/** All authorities of a system are a quarter of this; what is longer is no file of certificates. */
const bytesMax = 1024 * 1024;

/** A file on a network that is gone may never answer, and a change waits for it, with all changes behind it. Milliseconds. */
export const patienceMs = 3000;

/** The bytes as Latin-1. Never rejects, and is over within `limitMs`. */
export async function readText(path: string, limitMs = patienceMs): Promise<FileText> {
  try {
    const read = await soon(`read ${path}`, () => readBytes(path), limitMs);
    if (read === undefined) return { ok: false, message: `cannot read ${quote(path)}: no answer; is it on a network that is away?` };
    if (typeof read === 'string') return { ok: false, message: `${quote(path)} ${read}` };
    return { ok: true, text: read.toString('latin1') };
  } catch (error) {
    return { ok: false, message: `cannot read ${quote(path)}: ${explainReadError(error)}` };
  }
}

/** Another one for other contents, and for a symbolic link that points elsewhere. Never rejects, and is over within `limitMs`. */
export async function printOf(path: string, limitMs = patienceMs): Promise<string> {
  try {
    const stats = await soon(`print ${path}`, () => stat(path, { bigint: true }), limitMs);
    if (stats === undefined) return 'no answer';
    const { dev, ino, size, mtimeNs, ctimeNs } = stats;
    return `${dev} ${ino} ${size} ${mtimeNs} ${ctimeNs}`;
  } catch {
    return 'none';
  }
}

/** What cannot be used, as a clause that follows the file's name, or all of it. */
async function readBytes(path: string): Promise<Buffer | string> {
  // Without blocking: to open a named pipe would wait for somebody to write to it.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if (!(await file.stat()).isFile()) return 'is no ordinary file; name a file';
    // Not by its size: some files of the system say 0 and have no end.
    const bytes = Buffer.allocUnsafe(bytesMax + 1);
    let length = 0;
    while (length < bytes.length) {
      const { bytesRead } = await file.read(bytes, length, bytes.length - length);
      if (bytesRead === 0) return Buffer.from(bytes.subarray(0, length));
      length += bytesRead;
    }
    return 'is larger than 1 MiB, so it is no file of certificates or keys';
  } finally {
    await file.close();
  }
}

/**
 * What has not come to an end, by what it does. Nothing that hangs is begun a second time: each holds a thread, and the process has few (four,
 * unless UV_THREADPOOL_SIZE says otherwise).
 */
const hanging = new Map<string, Promise<unknown>>();

/** Undefined = not within the time. The work goes on. */
export async function soon<T>(id: string, work: () => Promise<T>, limitMs: number): Promise<T | undefined> {
  let running = hanging.get(id) as Promise<T> | undefined;
  if (running === undefined) {
    running = work().finally(() => hanging.delete(id));
    hanging.set(id, running);
    running.catch(() => {});
  }
  const { promise: late, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(resolve, limitMs, undefined);
  try {
    return await Promise.race([running, late]);
  } finally {
    clearTimeout(timer);
  }
}
