/** What the command's exit code tells a script. Public: never change one. */
export const exitCodes = {
  /** Applied everywhere, or answered. */
  ok: 0,
  /** Wrong usage, or something unexpected. */
  failed: 1,
  /** Refused: validation, precondition, guard, permission. */
  refused: 2,
  /** Not everything was done in time; it may still be. */
  timedOut: 5,
  /** No admin API answers there. */
  unreachable: 6,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** Ends a command with a sentence or two on stderr that say what to type next. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly exitCode: ExitCode;

  constructor(message: string, exitCode: ExitCode) {
    super(message);
    this.exitCode = exitCode;
  }
}
