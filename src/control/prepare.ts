/** Decides what a change leads to, without doing anything: the same for a command, a config file, and the start. */
import { reject, type Rejection } from '../core/change.ts';
import { changedFixedParts } from '../core/fixed-parts.ts';
import { diffJson, equalJson, type Difference, type JsonObject } from '../core/json.ts';
import { mergeFile } from '../core/merge-file.ts';
import type { Model } from '../core/model.ts';
import { compileSnapshot, type Snapshot } from '../core/snapshot.ts';
import type { Interpret, Revision } from './ports.ts';

/** What is in force, in its three forms; replaced as a whole. */
export interface InForce {
  readonly revision: Revision;
  readonly model: Model;
  readonly snapshot: Snapshot;
}

/** A document that somebody wants in force. `undoTo` and `fileDocument` as in {@link Revision}. */
export interface Goal {
  readonly document: JsonObject;
  readonly undoTo: number | undefined;
  readonly fileDocument: JsonObject | undefined;
}

/** Everything that is needed to carry a change out. */
export interface Prepared {
  readonly kind: 'prepared';
  /** As it will be. */
  readonly next: InForce;
  readonly changes: readonly Difference[];
}

/** The document says so already, and there is no file to be noted. */
export interface Unchanged {
  readonly kind: 'unchanged';
}

export interface Circumstances extends Pick<Revision, 'actor' | 'action' | 'reason'> {
  readonly interpret: Interpret;
  readonly nowMs: number;
}

/**
 * @param before the latest revision, undefined in an empty store
 * @param running the same, where it is what this process runs by: then its fixed parts cannot change
 */
export function prepare(
  before: Revision | undefined,
  running: InForce | undefined,
  goal: Goal,
  { interpret, nowMs, actor, action, reason }: Circumstances,
): Prepared | Unchanged | Rejection {
  const { document, undoTo, fileDocument } = goal;
  if (before !== undefined && fileDocument === undefined && equalJson(before.document, document)) return { kind: 'unchanged' };

  const meaning = interpret(document);
  if (meaning.kind === 'invalid') {
    return reject('INVALID', 'The configuration would not be valid after the change; see the list of problems.', meaning.problems);
  }
  if (before !== undefined && running !== undefined) {
    const fixed = changedFixedParts({ document: before.document, model: running.model }, { document, model: meaning.model });
    if (fixed.length > 0) {
      const parts = fixed.map((problem) => problem.pointer).join(', ');
      return reject('NEEDS_RESTART', `${parts}: fixed while Sluice runs; change the config file and restart.`, fixed);
    }
  }

  const number = (before?.number ?? 0) + 1;
  const revision: Revision = { number, document, createdAtMs: nowMs, actor, action, reason, undoTo, fileDocument };
  // Compiled before it is saved, so that a bug of ours in compiling refuses the change instead of saving what cannot be published.
  const snapshot = compileSnapshot(meaning.model, number, running);
  return { kind: 'prepared', next: { revision, model: meaning.model, snapshot }, changes: diffJson(before?.document ?? {}, document) };
}

/**
 * What a config file leads to. Where it says what it said when it was last applied, that is what is in force; otherwise it is noted even
 * where it changes nothing, because it is the base of the next merge.
 * @param base the file that was applied last
 */
export function goalOfFile(base: JsonObject | undefined, before: Revision, file: JsonObject): Goal | Rejection {
  if (base !== undefined && equalJson(base, file)) return goalFrom(before, before.document);
  const merge = mergeFile(base, before.document, file);
  if (merge.kind === 'merged') return { ...goalFrom(before, merge.document), fileDocument: file };
  return reject('INVALID', 'The config file does not fit to the changes made since it was last applied.', merge.problems);
}

/** A change that undo takes back to `before`. */
export function goalFrom(before: Revision, document: JsonObject): Goal {
  return { document, undoTo: before.number, fileDocument: undefined };
}

export function isRejection(goal: Goal | Rejection): goal is Rejection {
  return 'kind' in goal;
}
