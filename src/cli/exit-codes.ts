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

/** What a script that asked for `--json` reads where a command fails: at least these two; from the admin API, its problem document. */
export interface FailureDocument {
  readonly code: string;
  readonly detail: string;
  readonly [key: string]: unknown;
}

const codeOf: Readonly<Record<ExitCode, string>> = { 0: 'OK', 1: 'FAILED', 2: 'REFUSED', 5: 'TIMED_OUT', 6: 'UNREACHABLE' };

/** Ends a command with a sentence or two on stderr that say what to type next. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly exitCode: ExitCode;
  readonly document: FailureDocument;

  constructor(message: string, exitCode: ExitCode, document: FailureDocument = { code: codeOf[exitCode], detail: message }) {
    super(message);
    this.exitCode = exitCode;
    this.document = document;
  }
}
