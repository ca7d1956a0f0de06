/** Refusals on their way out, as RFC 9457 problem documents. */
import { errorSummaries, type ErrorCode, type Problem } from '../src/core/errors.ts';
import type { Rejection } from '../src/core/change.ts';
import type { Answer } from './route.ts';
import { statusOf } from './error-status.ts';

/** Thrown inside the API where a call cannot go on; answered as a problem document, never logged as a bug. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly code: ErrorCode;
  readonly problems: readonly Problem[] | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: ErrorCode, detail: string, more: { problems?: readonly Problem[]; headers?: Readonly<Record<string, string>> } = {}) {
    super(detail);
    this.code = code;
    this.problems = more.problems;
    this.headers = more.headers ?? {};
  }
}

/** The body of a refusal. */
export interface ProblemDocument {
  /** Identifies the kind of problem; the page behind it explains it. */
  readonly type: string;
  /** The same sentence for every problem of this kind. */
  readonly title: string;
  readonly status: number;
  /** What happened here, to what, and the way out. */
  readonly detail: string;
  readonly code: ErrorCode;
  /** Each place of the document that is wrong. */
  readonly problems?: readonly Problem[];
}

export function problemDocument(code: ErrorCode, detail: string, problems?: readonly Problem[]): ProblemDocument {
  return {
    type: `https://sluice.example/problems/${code.toLowerCase().replaceAll('_', '-')}`,
    title: errorSummaries[code],
    status: statusOf[code],
    detail,
    code,
    ...(problems === undefined ? {} : { problems }),
  };
}

export function refusalAnswer(refusal: Refusal): Answer {
  return problemAnswer(refusal.code, refusal.message, refusal.problems, refusal.headers);
}

export function rejectionAnswer({ code, message, problems }: Rejection): Answer {
  return problemAnswer(code, message, problems, {});
}

function problemAnswer(
  code: ErrorCode,
  detail: string,
  problems: readonly Problem[] | undefined,
  headers: Readonly<Record<string, string>>,
): Answer {
  return { status: statusOf[code], body: problemDocument(code, detail, problems), contentType: 'application/problem+json', headers };
}
