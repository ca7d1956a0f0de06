/** A disk that is quickly full: a real one, in memory, which only root can mount. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { temporaryDirectory } from './support.ts';

/** Bytes on it. */
export const size = 2 * 1024 * 1024;

export const canMount = process.getuid?.() === 0 && tryToMount();
if (!canMount) console.warn('skipping what needs a full disk: only root can mount a small one');

/** A directory on a disk of its own, gone when the test ends. */
export function smallDisk(): string {
  const directory = temporaryDirectory();
  mount(directory);
  onTestFinished(() => void execFileSync('umount', ['-l', directory]));
  return directory;
}

/** Fills the disk with a file called `ballast`, which may be removed. */
export function fill(directory: string): void {
  try {
    writeFileSync(join(directory, 'ballast'), Buffer.alloc(2 * size));
  } catch {
    // It has been filled as far as it goes.
  }
}

function mount(directory: string): void {
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', directory], { stdio: 'ignore' });
}

function tryToMount(): boolean {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-mount-'));
  try {
    mount(directory);
    execFileSync('umount', [directory], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  } finally {
    rmSync(directory, { recursive: true });
  }
}
