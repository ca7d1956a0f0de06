import type { Decision } from './claim.ts';

/** One request's line in the access log. */
export interface AccessLine {
  readonly client: string;
  readonly method: string;
  readonly host: string;
  readonly target: string;
  /** What the client was sent; 499 where it left before an answer began. */
  readonly status: number;
  /** Bytes of the answer, its head included. */
  readonly bytes: number;
  /** Bytes that the client sent after its handshake. Told where the status is 101, and nowhere else. */
  readonly bytesReceived: number;
  readonly durationMs: number;
  readonly service: string;
  readonly pool: string;
  readonly targetId: string;
  readonly revision: number;
  readonly decision: Decision;
  /** Why the proxy itself answered or cut; '' = it passed on what the target said. */
  readonly cause: string;
  /** Why the request's own pool failed it, where the fallback has answered in its place; '' = it has not. */
  readonly rescued: string;
  /** The pool and the target that did. */
  readonly rescuedBy: string;
  /** Of the request and of its trace; '' = it has none, because the listener gives none or the head could not be read. */
  readonly requestId: string;
  readonly traceId: string;
}

/** Names and paths as JSON strings; nearly all need no escaping, which is found out faster than escaping is done. */
function quote(text: string): string {
  return plain.test(text) ? `"${text}"` : JSON.stringify(text);
}

const plain = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;

/**
 * Written by hand, because a log library takes several times as long per line. Without line end. The path is logged without its query,
 * which may hold secrets.
 */
export function formatAccessLine(line: AccessLine, time: string): string {
  const queryStart = line.target.indexOf('?');
  const path = queryStart < 0 ? line.target : line.target.slice(0, queryStart);
  return (
    `{"time":"${time}","client":${quote(line.client)},"method":${quote(line.method)},"host":${quote(line.host)},"path":${quote(path)}` +
    `,"status":${line.status},"bytes":${line.bytes}${line.status === 101 ? `,"received":${line.bytesReceived}` : ''},"ms":${Math.round(line.durationMs * 1000) / 1000},"service":${quote(line.service)}` +
    `,"pool":${quote(line.pool)},"target":${quote(line.targetId)},"revision":${line.revision},"decision":"${line.decision}"` +
    `,"cause":"${line.cause}"${namesOf(line)}${line.rescued === '' ? '' : `,"rescued":"${line.rescued}","rescuedBy":${quote(line.rescuedBy)}`}}`
  );
}

/** Both were checked, so there is nothing to escape. A trace that was made together with the request is called the same. */
function namesOf({ requestId, traceId }: AccessLine): string {
  return requestId === '' ? '' : `,"requestId":"${requestId}"${traceId === requestId || traceId === '' ? '' : `,"traceId":"${traceId}"`}`;
}
