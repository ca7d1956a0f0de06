/** Refusals on their way out, as RFC 9457 problem documents. */
import { Type, type Static } from 'typebox';
import type { Rejection } from '../src/core/change.ts';
import { errorSummaries, type ErrorCode, type Problem } from '../src/core/errors.ts';
import { isJsonObject, type Json } from '../src/core/json.ts';
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

const ProblemSchema = Type.Object(
  {
    pointer: Type.Optional(Type.String({ description: 'The place in the body that was sent (RFC 6901); "" is all of it.' })),
    documentPointer: Type.Optional(
      Type.String({ description: 'Instead of `pointer`: the place in the configuration, where what is wrong was not in the body.' }),
    ),
    message: Type.String({ description: 'What was expected there, what was found, and the way out.' }),
  },
  { additionalProperties: false },
);

/** The body of a refusal. */
export const ProblemDocumentSchema = Type.Object(
  {
    type: Type.String({ description: 'The kind of problem, as a URN made of the code: urn:sluice:problem:stale-revision.' }),
    title: Type.String({ description: 'The same sentence for every problem of this kind.' }),
    status: Type.Integer({ minimum: 400, maximum: 599 }),
    detail: Type.String({ description: 'What happened here, to what, and the way out.' }),
    code: Type.Enum(Object.keys(errorSummaries) as ErrorCode[]),
    problems: Type.Optional(Type.Array(ProblemSchema, { description: 'Each place that is wrong.' })),
  },
  { $id: 'Problem', additionalProperties: false, description: 'A refusal (RFC 9457).' },
);
export type ProblemDocument = Static<typeof ProblemDocumentSchema>;
export type PlacedProblem = Static<typeof ProblemSchema>;

export function problemDocument(code: ErrorCode, detail: string, problems?: readonly PlacedProblem[]): ProblemDocument {
  return {
    type: problemType(code),
    title: errorSummaries[code],
    status: statusOf[code],
    detail,
    code,
    ...(problems === undefined ? {} : { problems: [...problems] }),
  };
}

/** A name and not an address: there is no page behind it, and a client must not look for one. */
export function problemType(code: ErrorCode): string {
  return `urn:sluice:problem:${code.toLowerCase().replaceAll('_', '-')}`;
}

export function refusalAnswer({ code, message, problems, headers }: Refusal): Answer {
  return problemAnswer(code, message, problems, headers);
}

/** `sent` is the body that was refused, and where in the configuration it belongs; undefined where there was none. */
export function rejectionAnswer({ code, message, problems }: Rejection, sent?: SentBody): Answer {
  return problemAnswer(
    code,
    message,
    problems?.map((problem) => placeInBody(problem, sent)),
    {},
  );
}

export interface SentBody {
  readonly body: Json;
  /** A pointer into the configuration, such as `/services/shop/weights`; '' = the body is, or changes, the whole of it. */
  readonly place: string;
}

/** A problem of the configuration as the caller sees it: in their own body, where it is in there or missing from it. */
function placeInBody({ pointer, message }: Problem, sent: SentBody | undefined): PlacedProblem {
  if (pointer === '') return { pointer, message };
  if (sent === undefined || !(pointer === sent.place || pointer.startsWith(`${sent.place}/`))) return { documentPointer: pointer, message };
  const inside = pointer.slice(sent.place.length);
  return isOrCouldBeIn(sent.body, inside) ? { pointer: inside, message } : { documentPointer: pointer, message };
}

/** Whether all but the last step leads somewhere: what is missing is missing from there. */
function isOrCouldBeIn(body: Json, pointer: string): boolean {
  let value: Json | undefined = body;
  for (const segment of pointer.split('/').slice(1, -1)) {
    const key = segment.replaceAll('~1', '/').replaceAll('~0', '~');
    value = Array.isArray(value) ? value[Number(key)] : isJsonObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  }
  return value !== undefined && value !== null;
}

function problemAnswer(
  code: ErrorCode,
  detail: string,
  problems: readonly PlacedProblem[] | undefined,
  headers: Readonly<Record<string, string>>,
): Answer {
  return { status: statusOf[code], body: problemDocument(code, detail, problems), contentType: 'application/problem+json', headers };
}
