/** The single writer. Commands run one at a time: decide, commit, publish, reply: durable, then visible, then acknowledged. */
import { proposeChange, reject, type Rejection } from '../core/change.ts';
import { keepFixedParts } from '../core/fixed-parts.ts';
import { unreachable } from '../core/invariant.ts';
import { equalJson, type JsonObject } from '../core/json.ts';
import type { Model } from '../core/model.ts';
import type { Snapshot } from '../core/snapshot.ts';
import {
  StoreError,
  type Clock,
  type Command,
  type CommandOptions,
  type Controller,
  type Fleet,
  type Follower,
  type Interpret,
  type JournalEntry,
  type Log,
  type PublishResult,
  type Reply,
  type Revision,
  type RevisionSummary,
  type Store,
} from './ports.ts';
import {
  goalBackTo,
  goalFrom,
  goalOfFile,
  inForce,
  isRejection,
  prepare,
  type Goal,
  type InForce,
  type LiveSurroundings,
  type Prepared,
} from './prepare.ts';
import { prepareStart, type Start } from './start.ts';

export interface ControllerParts {
  readonly store: Store;
  readonly fleet: Fleet;
  readonly interpret: Interpret;
  readonly clock: Clock;
  readonly log: Log;
  /** What snapshots are compiled with. Without it no name is resolved here, and nothing is signed. */
  readonly surroundings?: LiveSurroundings | undefined;
  /** In this order, before each publish that brings something new. A follower that throws is logged, and holds nobody up. */
  readonly followers?: readonly Follower[] | undefined;
}

/**
 * Opens the control plane on what the store holds and the file says (see `prepareStart`). Saves and publishes nothing yet: the composition
 * root calls {@link SingleWriter.begin} when nothing else can fail. Throws a `StoreError` where the store cannot be read.
 */
export async function openController(parts: ControllerParts, file: JsonObject | undefined): Promise<SingleWriter | Rejection> {
  const start = await prepareStart(parts, file);
  return start.kind === 'rejected' ? start : new SingleWriter(parts, start);
}

type Decide = (current: InForce) => Promise<Goal | Rejection>;
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
  putPool: 'pool',
  deletePool: 'pool',
  putTarget: 'target',
  deleteTarget: 'target',
  state: 'state',
  mirrors: 'mirrors',
  overrides: 'overrides',
  weights: 'weights',
  switch: 'switch',
  restore: 'restore',
  undo: 'undo',
} satisfies Record<Command['kind'], string>;

const nobody: PublishResult = { applied: [], stragglers: [] };

export class SingleWriter implements Controller {
  readonly kind = 'opened';
  readonly #parts: ControllerParts;
  #inForce: InForce;
  /** What the followers know of. */
  #followed: Snapshot | undefined;
  /** What has to be saved before anything else is done. */
  #start: Prepared | undefined;
  /** Resolves when the last command in the queue has had its turn. Never rejects. */
  #lastTurn: Promise<void> = Promise.resolve();
  #closing = false;

  constructor(parts: ControllerParts, start: Start) {
    this.#parts = parts;
    this.#inForce = start.kind === 'resumed' ? start.inForce : start.next;
    this.#start = start.kind === 'resumed' ? undefined : start;
  }

  /** Saves what the config file has changed. Once, before the first command; throws a `StoreError` where that fails. */
  async begin(): Promise<void> {
    const start = this.#start;
    this.#start = undefined;
    if (start !== undefined) await this.#inTurn(() => this.#carryOut(start));
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

  /** No more is taken, because Sluice is stopping. */
  get isClosing(): boolean {
    return this.#closing;
  }

  /** Sends the workers what is in force once more; for those that have just started. */
  republish(timeoutMs: number): Promise<PublishResult> {
    return this.#send(timeoutMs);
  }

  /**
   * Compiles the revision in force anew, because what surrounds it has changed, and publishes that; in turn with the commands. While Sluice is
   * stopping it does nothing.
   */
  async refresh(timeoutMs: number): Promise<PublishResult> {
    if (this.#closing) return nobody;
    const { publishing } = await this.#inTurn(async () => {
      const { revision, model } = this.#inForce;
      this.#inForce = inForce(revision, model, this.#parts.surroundings);
      return { publishing: this.#send(timeoutMs) };
    });
    return publishing;
  }

  revision(number: number): Promise<Revision | undefined> {
    return this.#parts.store.revision(number);
  }

  revisions(limit: number): Promise<readonly RevisionSummary[]> {
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
    const before = current.revision;
    const { actor, reason, dryRun, ifRevisions } = options;
    if (ifRevisions !== undefined && !ifRevisions.includes(before.number)) return staleRevision(ifRevisions, before.number);

    let goal: Goal | Rejection;
    try {
      goal = await decide(current);
    } catch (cause) {
      return this.#storeUnavailable(cause, 'reading an earlier revision failed; the running configuration is unchanged');
    }
    if (isRejection(goal)) return goal;

    const { interpret, surroundings, clock } = this.#parts;
    const preparation = await prepare(before, current, goal, { actor, action, reason, interpret, surroundings, nowMs: clock.nowMs() });
    if (preparation.kind === 'rejected') return preparation;
    const previous = before.number;
    if (preparation.kind === 'unchanged') {
      const accepted: Accepted = { kind: 'accepted', revision: previous, previous, dryRun, changed: false, changes: [], ...nobody };
      return { accepted, publishing: this.#publish(options) };
    }
    const { next, changes } = preparation;
    const revision = next.revision.number;
    const accepted: Accepted = { kind: 'accepted', revision, previous, dryRun, changed: changes.length > 0, changes, ...nobody };
    if (dryRun) return { accepted, publishing: undefined };

    try {
      await this.#carryOut(preparation);
    } catch (cause) {
      return this.#storeUnavailable(cause, 'commit failed; the running configuration is unchanged');
    }
    return { accepted, publishing: this.#publish(options) };
  }

  /** Durable, then in force. Throws where it cannot be saved; then nothing has changed. */
  async #carryOut({ next, changes }: Prepared): Promise<void> {
    await this.#parts.store.commit(next.revision, changes);
    this.#inForce = next;
    const { number, actor, action, reason } = next.revision;
    this.#parts.log.info({ revision: number, actor, action, reason, changes: changes.length }, 'revision committed');
  }

  /** Undefined where the answer does not wait for the workers; they are sent the snapshot all the same. */
  #publish(options: CommandOptions): Promise<PublishResult> | undefined {
    if (options.dryRun) return undefined;
    const publishing = this.#send(options.timeoutMs);
    return options.wait === 'workers' ? publishing : undefined;
  }

  /** What is in force goes to the workers; what the followers have to say of it first goes before it. */
  #send(timeoutMs: number): Promise<PublishResult> {
    const { model, snapshot } = this.#inForce;
    if (this.#followed !== snapshot) {
      this.#followed = snapshot;
      for (const follower of this.#parts.followers ?? []) this.#tell(follower, model, snapshot);
    }
    return this.#parts.fleet.publish(snapshot, timeoutMs);
  }

  /** The revision is durable by now: whatever a follower makes of it, the workers must have it. */
  #tell(follower: Follower, model: Model, snapshot: Snapshot): void {
    try {
      follower.follow(model, snapshot);
    } catch (cause) {
      this.#parts.log.error({ err: cause, revision: snapshot.revision }, 'a follower failed; the revision is published all the same');
    }
  }

