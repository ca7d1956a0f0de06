/** Decides what a change leads to, without doing anything: the same for a command, a config file, and the start. */
import { reject, type Rejection } from '../core/change.ts';
import { effectiveWeights } from '../core/effective-weights.ts';
import type { Problem } from '../core/errors.ts';
import { changedFixedParts } from '../core/fixed-parts.ts';
import { diffJson, equalJson, type Difference, type JsonObject } from '../core/json.ts';
import { mergeFile } from '../core/merge-file.ts';
import type { Model, Service } from '../core/model.ts';
import { moveSlots, rollBackSlots, type SlotTable, type SlotTables } from '../core/slots.ts';
import { bareSurroundings, compileSnapshot, type FileTexts, type SigningKey, type Snapshot } from '../core/snapshot.ts';
import { renewDeadlines } from './deadlines.ts';
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
  /** Only where an earlier revision is gone back to: which pools its clients belonged to. */
  readonly savedSlots?: SlotTables;
}

/** What a snapshot is made of beside the revision, as it is now. */
export interface LiveSurroundings {
  /** By name, in lower case: the addresses that it has been resolved to. */
  addresses(): ReadonlyMap<string, readonly string[]>;
  signingKeys(): readonly SigningKey[];
  /** What stood in the files that are named, when they were last read. */
  files(): FileTexts;
  /** As in {@link Snapshot}. */
  ticketKey(): string;
  /** Absent: files are not looked at. */
  readonly gate?: FileGate;
}

/** Reads files that a document names, so that {@link LiveSurroundings.files} has them. */
export interface FileGate {
  /**
   * Of a document that is to come into force. Resolves, within seconds, with what is wrong with those that are not in force already.
   * @param goesBack to one that was in force before: nothing is wrong then, because the way back is legal in every state
   */
  admit(document: JsonObject, model: Model, goesBack: boolean): Promise<readonly Problem[]>;
  /** Of the one that was in force before this process began; where it is about to be replaced, of what `next` names as well. */
  resume(document: JsonObject, model: Model, next?: Model): Promise<void>;
}

/** Why a change is refused by the {@link FileGate}. */
export const unusableFiles = 'The files that the configuration would name cannot be used; see the list of problems.';

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
  /** Undefined: no name has been resolved, and nothing is signed. */
  readonly surroundings: LiveSurroundings | undefined;
  readonly nowMs: number;
}

/**
 * @param before the latest revision, undefined in an empty store
 * @param running the same, where it is what this process runs by: then its fixed parts cannot change
 */
export async function prepare(
  before: Revision | undefined,
  running: InForce | undefined,
  goal: Goal,
  { interpret, surroundings, nowMs, actor, action, reason }: Circumstances,
): Promise<Prepared | Unchanged | Rejection> {
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

  const { model } = meaning;
  const problems = await surroundings?.gate?.admit(document, model, goal.savedSlots !== undefined);
  if (problems !== undefined && problems.length > 0) return reject('INVALID', unusableFiles, problems);
  const number = (before?.number ?? 0) + 1;
  const slots = slotsAfter(before?.slots ?? {}, running?.model, goal, model, number);
  const revision: Revision = { number, document, createdAtMs: nowMs, actor, action, reason, undoTo, fileDocument, slots };
  // Compiled before it is saved, so that a bug of ours in compiling refuses the change instead of saving what cannot be published.
  const next = inForce(revision, model, surroundings);
  return { kind: 'prepared', next, changes: diffJson(before?.document ?? {}, document) };
}

/** A revision with its compiled form, among what surrounds it now. */
export function inForce(revision: Revision, model: Model, surroundings: LiveSurroundings | undefined): InForce {
  const live = surroundings && {
    addresses: surroundings.addresses(),
    signingKeys: surroundings.signingKeys(),
    files: surroundings.files(),
    ticketKey: surroundings.ticketKey(),
  };
  return { revision, model, snapshot: compileSnapshot(model, revision.number, { ...bareSurroundings, ...live, slots: revision.slots }) };
}

/**
 * The slots of every sticky service. Going back takes a service's table as it was saved; but where its shares are no others than now, the
 * way back has nothing to do with its clients, and they stay where they are.
 * @param running what is in force; undefined where nothing runs yet, and nothing is gone back to
 */
function slotsAfter(before: SlotTables, running: Model | undefined, { savedSlots = {} }: Goal, model: Model, revision: number): SlotTables {
  const tables: Record<string, SlotTable> = {};
  for (const service of model.services) {
    if (service.sticky === undefined) continue;
    const { id } = service;
    const now = running?.services.find((other) => other.id === id);
    const current = ownTable(before, id);
    const saved = ownTable(savedSlots, id);
    const isSame = current !== undefined && now !== undefined && haveSameShares(now, service);
    tables[id] =
      saved !== undefined && !isSame ? rollBackSlots(current, saved, revision) : moveSlots(current, effectiveWeights(service), revision);
  }
  return tables;
}

/** A service may be called as something that every object inherits. */
function ownTable(tables: SlotTables, id: string): SlotTable | undefined {
  return Object.hasOwn(tables, id) ? tables[id] : undefined;
}

function haveSameShares(a: Service, b: Service): boolean {
  const [ours, theirs] = [weightsById(a), weightsById(b)];
  const [ourTotal, theirTotal] = [totalOf(ours), totalOf(theirs)];
  return ours.size === theirs.size && [...ours].every(([id, weight]) => weight * theirTotal === (theirs.get(id) ?? 0) * ourTotal);
}

function totalOf(weights: ReadonlyMap<string, number>): number {
  return [...weights.values()].reduce((sum, weight) => sum + weight, 0);
}

/** Of the pools that have any. */
function weightsById(service: Service): Map<string, number> {
  return new Map(
    effectiveWeights(service)
      .filter(({ weight }) => weight > 0)
      .map(({ id, weight }) => [id, weight]),
  );
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

/**
 * The same, back to an earlier revision, whose document may have had to be adapted. Deadlines of drains that would be over, or nearly, are
 * given anew (see {@link renewDeadlines}).
 */
export function goalBackTo(
  { revision, model }: InForce,
  earlier: Revision,
  document: JsonObject,
  { interpret, nowMs }: Pick<Circumstances, 'interpret' | 'nowMs'>,
): Goal {
  const meaning = interpret(document);
  const renewed = meaning.kind === 'valid' ? renewDeadlines(document, meaning.model, model, nowMs) : document;
  return { ...goalFrom(revision, renewed), savedSlots: earlier.slots };
}

export function isRejection(goal: Goal | Rejection): goal is Rejection {
  return 'kind' in goal;
}
