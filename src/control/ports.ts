/**
 * What the control plane needs from the rest of Sluice. `app.ts` brings the implementations; nothing here imports them, so that
 * the plane can be tested and embedded without processes, disks or clocks.
 */
import type { Change, Rejection } from '../core/change.ts';
import type { Problem } from '../core/errors.ts';
import type { Difference, JsonObject } from '../core/json.ts';
import type { Model } from '../core/model.ts';
import type { WorkerReport } from '../core/reports.ts';
import type { Conditions } from '../core/conditions.ts';
import type { SlotTables } from '../core/slots.ts';
import type { FileTexts, ResolvedNames, SigningKey, Snapshot } from '../core/snapshot.ts';

/** Tells wall-clock time, in milliseconds since the epoch. */
export interface Clock {
  nowMs(): number;
}

/** Takes events: a fixed message and variable fields. A pino logger is one. */
export interface Log {
  info(fields: Readonly<Record<string, unknown>>, message: string): void;
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
  error(fields: Readonly<Record<string, unknown>>, message: string): void;
}

/** What a document means. Implemented by `config/`, so that control need not know the schema. */
export type Interpret = (document: JsonObject) => Interpretation;
export type Interpretation =
  | { readonly kind: 'valid'; readonly model: Model }
  | { readonly kind: 'invalid'; readonly problems: readonly Problem[] };

/** How a saved revision came about. */
export interface RevisionSummary {
  /** 1, 2, 3 …, without gaps. */
  readonly number: number;
  /** Milliseconds since the epoch. */
  readonly createdAtMs: number;
  /** The token's name, `anonymous` without tokens, `file` for what was read from the config file. */
  readonly actor: string;
  /** What was called: `weights`, `switch`, `config`, `service`, `pool`, `target`, `state`, `mirrors`, `overrides`, `undo`, `restore`, `file`. */
  readonly action: string;
  /** The caller's own words, or ''. */
  readonly reason: string;
  /** The revision that `undo` goes back to from here: the one before, but for an undo the one before what it restored. */
  readonly undoTo: number | undefined;
}

/** A saved revision: the whole document as it stood, and how it came about. */
export interface Revision extends RevisionSummary {
  readonly document: JsonObject;
  /** Where this revision came from the config file: the file's document, the base of the next three-way merge. */
  readonly fileDocument: JsonObject | undefined;
  /** Which pool the clients of each sticky service belong to. It follows from all revisions so far, so it is saved with each. */
  readonly slots: SlotTables;
}

/** Who did what, when and why, and what it changed. One per committed revision so far. */
export interface JournalEntry {
  /** 1, 2, 3 … in the order of commits; given by the store. */
  readonly seq: number;
  readonly atMs: number;
  readonly actor: string;
  readonly action: string;
  readonly reason: string;
  readonly revision: number;
  /** What the change was before and after, place by place. */
  readonly changes: readonly Difference[];
}

/**
 * Durable revisions and journal. `test/store/contract.ts` holds every implementation to the same behaviour.
 * Every method may throw a {@link StoreError}.
 */
export interface Store {
  /** The newest revision, or undefined in an empty store. */
  latest(): Promise<Revision | undefined>;
  revision(number: number): Promise<Revision | undefined>;
  /** The newest revision that came from a config file. */
  lastApplied(): Promise<Revision | undefined>;
  /** Newest first, at most `limit`. Without the documents: a thousand of them would be a lot to read for a list. */
  revisions(limit: number): Promise<readonly RevisionSummary[]>;
  /** Newest first, at most `limit`. */
  journal(limit: number): Promise<readonly JournalEntry[]>;
  /**
   * Saves a revision and its journal entry, both or neither, and returns when they are durable. The number must be the latest + 1.
   * Revisions beyond {@link revisionsKept} are dropped, oldest first; the last applied file stays.
   */
  commit(revision: Revision, changes: readonly Difference[]): Promise<void>;
  close(): Promise<void>;
}

/** How many revisions a store keeps for undo and restore. The journal is kept whole. */
export const revisionsKept = 1000;

/** The store could not read or save. The message says what, where and the way out; `cause` is the original error. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
}

/** One data-plane process as control sees it. */
export interface WorkerState {
  /** The worker's slot: 1 … N; 0 where everything runs in one process. A replacement keeps the slot. */
  readonly id: number;
  readonly pid: number;
  /** The revision it applied last, 0 before its first. */
  readonly revision: number;
}