  async #decide(current: InForce, command: Command): Promise<Goal | Rejection> {
    if (command.kind === 'undo') return this.#decideUndo(current);
    if (command.kind === 'restore') return this.#decideRestore(current, command.revision);
    const proposal = proposeChange({ document: current.revision.document, model: current.model }, command);
    if (proposal.kind === 'rejected') return proposal;
    if (proposal.kind === 'proposed') return goalFrom(current.revision, proposal.document);
    return unreachable(proposal);
  }

  async #decideRestore(current: InForce, number: number): Promise<Goal | Rejection> {
    const earlier = await this.#parts.store.revision(number);
    if (earlier === undefined) return revisionNotFound(number, current.revision.number);
    return this.#goalBackTo(current, earlier, keepFixedParts(current.revision.document, earlier.document));
  }

  /**
   * Goes back along `undoTo` to the nearest revision that is different in what may change live. Without that, a revision which only
   * noted a new config file, or which differs in fixed parts alone, would hold up every further undo.
   */
  async #decideUndo(current: InForce): Promise<Goal | Rejection> {
    let from = current.revision;
    while (from.undoTo !== undefined) {
      const earlier = await this.#parts.store.revision(from.undoTo);
      if (earlier === undefined) {
        return reject('NOTHING_TO_UNDO', `Revision ${from.undoTo}, which comes before, is too old and no longer kept.`);
      }
      const document = keepFixedParts(current.revision.document, earlier.document);
      if (!equalJson(document, current.revision.document)) {
        return { ...this.#goalBackTo(current, earlier, document), undoTo: earlier.undoTo };
      }
      from = earlier;
    }
    return reject(
      'NOTHING_TO_UNDO',
      `Nothing comes before revision ${current.revision.number}; "restore" goes to a revision by its number.`,
    );
  }

  #goalBackTo(current: InForce, earlier: Revision, document: JsonObject): Goal {
    const { interpret, clock } = this.#parts;
    return goalBackTo(current, earlier, document, { interpret, nowMs: clock.nowMs() });
  }

  async #decideFile({ revision }: InForce, file: JsonObject): Promise<Goal | Rejection> {
    return goalOfFile((await this.#parts.store.lastApplied())?.fileDocument, revision, file);
  }

  /** Throws what is not the store's: a bug must not pass for a full disk. */
  #storeUnavailable(cause: unknown, message: string): Rejection {
    if (!(cause instanceof StoreError)) throw cause;
    this.#parts.log.error({ err: cause }, message);
    return reject('STORE_UNAVAILABLE', `Nothing has changed. ${cause.message}`);
  }
}

/** What is refused because `If-Match` names other revisions than the current one. */
export function staleRevision(named: readonly number[], current: number): Rejection {
  const names =
    named.length === 0 ? 'no revision that can match' : named.length === 1 ? `revision ${named[0]}` : `revisions ${named.join(', ')}`;
  return reject('STALE_REVISION', `If-Match names ${names}, but revision ${current} is in force; read it again and repeat the change.`);
}

function revisionNotFound(number: number, current: number): Rejection {
  const why = number > current ? `the newest is ${current}` : 'it is too old and no longer kept';
  return reject('REVISION_NOT_FOUND', `There is no revision ${number}: ${why}.`);
}

function ignore(): void {}
