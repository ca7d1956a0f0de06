import { invariant } from '../core/invariant.ts';
import type { Difference } from '../core/json.ts';
import { revisionsKept, type JournalEntry, type Revision, type RevisionSummary, type Store } from '../control/ports.ts';

/** A store that forgets everything with the process: for tests, and for embedding where nothing must touch a disk. */
export class MemoryStore implements Store {
  /** Oldest first. */
  #revisions: Revision[] = [];
  readonly #journal: JournalEntry[] = [];

  async latest(): Promise<Revision | undefined> {
    return this.#revisions.at(-1);
  }

  async revision(number: number): Promise<Revision | undefined> {
    return this.#revisions.find((revision) => revision.number === number);
  }

  async lastApplied(): Promise<Revision | undefined> {
    return this.#revisions.findLast((revision) => revision.fileDocument !== undefined);
  }

  async revisions(limit: number): Promise<readonly RevisionSummary[]> {
    const newest = this.#revisions.toReversed().slice(0, limit);
    return newest.map(({ number, createdAtMs, actor, action, reason, undoTo }) => ({
      number,
      createdAtMs,
      actor,
      action,
      reason,
      undoTo,
    }));
  }

  async journal(limit: number): Promise<readonly JournalEntry[]> {
    return this.#journal.toReversed().slice(0, limit);
  }

  async commit(revision: Revision, changes: readonly Difference[]): Promise<void> {
    invariant(revision.number === (this.#revisions.at(-1)?.number ?? 0) + 1, `revision ${revision.number} is the latest + 1`);
    this.#revisions.push(revision);
    const applied = await this.lastApplied();
    const oldest = revision.number - revisionsKept + 1;
    this.#revisions = this.#revisions.filter((kept) => kept.number >= oldest || kept === applied);

    const { number, createdAtMs, actor, action, reason } = revision;
    this.#journal.push({ seq: this.#journal.length + 1, atMs: createdAtMs, actor, action, reason, revision: number, changes });
  }

  async close(): Promise<void> {}
}
