import type { Handle } from './channel.ts';

/** One child process as the supervisor handles it. `fork.ts` makes real ones; tests bring their own. */
export interface Child<Sent, Received> {
  readonly pid: number;
  /** Messages to a process that has gone are dropped. */
  send(message: Sent, handle?: Handle): void;
  kill(signal: NodeJS.Signals): void;
  onMessage(listener: (message: Received, handle: Handle | undefined) => void): void;
  /** Called once. `code` is null where a signal ended it. */
  onExit(listener: (exit: Exit) => void): void;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
}

export function describeExit({ code, signal }: Exit): string {
  return signal === null ? `exit code ${code}` : `signal ${signal}`;
}
