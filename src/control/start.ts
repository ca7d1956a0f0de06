/** What is in force when the control plane starts: the last revision, what the config file changes in it, or the file alone. */
import type { Problem } from '../core/errors.ts';
import { keepFixedParts } from '../core/fixed-parts.ts';
import { invariant } from '../core/invariant.ts';
import { diffJson, equalJson, isJsonObject, mergeThreeWay, type JsonObject } from '../core/json.ts';
import type { Model } from '../core/model.ts';
import type { Clock, Interpret, Revision, Store } from './ports.ts';

/** The control plane cannot start from what the store and the file say. */
export class StartError extends Error {
  override readonly name = 'StartError';
  /** What is wrong in the document that would have been in force. May be empty. */
  readonly problems: readonly Problem[];

  constructor(message: string, problems: readonly Problem[] = []) {
    super([message, ...problems.map((problem) => `  ${problem.pointer || '/'}: ${problem.message}`)].join('\n'));
    this.problems = problems;
  }
}

export interface StartParts {
  readonly store: Store;
  readonly interpret: Interpret;
  readonly clock: Clock;
}

/**
 * Resumes the last revision where the file is not given (control restarts by itself) or says what it said when it was last applied;
 * otherwise commits what the file changes as a new revision. Throws a {@link StartError} or the store's own error.
 */
export async function resumeOrApply(parts: StartParts, file: JsonObject | undefined): Promise<{ revision: Revision; model: Model }> {
  const latest = await parts.store.latest();
  if (file === undefined) {
    if (latest === undefined) throw new StartError('The store is empty and no config file is given; start with a config file.');
    return resume(parts, latest);
  }
  if (latest === undefined) return applyAtStart(parts, file, file, undefined);

  const base = (await parts.store.lastApplied())?.fileDocument;
  if (base !== undefined && equalJson(base, file)) return resume(parts, latest);
  return applyAtStart(parts, mergeFile(base, latest.document, file), file, latest);
}

/**
 * What the file changed since it was last applied wins; what only live changes touched stays. What is fixed while the process runs
 * has been read from the file by then, so it is the file's in any case.
 */
export function mergeFile(base: JsonObject | undefined, current: JsonObject, file: JsonObject): JsonObject {
  const merged = mergeThreeWay(base, current, file);
  invariant(isJsonObject(merged), 'a merge of objects is an object');
  return keepFixedParts(file, merged);
}

function resume(parts: StartParts, latest: Revision): { revision: Revision; model: Model } {
  const message =
    `Revision ${latest.number} in the store is not valid for this version of Sluice. ` +
    'Run the version that saved it, or move the data directory away to start from the config file alone.';
  return { revision: latest, model: meaningOf(parts, latest.document, message) };
}

async function applyAtStart(
  parts: StartParts,
  document: JsonObject,
  file: JsonObject,
  latest: Revision | undefined,
): Promise<{ revision: Revision; model: Model }> {
  const message =
    latest === undefined
      ? 'The config file is not valid.'
      : `The config file and the changes made since it was last applied (up to revision ${latest.number}) do not fit together. ` +
        'Change the file so that they do, or move the data directory away to start from the file alone.';
  const model = meaningOf(parts, document, message);
  const revision: Revision = {
    number: (latest?.number ?? 0) + 1,
    document,
    createdAtMs: parts.clock.nowMs(),
    actor: 'file',
    action: 'file',
    reason: '',
    undoTo: latest?.number,
    fileDocument: file,
  };
  await parts.store.commit(revision, diffJson(latest?.document ?? {}, document));
  return { revision, model };
}

function meaningOf(parts: StartParts, document: JsonObject, message: string): Model {
  const meaning = parts.interpret(document);
  if (meaning.kind === 'invalid') throw new StartError(message, meaning.problems);
  return meaning.model;
}
