import type { Socket } from 'node:net';
import type { Conditions } from '../src/core/conditions.ts';
import type { SocketAddress } from '../src/core/model.ts';
import type { WorkerReport } from '../src/core/reports.ts';
import type { Snapshot } from '../src/core/snapshot.ts';
import type { Telling } from '../src/core/tellings.ts';
import type { CopySocket, Room } from './entrance/admission.ts';

export type { CopySocket, Room, SocketCopy } from './entrance/admission.ts';

/** One worker's data plane: the sockets, and the routing that requests are pinned to. */
export interface DataPlane {
  /** Makes a snapshot current, in one synchronous step: a request whose head is parsed after this returns is handled by it. */
  apply(snapshot: Snapshot): void;
  /**
   * Opens every listener of the applied snapshot and resolves with where they listen, in order. Rejects with the system's error (which
   * has `code`, `address`, `port`) when one cannot be opened; then none accepts any more. Needs a snapshot first. A listener that is named
   * in `sockets` listens on that file descriptor, which is bound already, and owns it from then on.
   */
  listen(sockets?: ReadonlyMap<string, number>): Promise<readonly SocketAddress[]>;
  /**
   * Stops accepting, finishes what runs, tells keep-alive clients to go (`Connection: close`), and resolves when no connection is left
   * or `deadlineMs` has passed, whichever is first; what is left then has been cut. Calling it again shortens the deadline.
   */
  drain(deadlineMs: number): Promise<void>;
  /** What is known about targets, in place of what was told before. May come before the snapshot that names them. */
  inform(conditions: Conditions): void;
  /** Everything that was counted. */
  report(): WorkerReport;
  /** What has changed of it since the last telling; everything, if `wantsWhole` or there was none. */
  tell(wantsWhole: boolean): Telling;
  /** Open client connections, upgraded ones included. Cheap, unlike a report. */
  readonly connections: number;
  /** How many more clients each listener would let in, by its name. Infinity = there is no limit. Cheap, too. */
  rooms(): ReadonlyMap<string, number>;
  /**
   * Serves a connection that another worker accepted for the listener of this name and handed over: its bare handle, as it has arrived.
   * `fullAt`: workers that had no room for it.
   */
  adopt(connection: object, listener: string, fullAt: readonly number[]): void;
}

/** The way to other workers. Both return true and take the socket, from which nothing was read, to one of them; or leave it here. */
export interface OtherWorkers {
  /** Asked for each new connection. `connections` are open without it. */
  spread(socket: Socket, listener: string, connections: number): boolean;
  /** Asked where there is no room for it here, nor was at the workers `fullAt`. */
  makeRoom(socket: Socket, listener: string, fullAt: readonly number[]): boolean;
}

/** What a data plane needs from the process that it runs in. */
export interface DataPlaneOptions {
  /** Takes whole access-log lines, without line ends; undefined = no access log. */
  readonly access?: ((line: string) => void) | undefined;
  /** Undefined where it is alone. */
  readonly otherWorkers?: OtherWorkers | undefined;
  /** Copies a listening socket, so that accepting can be paused. Without it, who comes when there is no room is turned away. */
  readonly copySocket?: CopySocket | undefined;
  /** What the process may use. Default: as much as it wants. */
  readonly room?: Room | undefined;
  /** How many workers share the limits that hold for all of them, and which this one is, from 0. Default: it is alone. */
  readonly workers?: { readonly count: number; readonly index: number } | undefined;
  /** Something an operator should know: one event, fixed message, variable fields. */
  readonly warn: (fields: Readonly<Record<string, unknown>>, message: string) => void;
  /** The same of what is no reason to do something. Default: it is dropped. */
  readonly info?: ((fields: Readonly<Record<string, unknown>>, message: string) => void) | undefined;
}
