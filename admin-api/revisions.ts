import { Type, type Static } from 'typebox';
import type { JournalEntry, RevisionSummary } from '../src/control/ports.ts';
import { change, changing, DifferenceSchema } from './answers.ts';
import { refuseBody } from './body.ts';
import { Refusal } from './problems.ts';
import { readParameter } from './query.ts';
import type { Call, Route } from './route.ts';

const summaryProperties = {
  revision: Type.Integer(),
  createdAt: Type.String({ format: 'date-time' }),
  actor: Type.String({ description: 'The name of the token; "anonymous" where there are none, "file" for the config file.' }),
  action: Type.String({ description: 'What was called: weights, switch, config, service, undo, restore or file.' }),
  reason: Type.String({ description: 'The caller’s own words, or "".' }),
  undoTo: Type.Union([Type.Integer(), Type.Null()], { description: 'The revision that an undo goes back to from here.' }),
};
const RevisionSummarySchema = Type.Object(summaryProperties, { $id: 'RevisionSummary', additionalProperties: false });
const RevisionSchema = Type.Object(
  { ...summaryProperties, document: Type.Unknown({ description: 'The configuration as it stood.' }) },
  { $id: 'Revision', additionalProperties: false },
);
const JournalEntrySchema = Type.Object(
  {
    seq: Type.Integer({ description: 'Numbers the entries: 1, 2, 3 and so on.' }),
    at: Type.String({ format: 'date-time' }),
    actor: summaryProperties.actor,
    action: summaryProperties.action,
    reason: summaryProperties.reason,
    revision: Type.Integer(),
    changes: Type.Array(DifferenceSchema),
  },
  { $id: 'JournalEntry', additionalProperties: false },
);

export const revisionRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/v1/revisions',
    summary: 'The history, newest first, without the documents.',
    role: 'viewer',
    query: ['limit'],
    answers: {
      200: {
        description: 'The newest first.',
        schema: Type.Object({ revisions: Type.Array(RevisionSummarySchema) }, { additionalProperties: false }),
      },
    },
    errors: ['STORE_UNAVAILABLE'],
    handle: async (call, { controller }) => ({
      status: 200,
      body: { revisions: (await controller.revisions(readParameter(call, 'limit'))).map(revisionSummary) },
    }),
  },
  {
    method: 'GET',
    path: '/v1/revisions/:number',
    summary: 'One revision with its document.',
    role: 'viewer',
    query: [],
    answers: { 200: { description: 'The revision.', schema: RevisionSchema } },
    errors: ['REVISION_NOT_FOUND', 'STORE_UNAVAILABLE'],
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
    ...changing('REVISION_NOT_FOUND'),
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
    ...changing('NOTHING_TO_UNDO'),
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
    answers: {
      200: {
        description: 'The newest first.',
        schema: Type.Object({ entries: Type.Array(JournalEntrySchema) }, { additionalProperties: false }),
      },
    },
    errors: ['STORE_UNAVAILABLE'],
    handle: async (call, { controller }) => ({
      status: 200,
      body: { entries: (await controller.journal(readParameter(call, 'limit'))).map(journalEntry) },
    }),
  },
];

function numberOf(call: Call): number {
  const text = call.params['number']!;
  if (/^[1-9][0-9]{0,14}$/.test(text)) return Number(text);
  throw new Refusal('REVISION_NOT_FOUND', `${JSON.stringify(text)} is no revision; they are numbered 1, 2, 3 and so on.`);
}

function revisionSummary({ number, createdAtMs, actor, action, reason, undoTo }: RevisionSummary): Static<typeof RevisionSummarySchema> {
  return { revision: number, createdAt: new Date(createdAtMs).toISOString(), actor, action, reason, undoTo: undoTo ?? null };
}

function journalEntry({ atMs, changes, ...entry }: JournalEntry): Static<typeof JournalEntrySchema> {
  return { ...entry, at: new Date(atMs).toISOString(), changes: [...changes] };
}
