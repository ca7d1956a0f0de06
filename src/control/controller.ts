/** The single writer. Commands run one at a time: decide, commit, publish, reply: durable, then visible, then acknowledged. */
import { proposeChange, reject, type Rejection } from '../core/change.ts';
import { changedFixedParts, keepFixedParts } from '../core/fixed-parts.ts';
import { unreachable } from '../core/invariant.ts';
import { diffJson, equalJson, type JsonObject } from '../core/json.ts';
import type { Model } from '../core/model.ts';
import { compileSnapshot, type Snapshot } from '../core/snapshot.ts';
import {
  StoreError,
  type Clock,
  type Command,
  type CommandOptions,
  type Controller,
  type Fleet,
  type Interpret,
  type JournalEntry,
  type Log,
  type PublishResult,
  type Reply,
  type Revision,
  type Store,
} from './ports.ts';
import { mergeFile, resumeOrApply } from './start.ts';

export interface ControllerParts {
  readonly store: Store;
  readonly fleet: Fleet;
  readonly interpret: Interpret;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Opens the control plane on what the store holds and the file says (see `resumeOrApply`). Publishes nothing yet: the composition
 * root calls {@link SingleWriter.republish} when its workers can take a snapshot. Throws a `StartError` or a `StoreError`.
 */
export async function openController(parts: ControllerParts, file: JsonObject | undefined): Promise<SingleWriter> {
  const { revision, model } = await resumeOrApply(parts, file);
  return new SingleWriter(parts, revision, model);
}

/** What is in force, in its three forms; replaced as a whole. */
interface InForce {
  readonly revision: Revision;
  readonly model: Model;
  readonly snapshot: Snapshot;
}

/** A document that a command leads to. `undoTo` and `fileDocument` as in {@link Revision}. */
interface Decision {
  readonly kind: 'decided';
  readonly document: JsonObject;
  readonly undoTo: number | undefined;
  readonly fileDocument: JsonObject | undefined;
}

type Decide = (current: InForce) => Promise<Decision | Rejection>;
type Accepted = Extract<Reply, { kind: 'accepted' }>;

/** A command after its turn: what there is to answer once the workers have acknowledged. */
type Settled = { readonly accepted: Accepted; readonly publishing: Promise<PublishResult> | undefined } | Rejection;

/** The journal's words for commands. */
const actionOf = {
  replace: 'config',
  patch: 'config',
  putService: 'service',
  patchService: 'service',
  deleteService: 'service',
  weights: 'weights',
  switch: 'switch',
  restore: 'restore',
  undo: 'undo',
} satisfies Record<Command['kind'], string>;

const nobody: PublishResult = { applied: [], stragglers: [] };

export class SingleWriter implements Controller {
  readonly #parts: ControllerParts;
  #inForce: InForce;
  /** Resolves when the last command in the queue has had its turn. Never rejects. */
  #lastTurn: Promise<void> = Promise.resolve();
  #closing = false;

  constructor(parts: ControllerParts, revision: Revision, model: Model) {
    this.#parts = parts;
    this.#inForce = { revision, model, snapshot: compileSnapshot(model, revision.number) };
  }

  current(): Revision {
    return this.#inForce.revision;
  }

  model(): Model {
    return this.#inForce.model;
  }

  /** The compiled form of {@link current}. */
  snapshot(): Snapshot {
    return this.#inForce.snapshot;
  }

  execute(command: Command, options: CommandOptions): Promise<Reply> {
    return this.#run((current) => this.#decide(current, command), actionOf[command.kind], options);
  }

  /** Applies a config file to the running process, by a three-way merge as at start. What is fixed while it runs cannot change so. */
  applyFile(file: JsonObject, options: CommandOptions): Promise<Reply> {
    return this.#run((current) => this.#decideFile(current, file), 'file', options);
  }

