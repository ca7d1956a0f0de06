/**
 * Messages as the middle of the proxy sees them: the same whatever HTTP version brought them or takes them away. The wire sides fill
 * them in; `fields` holds end-to-end field lines only, each ending with CRLF, already checked.
 */
import type { RouteSubject } from '../src/core/routes.ts';

/** How a body is delimited. */
export const Framing = {
  /** There is none. */
  none: 0,
  /** By Content-Length, which is among the fields. */
  length: 1,
  /** By its own end: chunked in HTTP/1.1, a flag in HTTP/2. The length is not known beforehand. */
  stream: 2,
} as const;
export type Framing = (typeof Framing)[keyof typeof Framing];

/** Nothing of these is meant to change anything at the target (RFC 9110 section 9.2.1). TRACE is refused before anybody asks. */
export const safeMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

export interface RequestHead extends RouteSubject {
  readonly method: string;
  /** Origin form as it goes to the target, `/path?query`, or `*`. */
  readonly target: string;
  /** Host and port as the client named them; '' from an HTTP/1.0 client that named none. */
  readonly authority: string;
  readonly fields: string;
  readonly framing: Framing;
  /** Bytes of the body where the framing is `length`. */
  readonly contentLength: number;
  /** The client waits for a 100 before it sends its body. */
  readonly expectsContinue: boolean;
  /** The protocol that the client wants to switch to, '' = none. */
  readonly upgrade: string;
  /** The version that the client spoke, as Via wants it: `1.1`. */
  readonly version: string;
}

export interface ResponseHead {
  readonly status: number;
  /** May be ''. */
  readonly reason: string;
  readonly fields: string;
  readonly framing: Framing;
  readonly contentLength: number;
  readonly hasDate: boolean;
  /** The version that the target spoke, as Via wants it: `1.1`; ours where the answer is ours. */
  readonly version: string;
}
