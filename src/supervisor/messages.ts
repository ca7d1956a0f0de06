/**
 * What supervisor, control and workers say to each other. Plain and structured-cloneable.
 *
 * Each channel keeps its order, and that order carries meaning: control's `publish` reaches the supervisor before any later question,
 * and what the supervisor tells control about workers (`workerUp`, `applied`, `published`) arrives in the order in which it happened.
 * `test/supervisor/fleet.test.ts` holds the fleet to that.
 *
 * Each publish has an *edition*: 1, 2, 3 … as long as the supervisor lives, whichever control process it came from. A revision may be published
 * several times, with other addresses or signing keys, so its number does not tell which of them a worker has applied.
 */
import type { WorkerLoad } from '../core/worker-balance.ts';
import type { Conditions } from '../core/conditions.ts';
import type { SocketAddress } from '../core/model.ts';
import type { WorkerReport } from '../core/reports.ts';
import type { FileTexts, ResolvedNames, Snapshot } from '../core/snapshot.ts';
import type { ToldText } from './telling-text.ts';

/** Where a listener really listens: its port is known even where the configuration says 0. */
export interface OpenListener extends SocketAddress {
  readonly name: string;
}

export type ToWorker =
  /** The answer to `hello`. `setup` is what `app.ts` gives its workers; the supervisor does not look inside. */
  | {
      readonly kind: 'welcome';
      readonly worker: number;
      /** How many workers there are to be. */
      readonly workers: number;
      readonly setup: unknown;
      /** The descriptors that the worker has inherited, by the names of listeners. */
      readonly sockets: ReadonlyMap<string, number>;
      readonly snapshot: Snapshot | undefined;
      /** Of the snapshot; 0 = there is none. */
      readonly edition: number;
      readonly conditions: Conditions;
    }
  | { readonly kind: 'publish'; readonly snapshot: Snapshot; readonly edition: number }
  /** What is known about targets now. Answered with `informed`. */
  | { readonly kind: 'inform'; readonly conditions: Conditions }
  | { readonly kind: 'collect'; readonly ticket: number }
  | { readonly kind: 'drain'; readonly deadlineMs: number }
  /** How busy the workers are that have told lately. */
  | { readonly kind: 'loads'; readonly loads: readonly WorkerLoad[] }
  /** Comes with the handle of a connection that another worker accepted for this listener. */
  | { readonly kind: 'adopt'; readonly listener: string; readonly fullAt: readonly number[] }
  /** Answers the `copySocket` of this ticket, with the handle that came with it; without one where that was lost on the way. */
  | { readonly kind: 'socketCopy'; readonly ticket: number };

export type FromWorker =
  | { readonly kind: 'hello' }
  | { readonly kind: 'listening' }
  /** `ms`: how long the change itself took. */
  | { readonly kind: 'applied'; readonly revision: number; readonly edition: number; readonly ms: number }
  /** The revision could not be applied, which is a bug of ours; the one before stays in force. */
  | { readonly kind: 'notApplied'; readonly revision: number }
  | { readonly kind: 'informed' }
  /** Answers the `collect` of this ticket; ticket 0 is a worker's last word before it leaves. */
  | { readonly kind: 'report'; readonly ticket: number; readonly told: ToldText }
  /** It cannot start, for this reason, in words for the operator. It ends after this. */
  | { readonly kind: 'failed'; readonly message: string }
  /** Said just before `listening`, and from then on about every 100 ms. See {@link WorkerLoad}. */
  | { readonly kind: 'load'; readonly connections: number; readonly rooms: ReadonlyMap<string, number> }
  /** Comes with the handle of a connection that had better be served by worker `to`. `fullAt`: workers that had no room for it. */
  | { readonly kind: 'handOver'; readonly to: number; readonly listener: string; readonly fullAt: readonly number[] }
  /** Comes with the handle of a listening socket, which is to be sent back: a handle that travels is copied. Tickets are 1, 2, 3 … per worker. */
  | { readonly kind: 'copySocket'; readonly ticket: number };

/** A worker as the supervisor knows it. */
export interface WorkerInfo {
  readonly id: number;
  readonly pid: number;
  /** Applied last; 0 before its first. */
  readonly revision: number;
  /** The edition that was given to it last, applied or not; 0 = none yet. */
  readonly handed: number;
}

export type ToControl =
  /** The answer to `hello`: everything that a control process which starts in the middle of things has to know. */
  | {
      readonly kind: 'welcome';
      readonly setup: unknown;
      readonly supervisorPid: number;
      readonly workers: readonly WorkerInfo[];
      readonly departed: WorkerReport | undefined;
      /** What these workers have told, by process id: from the last telling that was whole to the last of all. */
      readonly told: ReadonlyMap<number, readonly ToldText[]>;
      /** Where the control process before this one listened, so that the address stays where the system chose the port. */
      readonly admin: SocketAddress | undefined;
      /** As in `serving`. */
      readonly serving: boolean;
      /** What the control process before this one knew about targets. */
      readonly conditions: Conditions;
      /** Of the snapshot that was published last; 0 = none yet. This process goes on from there. */
      readonly edition: number;
      /** What the names in that snapshot had been resolved to. */
      readonly addresses: ResolvedNames;
      /** What stood in the files that it names. */
      readonly files: FileTexts;
    }
  /** Every worker listens: the start is over. Sent once; a later worker's start does not take it back. */
  | { readonly kind: 'serving' }
  | { readonly kind: 'workerUp'; readonly worker: WorkerInfo }
  /** `departed`: the totals of all workers that have died, this one's last report included. */
  | { readonly kind: 'workerDown'; readonly worker: number; readonly pid: number; readonly departed: WorkerReport | undefined }
  | {
      readonly kind: 'applied';
      readonly worker: number;
      readonly pid: number;
      readonly revision: number;
      readonly edition: number;
      readonly ms: number;
    }
  /** All that a worker tells is passed on, in its order, its last word too: tellings build on each other. */
  | { readonly kind: 'report'; readonly worker: number; readonly pid: number; readonly ticket: number; readonly told: ToldText }
  /** The supervisor has stored this edition and sent it on: a worker that starts later gets it, or a newer one. */
  | { readonly kind: 'published'; readonly edition: number }
  /** Sluice is stopping: take no new work. */
  | { readonly kind: 'draining' }
  /** All workers are gone: finish the calls that run, and go. */
  | { readonly kind: 'leave' };

export type FromControl =
  | { readonly kind: 'hello' }
  | { readonly kind: 'ready'; readonly admin: SocketAddress }
  | { readonly kind: 'publish'; readonly snapshot: Snapshot; readonly edition: number }
  /** For every worker, also those that start later, in place of what was said before. A snapshot that is published after it never overtakes it. */
  | { readonly kind: 'inform'; readonly conditions: Conditions }
  /** Tickets are 1, 2, 3 … per control process. */
  | { readonly kind: 'collect'; readonly ticket: number }
  | { readonly kind: 'failed'; readonly message: string };