  /** Sends the workers what is in force once more; for those that have just started. */
  republish(timeoutMs: number): Promise<PublishResult> {
    return this.#parts.fleet.publish(this.#inForce.snapshot, timeoutMs);
  }

  revision(number: number): Promise<Revision | undefined> {
    return this.#parts.store.revision(number);
  }

  revisions(limit: number): Promise<readonly Revision[]> {
    return this.#parts.store.revisions(limit);
  }

  journal(limit: number): Promise<readonly JournalEntry[]> {
    return this.#parts.store.journal(limit);
  }

  /** Takes no more commands and resolves when those that were taken have been committed or refused. Leaves the store open. */
  close(): Promise<void> {
    this.#closing = true;
    return this.#lastTurn;
  }

  async #run(decide: Decide, action: string, options: CommandOptions): Promise<Reply> {
    if (this.#closing) return reject('SHUTTING_DOWN', 'Sluice is stopping; send the change again when it has been restarted.');
    const settled = await this.#inTurn(() => this.#settle(decide, action, options));
    if (!('accepted' in settled)) return settled;
    // Waited for outside the turn: while a stuck worker is waited for, the next command, perhaps the rollback, must not be held up.
    return { ...settled.accepted, ...(await settled.publishing) };
  }

  async #inTurn<T>(turn: () => Promise<T>): Promise<T> {
    const result = this.#lastTurn.then(turn);
    this.#lastTurn = result.then(ignore, ignore);
    return result;
  }

  async #settle(decide: Decide, action: string, options: CommandOptions): Promise<Settled> {
    const current = this.#inForce;
    const { number } = current.revision;
    if (options.ifRevisions !== undefined && !options.ifRevisions.includes(number)) return staleRevision(options.ifRevisions, number);

    let decision: Decision | Rejection;
    try {
      decision = await decide(current);
    } catch (cause) {
      if (!(cause instanceof StoreError)) throw cause;
      return this.#storeUnavailable(cause, 'reading an earlier revision failed; the running configuration is unchanged');
    }
    if (decision.kind === 'rejected') return decision;

    const changed = !equalJson(current.revision.document, decision.document);
    const { dryRun } = options;
    if (!changed && decision.fileDocument === undefined) {
      const accepted: Accepted = { kind: 'accepted', revision: number, previous: number, dryRun, changed, changes: [], ...nobody };
      return { accepted, publishing: this.#publish(current.snapshot, options) };
    }

    const meaning = this.#parts.interpret(decision.document);
    if (meaning.kind === 'invalid') {
      return reject('INVALID', 'The configuration would not be valid after the change; see the list of problems.', meaning.problems);
    }
    const fixed = changedFixedParts(
      { document: current.revision.document, model: current.model },
      { document: decision.document, model: meaning.model },
    );
    if (fixed.length > 0) {
      const parts = fixed.map((problem) => problem.pointer).join(', ');
      return reject('NEEDS_RESTART', `${parts}: fixed while Sluice runs; change the config file and restart.`, fixed);
    }

    const revision: Revision = {
      number: number + 1,
      document: decision.document,
      createdAtMs: this.#parts.clock.nowMs(),
      actor: options.actor,
      action,
      reason: options.reason,
      undoTo: decision.undoTo,
      fileDocument: decision.fileDocument,
    };
    const changes = diffJson(current.revision.document, decision.document);
    // Compiled before it is saved, so that a bug of ours in compiling refuses the change instead of saving what cannot be published.
    const snapshot = compileSnapshot(meaning.model, revision.number);
    const accepted: Accepted = { kind: 'accepted', revision: revision.number, previous: number, dryRun, changed, changes, ...nobody };
    if (dryRun) return { accepted, publishing: undefined };

    try {
      await this.#parts.store.commit(revision, changes);
    } catch (cause) {
      return this.#storeUnavailable(cause, 'commit failed; the running configuration is unchanged');
    }
    this.#inForce = { revision, model: meaning.model, snapshot };
    const { actor, reason } = options;
    this.#parts.log.info({ revision: revision.number, actor, action, reason, changes: changes.length }, 'revision committed');
    return { accepted, publishing: this.#publish(snapshot, options) };
  }

  /** Undefined where the answer does not wait for the workers; they are sent the snapshot all the same. */
  #publish(snapshot: Snapshot, options: CommandOptions): Promise<PublishResult> | undefined {
    if (options.dryRun) return undefined;
    const publishing = this.#parts.fleet.publish(snapshot, options.timeoutMs);
    return options.wait === 'workers' ? publishing : undefined;
  }

