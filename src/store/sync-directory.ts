import { closeSync, fsyncSync, openSync } from 'node:fs';

/**
 * A new file is durable only when its directory is. Not every system can sync a directory; those that cannot need no help. What the
 * caller has written to the file itself has to be synced by then in any case.
 */
export function syncDirectory(directory: string): void {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(directory, 'r');
    fsyncSync(descriptor);
  } catch {
    // See above: the file is there, at worst not yet under its name after a power failure.
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}
