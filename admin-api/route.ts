/** One call of the admin API, and what it is handed and answers. */
import type { TSchema } from 'typebox';
import type { Role } from '../config/settings.ts';
import type { ErrorCode } from '../src/core/errors.ts';
import type { Json } from '../src/core/json.ts';
import type { AdminApiOptions } from './options.ts';
import type { QueryName } from './query.ts';

export type Method = 'GET' | 'PUT' | 'PATCH' | 'POST' | 'DELETE';

export interface Route {
  readonly method: Method;
  /** With parameters as in `/v1/services/:service`. */
  readonly path: string;
  /** One line for the documentation. */
  readonly summary: string;
  /** The least role that may call it; `public` = no token needed. */
  readonly role: Role | 'public';
  /** The query parameters that it takes; any other is an error. */
  readonly query: readonly QueryName[];
  /** Whether it heeds If-Match, as every change does. */
  readonly ifMatch?: boolean;
  /** The JSON schema of the body it needs; undefined = it takes none. */
  readonly body?: object;
  /** What it answers, by status, where it does not refuse. */
  readonly answers: Readonly<Record<number, AnswerDescription>>;
  /** What it refuses with, beside what any call may be refused with (see `errorsOf` in `openapi.ts`). */
  readonly errors: readonly ErrorCode[];
  readonly handle: (call: Call, options: ApiContext) => Promise<Answer> | Answer;
}

export interface AnswerDescription {
  readonly description: string;
  /** The JSON schema of the body; undefined = it is text. */
  readonly schema?: TSchema;
  /** Whether it carries the entity tag of the revision in force. */
  readonly etag?: boolean;
}

/** What handlers work with. */
export interface ApiContext extends AdminApiOptions {
  /** The table of calls as OpenAPI. */
  readonly openApi: () => object;
}

/** A call that may be made: authorised, with its body read. */
export interface Call {
  /** From the path, decoded. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: ReadonlyMap<QueryName, string>;
  /** Undefined where the body is empty. */
  readonly body: Json | undefined;
  readonly ifMatch: string | undefined;
  /** Who calls, for the journal. */
  readonly actor: string;
  /** Aborted when the caller has hung up before the answer. */
  readonly signal: AbortSignal;
}

export interface Answer {
  readonly status: number;
  /** JSON, or a text where the content type says so. */
  readonly body: unknown;
  /** Without it: JSON. */
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
}
