/** What every store does. Called by one test file per implementation. */
import { assert, asyncProperty, dictionary, jsonValue, string } from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { revisionsKept, type Revision, type RevisionSummary, type Store } from '../../src/control/ports.ts';
import { aRevision, changesOf, commitAll } from './support.ts';

/** What a list says of {@link aRevision}. */
function summary(number: number, more: Partial<RevisionSummary> = {}): RevisionSummary {
  const { document: _, fileDocument: __, slots: ___, ...rest } = aRevision(number, more);
  return rest;
}

const file = (number: number): Revision => aRevision(number, { action: 'file', fileDocument: { number } });

export function describeStore(name: string, open: () => Promise<Store>): void {
  async function openStore(): Promise<Store> {
    const store = await open();
    onTestFinished(() => store.close());
    return store;
  }

  // oxlint-disable-next-line vitest/valid-title -- the name is the caller's
  describe(name, () => {
    test('an empty store has no revision, no applied file and no journal', async () => {
      const store = await openStore();
      expect(await store.latest()).toBeUndefined();
      expect(await store.revision(1)).toBeUndefined();
      expect(await store.lastApplied()).toBeUndefined();
      expect(await store.revisions(10)).toEqual([]);
      expect(await store.journal(10)).toEqual([]);
    });

    test('a committed revision is the latest and reads back as it was', async () => {
      const store = await openStore();
      const first = aRevision(1, { actor: 'file', action: 'file', fileDocument: { services: {} } });
      await store.commit(first, changesOf(1));
      await store.commit(aRevision(2), changesOf(2));
      expect(await store.latest()).toEqual(aRevision(2));
      expect(await store.revision(1)).toEqual(first);
      expect(await store.lastApplied()).toEqual(first);
    });

    test('the slots of a revision are those that it was committed with, and none where it had none', async () => {
      const store = await openStore();
      const sticky = aRevision(1).slots;
      await store.commit(aRevision(1), []);
      await store.commit(aRevision(2, { slots: {} }), []);
      await store.commit(aRevision(3, { slots: { ...sticky, toString: sticky['demo']! } }), []);
      expect((await store.revision(1))?.slots).toEqual(sticky);
      expect((await store.revision(2))?.slots).toEqual({});
      expect((await store.latest())?.slots).toEqual({ ...sticky, toString: sticky['demo'] });
    });

    test('the journal says who did what, when and why, and what it changed', async () => {
      const store = await openStore();
      await commitAll(store, 1, 2);
      expect(await store.journal(1)).toEqual([
        { seq: 2, atMs: 1_700_000_000_002, actor: 'test', action: 'weights', reason: 'because of 2', revision: 2, changes: changesOf(2) },
      ]);
    });

    test('the list of revisions says how each came about, without the documents', async () => {
      const store = await openStore();
      await store.commit(file(1), []);
      await store.commit(aRevision(2), []);
      expect(await store.revisions(2)).toStrictEqual([summary(2), summary(1, { action: 'file' })]);
    });

    test('lists are newest first and no longer than asked', async () => {
      const store = await openStore();
      await commitAll(store, 1, 5);
      expect((await store.revisions(3)).map((revision) => revision.number)).toEqual([5, 4, 3]);
      expect((await store.journal(2)).map((entry) => entry.seq)).toEqual([5, 4]);
      expect(await store.revisions(10)).toHaveLength(5);
    });

    test.each([0, 1, 3, 5, 7])('after revision 3, revision %i is refused and leaves nothing behind', async (number) => {
      const store = await openStore();
      await commitAll(store, 1, 3);
      await expect(store.commit(aRevision(number), changesOf(number))).rejects.toThrow(`expected: revision ${number} is the latest + 1`);
      expect((await store.latest())?.number).toBe(3);
      expect(await store.journal(10)).toHaveLength(3);
      await store.commit(aRevision(4), changesOf(4));
    });

    test(`the newest ${revisionsKept} revisions are kept, and the last applied file however old it is`, async () => {
      const store = await openStore();
      await store.commit(file(1), []);
      await store.commit(file(2), []);
      await commitAll(store, 3, revisionsKept + 10);
      expect(await store.revision(1)).toBeUndefined();
      expect(await store.revision(2)).toEqual(file(2));
      expect(await store.lastApplied()).toEqual(file(2));
      expect(await store.revision(10)).toBeUndefined();
      expect((await store.revision(11))?.number).toBe(11);
      expect(await store.revisions(5000)).toHaveLength(revisionsKept + 1);
      expect(await store.journal(5000)).toHaveLength(revisionsKept + 10);
    });

    test(`without an applied file, too, no more than ${revisionsKept} revisions are kept`, async () => {
      const store = await openStore();
      await commitAll(store, 1, revisionsKept + 1);
      expect(await store.revision(1)).toBeUndefined();
      expect(await store.revisions(5000)).toHaveLength(revisionsKept);
    });

    test('any document and any text come back as they were', async () => {
      const store = await openStore();
      let number = 0;
      await assert(
        asyncProperty(dictionary(string({ unit: 'binary' }), jsonValue()), string({ unit: 'grapheme' }), async (value, reason) => {
          number += 1;
          // Through JSON, because -0 is 0 there.
          const document = JSON.parse(JSON.stringify(value));
          const revision = aRevision(number, { document, reason, fileDocument: document });
          await store.commit(revision, [{ pointer: '', after: document }]);
          expect(await store.latest()).toEqual(revision);
          expect((await store.journal(1))[0]).toMatchObject({ reason, changes: [{ pointer: '', after: document }] });
        }),
        { numRuns: 200 },
      );
    });
  });
}
