import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Store } from '../../src/control/ports.ts';
import { aRevision, changesOf } from './revision.ts';

export { aRevision, changesOf } from './revision.ts';

/** A directory of the test's own, removed when it ends. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-store-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Commits revisions `first` to `last`. */
export async function commitAll(store: Store, first: number, last: number): Promise<void> {
  for (let number = first; number <= last; number++) await store.commit(aRevision(number), changesOf(number));
}
