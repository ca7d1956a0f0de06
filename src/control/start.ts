/** What is in force when the control plane starts: the last revision, what the config file changes in it, or the file alone. */
import { reject, type Rejection } from '../core/change.ts';
import { invariant } from '../core/invariant.ts';
import { equalJson, type JsonObject } from '../core/json.ts';
import type { Model } from '../core/model.ts';
import { effectiveWeights } from '../core/effective-weights.ts';
import { moveSlots, type SlotTables } from '../core/slots.ts';
import type { Clock, Interpret, Revision, Store } from './ports.ts';
import {
  goalOfFile,
  inForce,
  isRejection,
  prepare,
  unusableFiles,
  type Goal,
  type InForce,
  type LiveSurroundings,
  type Prepared,
} from './prepare.ts';

export interface StartParts {
  readonly store: Store;
  readonly interpret: Interpret;
  readonly clock: Clock;
  readonly surroundings?: LiveSurroundings | undefined;
}

export type Start =
  /** The last revision, as it was saved. */
  | { readonly kind: 'resumed'; readonly inForce: InForce }
  /** A revision that has yet to be saved. */
  | Prepared;

/**
 * Resumes the last revision where the file is not given (control restarts by itself) or says what it said when it was last applied;
 * otherwise prepares what the file changes. Saves nothing. May throw the store's error.
 */
export async function prepareStart(parts: StartParts, file: JsonObject | undefined): Promise<Start | Rejection> {
  const latest = await parts.store.latest();
  if (latest === undefined) {
    if (file === undefined) return reject('INVALID', 'The store is empty and no config file is given; start with a config file.');
    return startFrom(parts, undefined, { document: file, undoTo: undefined, fileDocument: file }, 'The config file is not valid.');
  }
  if (file === undefined) return resume(parts, latest);

  const goal = goalOfFile((await parts.store.lastApplied())?.fileDocument, latest, file);
  const misfit =
    `The config file and the changes made since it was last applied (up to revision ${latest.number}) do not fit together. ` +
    'Change the file so that they do, or move the data directory away to start from the file alone.';
  return isRejection(goal) ? { ...goal, message: misfit } : startFrom(parts, latest, goal, misfit);
}

/** @param misfit what is said where the result is not valid */
async function startFrom(parts: StartParts, latest: Revision | undefined, goal: Goal, misfit: string): Promise<Start | Rejection> {
  const { interpret, surroundings, clock } = parts;
  const circumstances = { actor: 'file', action: 'file', reason: '', nowMs: clock.nowMs(), interpret, surroundings };
  if (latest !== undefined) await resumeFiles(parts, latest, goal);
  const preparation = await prepare(latest, undefined, goal, circumstances);
  if (preparation.kind === 'rejected') {
    // Of files, that one is right: they fit as well as they did, and what is in the data directory has nothing to do with it.
    return preparation.message === unusableFiles ? preparation : { ...preparation, message: misfit };
  }
  if (preparation.kind === 'prepared') return preparation;
  invariant(latest !== undefined, 'nothing is unchanged in an empty store');
  return resume(parts, latest);
}

/** What stays named was in force before, and is not judged as if somebody had just named it. */
async function resumeFiles({ interpret, surroundings }: StartParts, latest: Revision, { document, fileDocument }: Goal): Promise<void> {
  const isUnchanged = fileDocument === undefined && equalJson(document, latest.document);
  if (surroundings?.gate === undefined || isUnchanged) return;
  const [before, after] = [interpret(latest.document), interpret(document)];
  if (before.kind === 'valid' && after.kind === 'valid') await surroundings.gate.resume(latest.document, before.model, after.model);
}

async function resume({ interpret, surroundings }: StartParts, revision: Revision): Promise<Start | Rejection> {
  const meaning = interpret(revision.document);
  if (meaning.kind === 'valid') {
    const { model } = meaning;
    await surroundings?.gate?.resume(revision.document, model);
    return { kind: 'resumed', inForce: inForce({ ...revision, slots: completeSlots(model, revision.slots) }, model, surroundings) };
  }
  const message =
    `Revision ${revision.number} in the store is not valid for this version of Sluice. ` +
    'Run the version that saved it, or move the data directory away to start from the config file alone.';
  return reject('INVALID', message, meaning.problems);
}

/** The tables as they were saved. A sticky service that was saved without one, by a Sluice that had none, begins anew from its weights. */
function completeSlots({ services }: Model, saved: SlotTables): SlotTables {
  const missing = services.filter(({ id, sticky }) => sticky !== undefined && !Object.hasOwn(saved, id));
  if (missing.length === 0) return saved;
  return { ...saved, ...Object.fromEntries(missing.map((service) => [service.id, moveSlots(undefined, effectiveWeights(service), 0)])) };
}
