import type { SocketAddress } from '../src/core/model.ts';
import type { WorkerReport } from '../src/core/reports.ts';
import type { Snapshot } from '../src/core/snapshot.ts';

/** One worker's data plane: the sockets, and the routing that requests are pinned to. */
export interface DataPlane {
  /** Makes a snapshot current, in one synchronous step: a request whose head is parsed after this returns is handled by it. */
  apply(snapshot: Snapshot): void;
  /**
   * Opens every listener of the applied snapshot and resolves with where they listen, in order. Rejects with the system's error (which
   * has `code`, `address`, `port`) when one cannot be opened; then none stays open. Needs a snapshot first.
   */
  listen(): Promise<readonly SocketAddress[]>;
  /**
   * Stops accepting, finishes what runs, tells keep-alive clients to go (`Connection: close`), and resolves when no connection is left
   * or `deadlineMs` has passed, whichever is first; what is left then has been cut. Calling it again shortens the deadline.
   */
  drain(deadlineMs: number): Promise<void>;
  report(): WorkerReport;
}

/** What a data plane needs from the process that it runs in. */
export interface DataPlaneOptions {
  /** Takes whole access-log lines, without line ends; undefined = no access log. */
  readonly access?: ((line: string) => void) | undefined;
  /** Something an operator should know: one event, fixed message, variable fields. */
  readonly warn: (fields: Readonly<Record<string, unknown>>, message: string) => void;
}
