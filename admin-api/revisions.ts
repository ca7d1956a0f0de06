import type { JournalEntry, RevisionSummary } from '../src/control/ports.ts';
import { change } from './answers.ts';
import { refuseBody } from './body.ts';
import { Refusal } from './problems.ts';
import { changeQuery, readLimit } from './query.ts';
import type { Call, Route } from './route.ts';

export const revisionRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/v1/revisions',
    summary: 'The history, newest first, without the documents.',
    role: 'viewer',
    query: ['limit'],
    handle: async (call, { controller }) => ({
      status: 200,
      body: { revisions: (await controller.revisions(readLimit(call))).map(revisionSummary) },
    }),
  },
  {
    method: 'GET',
    path: '/v1/revisions/:number',
    summary: 'One revision with its document.',
    role: 'viewer',
    query: [],
    async handle(call, { controller }) {
      const number = numberOf(call);
      const revision = await controller.revision(number);
      if (revision === undefined) {
        throw new Refusal('REVISION_NOT_FOUND', `There is no revision ${number}; GET /v1/revisions lists those that are kept.`);
      }
      return { status: 200, body: { ...revisionSummary(revision), document: revision.document } };
    },
  },
  {
    method: 'POST',
    path: '/v1/revisions/:number/restore',
    summary: 'Makes an earlier document the current one, as a new revision. What is fixed while Sluice runs stays as it is.',
    role: 'operator',
    query: changeQuery,
    async handle(call, options) {
      refuseBody(call.body);
      return change({ kind: 'restore', revision: numberOf(call) }, call, options);
    },
  },
  {
    method: 'POST',
    path: '/v1/undo',
    summary: 'Goes back to the revision before, as a new one; again and again, further back each time.',
    role: 'operator',
    query: changeQuery,
    async handle(call, options) {
      refuseBody(call.body);
      return change({ kind: 'undo' }, call, options);
    },
  },
  {
    method: 'GET',
    path: '/v1/journal',
    summary: 'Who changed what, when and why, newest first.',
    role: 'viewer',
    query: ['limit'],
    handle: async (call, { controller }) => ({
      status: 200,
      body: { entries: (await controller.journal(readLimit(call))).map(journalEntry) },
    }),
  },
];

function numberOf(call: Call): number {
  const text = call.params['number']!;
  if (/^[1-9][0-9]{0,14}$/.test(text)) return Number(text);
  throw new Refusal('REVISION_NOT_FOUND', `${JSON.stringify(text)} is no revision; they are numbered 1, 2, 3 and so on.`);
}

function revisionSummary({ number, createdAtMs, actor, action, reason, undoTo }: RevisionSummary): object {
  return { revision: number, createdAt: new Date(createdAtMs).toISOString(), actor, action, reason, undoTo: undoTo ?? null };
}

function journalEntry({ atMs, ...entry }: JournalEntry): object {
  return { ...entry, at: new Date(atMs).toISOString() };
}
