/** What became of a probe, in a few words. */
import { agentField, printable, type ProbeResult } from '../../core/health.ts';
import type { HealthCheck } from '../../core/model.ts';

/** A result, or none at all because the probe could not even be sent: that is no fault of the target. */
export type Finding = ProbeResult | { readonly kind: 'none'; readonly detail: string };

/** Of the answer's body, so much is read and searched. */
export const bodyBytesMax = 65_536;

export type AnswerFields = Readonly<Record<string, string | readonly string[] | undefined>>;

export const failure = (detail: string): ProbeResult => ({ kind: 'fail', detail, words: '' });

/** What status line and fields say; a pass may yet fail by its body. */
export function judgeHead(check: HealthCheck, status: number, fields: AnswerFields): ProbeResult {
  const words = fieldOf(fields, agentField) ?? '';
  if (!check.status.some(({ from, to }) => status >= from && status <= to)) {
    const isBusy = status === 429 || (status === 503 && fieldOf(fields, 'retry-after') !== undefined);
    return { kind: isBusy ? 'busy' : 'fail', detail: `status ${status}, expected ${describeRanges(check)}`, words };
  }
  for (const { name, value } of check.headers) {
    const sent = fieldOf(fields, name.toLowerCase());
    if (sent === undefined) return { kind: 'fail', detail: `field ${name} is missing`, words };
    if (sent !== value) return { kind: 'fail', detail: `field ${name} is "${printable(sent)}", expected "${value}"`, words };
  }
  return { kind: 'pass', detail: `status ${status}`, words };
}

/** A field that comes several times is one list (RFC 9110, section 5.3). */
function fieldOf(fields: AnswerFields, name: string): string | undefined {
  const value = fields[name];
  return value === undefined || typeof value === 'string' ? value : value.join(', ');
}

function describeRanges({ status }: HealthCheck): string {
  return status.map(({ from, to }) => (from === to ? String(from) : `${from}-${to}`)).join(', ');
}

/** What is short here and not there: judging a target by it would take all of them out at once. */
const ourFaults: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EADDRNOTAVAIL']);

const sentences: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EPIPE: 'connection reset',
  UND_ERR_SOCKET: 'connection closed',
  ETIMEDOUT: 'connection timed out',
  EHOSTUNREACH: 'host unreachable',
  ENETUNREACH: 'network unreachable',
  ENOTFOUND: 'name not found',
  EAI_AGAIN: 'name could not be resolved',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'self-signed certificate',
  SELF_SIGNED_CERT_IN_CHAIN: 'certificate of an unknown authority',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'certificate of an unknown authority',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'certificate of an unknown authority',
  CERT_HAS_EXPIRED: 'certificate has expired',
  ERR_TLS_CERT_ALTNAME_INVALID: 'certificate is for another name',
};

export function findingOf(error: Error): Finding {
  const { code, name, message } = firstCause(error);
  if (code !== undefined && ourFaults.has(code)) return { kind: 'none', detail: `the probe could not be sent: ${code}` };
  if (name === 'HTTPParserError') return failure('the answer is not HTTP');
  return failure((code !== undefined && sentences[code]) || printable(message || 'failed'));
}

/** Where a name has several addresses and none can be reached, Node throws an AggregateError that has all their errors. */
function firstCause(error: Error): NodeJS.ErrnoException {
  return error instanceof AggregateError && error.errors.length > 0 ? (error.errors[0] as Error) : error;
}