/** The data plane as a whole: what control publishes to and hears from. Implemented over processes, or directly in one. */
export interface Fleet {
  workers(): readonly WorkerState[];
  /** The process that holds everything together; our own where there is only one. */
  readonly supervisorPid: number;
  /**
   * Sends a snapshot to every worker and resolves when all of them have applied it, or after `timeoutMs` with those that have not.
   * Never rejects. A worker that dies meanwhile is not waited for; one that starts meanwhile is.
   *
   * The snapshot is sent before this returns, so that calls are sent in their order. Calls overlap: a rollback does not wait for the
   * acknowledgement of the change before it. A worker that has applied what was published later has thereby applied this; one that has
   * only applied what was published before, under the same revision, has not.
   */
  publish(snapshot: Snapshot, timeoutMs: number): Promise<PublishResult>;
  /** Tells every worker, also those that start later, what is known about targets, in place of what was told before. Waits for nobody. */
  inform(conditions: Conditions): void;
  /** What was told last, perhaps by the control process before this one. */
  conditions(): Conditions;
  /** What names meant in the snapshot that workers had when this control process began; empty where it is the first. */
  addressesBefore(): ResolvedNames;
  /** What stood in files in that snapshot, by path. */
  filesBefore(): FileTexts;
  /** Asks every worker for its totals; those that do not answer within `timeoutMs` are left out. */
  collect(timeoutMs: number): Promise<ReadonlyMap<number, WorkerReport>>;
  /** Totals of workers that have died, so that counters never run backwards. */
  departed(): readonly WorkerReport[];
  /** What workers that live told the control process before this one, by process id: one of them may be stuck now. */
  toldBefore(): ReadonlyMap<number, WorkerReport>;
}

/** Whoever goes by what is in force: told of every snapshot before it is published, so that what it has to say first arrives first. */
export interface Follower {
  follow(model: Model, snapshot: Snapshot): void;
}

/** The keys that cookies are signed with. */
export interface KeyRing {
  /** The first signs, all verify. At least one. */
  keys(): readonly SigningKey[];
  /** Where they are kept, and where other machines may have them from; undefined = they are gone with the process. */
  readonly file: string | undefined;
  /**
   * Makes a new one, which verifies from now on and does not sign yet, and drops the oldest beyond {@link signingKeysMax}. Resolves with its id.
   * Throws a {@link StoreError}.
   */
  announce(): Promise<string>;
  /** Lets the one with this id sign from now on. Throws a {@link StoreError}. */
  promote(id: string): Promise<void>;
}

export const signingKeysMax = 4;

/** Something that happened by itself, or came of what somebody did: one for each transition. */
export interface Happening {
  readonly kind: 'health' | 'told' | 'busy' | 'ejection' | 'state' | 'drain' | 'addresses' | 'keys' | 'certificates';
  /** '' = it is about all of them, as is '' for the pool. */
  readonly service: string;
  readonly pool: string;
  /** '' = it is about the pool. */
  readonly target: string;
  readonly from: string;
  readonly to: string;
  /** Why, in a few words. */
  readonly cause: string;
  /** Whoever notes it has written a line of its own. */
  readonly isLogged?: boolean;
}

export interface Events {
  note(happening: Happening): void;
}

export interface PublishResult {
  readonly applied: readonly { readonly worker: number; readonly ms: number }[];
  readonly stragglers: readonly { readonly worker: number; readonly pid: number }[];
}

/** What somebody asks for: a change of the current document, or a way back to an earlier one. */
export type Command = Change | { readonly kind: 'restore'; readonly revision: number } | { readonly kind: 'undo' };

/** The circumstances of a command. */
export interface CommandOptions {
  readonly actor: string;
  /** '' = none given. */
  readonly reason: string;
  /** Refuse unless the current revision is one of these; undefined = no condition, an empty list = always refuse. */
  readonly ifRevisions?: readonly number[] | undefined;
  /** Decide and answer, but change nothing. */
  readonly dryRun: boolean;
  /** How long to wait for the workers. */
  readonly timeoutMs: number;
  /** Answer as soon as the change is durable and sent, without waiting for the workers. */
  readonly wait: 'workers' | 'none';
}

/** What became of a command: refusals are values, bugs are thrown. */
export type Reply =
  | {
      readonly kind: 'accepted';
      /** The revision in force afterwards; with `dryRun` the one that it would have been. The previous one where none was made. */
      readonly revision: number;
      readonly previous: number;
      readonly dryRun: boolean;
      /** Whether the document is another one than before. A config file that says what is in force already is noted all the same. */
      readonly changed: boolean;
      readonly changes: readonly Difference[];
      readonly applied: PublishResult['applied'];
      readonly stragglers: PublishResult['stragglers'];
    }
  | Rejection;

/** The circumstances of a rotation of signing keys. */
export interface RotationOptions extends Pick<CommandOptions, 'actor' | 'reason' | 'ifRevisions'> {
  /** How long to wait for the workers, for both steps together. Milliseconds. */
  readonly timeoutMs: number;
  /** However short a time ago keys were rotated. */
  readonly isForced: boolean;
}

/** What became of it. */
export type RotationReply =
  | {
      readonly kind: 'rotated';
      /** The id of the key that signs now. */
      readonly key: string;
      /** How many there are. */
      readonly keys: number;
      /** As in {@link KeyRing}. */
      readonly file: string | undefined;
      readonly applied: PublishResult['applied'];
      readonly stragglers: PublishResult['stragglers'];
    }
  | Rejection;

/** The control plane as the admin API sees it. */
export interface Controller {
  /** The revision in force. */
  current(): Revision;
  /** Its meaning. */
  model(): Model;
  execute(command: Command, options: CommandOptions): Promise<Reply>;
  revision(number: number): Promise<Revision | undefined>;
  revisions(limit: number): Promise<readonly RevisionSummary[]>;
  journal(limit: number): Promise<readonly JournalEntry[]>;
}
