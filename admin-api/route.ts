/** One call of the admin API, and what it is handed and answers. */
import type { Role } from '../config/settings.ts';
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
  /** The least role that may call it; `nobody` = no token needed. */
  readonly role: Role | 'nobody';
  /** The query parameters that it takes; any other is an error. */
  readonly query: readonly QueryName[];
  /** The JSON schema of the body it needs; undefined = it takes none. */
  readonly body?: object;
  readonly handle: (call: Call, options: AdminApiOptions) => Promise<Answer> | Answer;
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
}

export interface Answer {
  readonly status: number;
  /** JSON, or a text where the content type says so. */
  readonly body: unknown;
  /** Without it: JSON. */
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
}