  async #decide(current: InForce, command: Command): Promise<Decision | Rejection> {
    if (command.kind === 'undo') return this.#decideUndo(current);
    if (command.kind === 'restore') return this.#decideRestore(current, command.revision);
    const proposal = proposeChange({ document: current.revision.document, model: current.model }, command);
    if (proposal.kind === 'rejected') return proposal;
    if (proposal.kind === 'proposed') return decided(current, proposal.document);
    return unreachable(proposal);
  }

  async #decideRestore(current: InForce, number: number): Promise<Decision | Rejection> {
    const earlier = await this.#parts.store.revision(number);
    if (earlier === undefined) return revisionNotFound(number, current.revision.number);
    return decided(current, keepFixedParts(current.revision.document, earlier.document));
  }

  /**
   * Goes back along `undoTo` to the nearest revision that is different in what may change live. Without that, a revision which only
   * noted a new config file, or which differs in fixed parts alone, would hold up every further undo.
   */
  async #decideUndo(current: InForce): Promise<Decision | Rejection> {
    let from = current.revision;
    while (from.undoTo !== undefined) {
      const earlier = await this.#parts.store.revision(from.undoTo);
      if (earlier === undefined) {
        return reject('NOTHING_TO_UNDO', `Revision ${from.undoTo}, which comes before, is too old and no longer kept.`);
      }
      const document = keepFixedParts(current.revision.document, earlier.document);
      if (!equalJson(document, current.revision.document)) {
        return { kind: 'decided', document, undoTo: earlier.undoTo, fileDocument: undefined };
      }
      from = earlier;
    }
    return reject(
      'NOTHING_TO_UNDO',
      `Nothing comes before revision ${current.revision.number}; "restore" goes to a revision by its number.`,
    );
  }

  /** The file is noted even where it changes nothing, because it is the base of the next merge. */
  async #decideFile(current: InForce, file: JsonObject): Promise<Decision | Rejection> {
    const base = (await this.#parts.store.lastApplied())?.fileDocument;
    if (base !== undefined && equalJson(base, file)) return decided(current, current.revision.document);
    return { ...decided(current, mergeFile(base, current.revision.document, file)), fileDocument: file };
  }

  #storeUnavailable(cause: unknown, message: string): Rejection {
    this.#parts.log.error({ err: cause }, message);
    return reject('STORE_UNAVAILABLE', `Nothing has changed. ${cause instanceof Error ? cause.message : 'See the log for the cause.'}`);
  }
}

function decided(current: InForce, document: JsonObject): Decision {
  return { kind: 'decided', document, undoTo: current.revision.number, fileDocument: undefined };
}

function staleRevision(named: readonly number[], current: number): Rejection {
  const names =
    named.length === 0 ? 'no revision that can match' : named.length === 1 ? `revision ${named[0]}` : `revisions ${named.join(', ')}`;
  return reject('STALE_REVISION', `If-Match names ${names}, but revision ${current} is in force; read it again and repeat the change.`);
}

function revisionNotFound(number: number, current: number): Rejection {
  const why = number > current ? `the newest is ${current}` : 'it is too old and no longer kept';
  return reject('REVISION_NOT_FOUND', `There is no revision ${number}: ${why}.`);
}

function ignore(): void {}
