import { type Cause, terminations } from '../src/core/terminations.ts';
import { Framing, type ResponseHead } from './message.ts';

/** An answer of our own: what happened, in one sentence, for a person; the cause, for a program (RFC 9209). */
export interface OwnAnswer {
  readonly head: ResponseHead;
  readonly body: Buffer;
}

export function ownAnswer(cause: Cause): OwnAnswer {
  let answer = made.get(cause);
  if (answer === undefined) made.set(cause, (answer = makeAnswer(cause)));
  return answer;
}

const made = new Map<Cause, OwnAnswer>();

function makeAnswer(cause: Cause): OwnAnswer {
  const { status, proxyStatus, sentence } = terminations[cause];
  const body = Buffer.from(`${status} ${cause}: ${sentence}\n`);
  const fields =
    `content-type: text/plain; charset=utf-8\r\ncontent-length: ${body.length}\r\ncache-control: no-store\r\n` +
    `proxy-status: sluice; error=${proxyStatus}; details="${cause}"\r\n${furtherFields[cause] ?? ''}`;
  const framing = Framing.length;
  const head = { status, reason: reasons[status] ?? '', fields, framing, contentLength: body.length, hasDate: false, version: '1.1' };
  return { head, body };
}

/** The methods that pass through and that are in common use; what a target makes of them is its own matter. */
const allowLine = 'allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n';

/** To an OPTIONS that may go no further than here (RFC 9110 sections 7.6.2 and 9.3.7). */
export const optionsAnswer: ResponseHead = {
  status: 200,
  reason: 'OK',
  fields: `${allowLine}content-length: 0\r\n`,
  framing: Framing.length,
  contentLength: 0,
  hasDate: false,
  version: '1.1',
};

/** Fields that a status asks for (RFC 9110 sections 15.5.6 and 10.2.3). */
const furtherFields: Partial<Record<Cause, string>> = {
  method_refused: allowLine,
  connection_limit: 'retry-after: 1\r\n',
  no_available_target: 'retry-after: 1\r\n',
  queue_full: 'retry-after: 1\r\n',
  queue_timeout: 'retry-after: 1\r\n',
  proxy_exhausted: 'retry-after: 1\r\n',
  memory_limit: 'retry-after: 1\r\n',
  drained: 'retry-after: 1\r\n',
  shutdown: 'retry-after: 1\r\n',
};

const reasons: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  413: 'Content Too Large',
  414: 'URI Too Long',
  417: 'Expectation Failed',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
  505: 'HTTP Version Not Supported',
};
