/**
 * The closed list of causes: why the proxy itself answered a request, or cut one, instead of passing on what the target said. The names
 * are public (access log, `Proxy-Status`, metrics): never rename one, never reuse a retired one. `docs/errors.md` has a line for each.
 *
 * A failure of the target is 502, 503 or 504 and names its cause; 500 says that Sluice has a bug.
 */
export interface Termination {
  /** What the client is answered; where the head was already sent, or nobody is left to answer, only the access log and metrics see it. */
  readonly status: number;
  /** The error type of RFC 9209 section 2.3, sent as `Proxy-Status: sluice; error=…`. */
  readonly proxyStatus: string;
  /** One sentence for a person: the body of the answer. */
  readonly sentence: string;
}

const refusals = {
  malformed_request: {
    status: 400,
    proxyStatus: 'http_request_error',
    sentence: 'The request is not valid HTTP/1.1, so it was not passed on.',
  },
  method_refused: { status: 405, proxyStatus: 'http_request_denied', sentence: 'CONNECT and TRACE are not passed on.' },
  head_timeout: { status: 408, proxyStatus: 'http_request_error', sentence: 'The request head did not arrive in time.' },
  body_timeout: { status: 408, proxyStatus: 'http_request_error', sentence: 'The request body stopped arriving.' },
  body_too_large: { status: 413, proxyStatus: 'http_request_denied', sentence: 'The request body is larger than this listener takes.' },
  uri_too_long: { status: 414, proxyStatus: 'http_request_denied', sentence: 'The request line is longer than this listener takes.' },
  expectation_unknown: {
    status: 417,
    proxyStatus: 'http_request_denied',
    sentence: 'The only expectation that is understood is 100-continue.',
  },
  head_too_large: {
    status: 431,
    proxyStatus: 'http_request_denied',
    sentence: 'The request head is larger, or has more fields, than this listener takes.',
  },
  coding_unknown: { status: 501, proxyStatus: 'http_request_denied', sentence: 'The only transfer coding that is understood is chunked.' },
  method_unknown: { status: 501, proxyStatus: 'http_request_denied', sentence: 'The method is none that is passed on.' },
  version_unsupported: { status: 505, proxyStatus: 'http_request_error', sentence: 'This listener speaks HTTP/1.1 and HTTP/1.0.' },
} satisfies Record<string, Termination>;

const unroutable = {
  no_route: { status: 404, proxyStatus: 'destination_not_found', sentence: 'No route matches this request.' },
  no_weight: { status: 503, proxyStatus: 'destination_unavailable', sentence: 'Every pool of the service has weight 0.' },
  no_available_target: {
    status: 503,
    proxyStatus: 'destination_unavailable',
    sentence: 'The pool has no target that can take the request.',
  },
  queue_full: {
    status: 503,
    proxyStatus: 'connection_limit_reached',
    sentence: 'Every target of the pool has as many requests as it may, and enough others wait already.',
  },
  queue_timeout: {
    status: 503,
    proxyStatus: 'connection_limit_reached',
    sentence: 'Every target of the pool had as many requests as it may for as long as this one could wait.',
  },
} satisfies Record<string, Termination>;

const targetFailures = {
  dns_error: { status: 502, proxyStatus: 'dns_error', sentence: "The target's name could not be resolved." },
  connection_refused: { status: 502, proxyStatus: 'connection_refused', sentence: 'The target refused the connection.' },
  unroutable: { status: 502, proxyStatus: 'destination_ip_unroutable', sentence: 'The target cannot be reached from here.' },
  connection_failed: { status: 502, proxyStatus: 'destination_unavailable', sentence: 'The connection to the target could not be made.' },
  connection_timeout: { status: 504, proxyStatus: 'connection_timeout', sentence: 'The target did not accept the connection in time.' },
  connection_terminated: {
    status: 502,
    proxyStatus: 'connection_terminated',
    sentence: 'The target closed the connection before it answered.',
  },
  tls_certificate_error: {
    status: 502,
    proxyStatus: 'tls_certificate_error',
    sentence: "The target's certificate is not one that is accepted here.",
  },
  tls_protocol_error: { status: 502, proxyStatus: 'tls_protocol_error', sentence: 'The target could not be agreed with on encryption.' },
  response_timeout: { status: 504, proxyStatus: 'http_response_timeout', sentence: 'The target did not answer in time.' },
  request_timeout: {
    status: 504,
    proxyStatus: 'http_response_timeout',
    sentence: 'The request took longer in all than the service allows.',
  },
  target_stalled: {
    status: 504,
    proxyStatus: 'connection_read_timeout',
    sentence: 'The exchange with the target fell silent for too long.',
  },
  malformed_response: {
    status: 502,
    proxyStatus: 'http_protocol_error',
    sentence: "The target's answer is not valid HTTP/1.1, so it was not passed on.",
  },
  response_head_too_large: {
    status: 502,
    proxyStatus: 'http_response_header_section_size',
    sentence: "The head of the target's answer is larger, or has more fields, than is passed on.",
  },
  response_coding_unknown: {
    status: 502,
    proxyStatus: 'http_response_transfer_coding',
    sentence: "The target's answer uses a transfer coding other than chunked.",
  },
  response_incomplete: {
    status: 502,
    proxyStatus: 'http_response_incomplete',
    sentence: 'The target closed the connection in the middle of its answer.',
  },
  upgrade_failed: { status: 502, proxyStatus: 'http_upgrade_failed', sentence: 'The connection could not be upgraded at the target.' },
} satisfies Record<string, Termination>;

const endings = {
  client_closed: { status: 499, proxyStatus: 'connection_terminated', sentence: 'The client went away before its answer was complete.' },
  client_stalled: { status: 499, proxyStatus: 'connection_write_timeout', sentence: 'The client did not read its answer for too long.' },
  upgrade_idle: {
    status: 504,
    proxyStatus: 'connection_read_timeout',
    sentence: 'The upgraded connection was silent in both directions for too long.',
  },
  tls_handshake_failed: {
    status: 400,
    proxyStatus: 'tls_protocol_error',
    sentence: 'This listener speaks HTTPS, and encryption could not be agreed on.',
  },
  connection_limit: { status: 503, proxyStatus: 'connection_limit_reached', sentence: 'The listener has as many connections as it may.' },
  proxy_header_malformed: {
    status: 400,
    proxyStatus: 'http_request_error',
    sentence: 'The connection does not begin with a valid PROXY protocol header, as the listener wants it from this network.',
  },
  proxy_exhausted: {
    status: 503,
    proxyStatus: 'connection_limit_reached',
    sentence: 'Sluice has no file descriptor, port or memory left for a connection to the target.',
  },
  memory_limit: {
    status: 503,
    proxyStatus: 'connection_limit_reached',
    sentence:
      'What clients do not take, or targets do not take of theirs, fills the memory that is kept for it, and here nothing has moved for longest.',
  },
  drained: { status: 503, proxyStatus: 'proxy_internal_response', sentence: 'The target was taken out, and the time to finish was over.' },
  shutdown: { status: 503, proxyStatus: 'proxy_internal_response', sentence: 'Sluice stopped before the request was finished.' },
  internal_error: { status: 500, proxyStatus: 'proxy_internal_error', sentence: 'Sluice has a bug; its log says more.' },
} satisfies Record<string, Termination>;

/** Every cause, in the order of docs/errors.md. */
export const terminations = { ...refusals, ...unroutable, ...targetFailures, ...endings } satisfies Record<string, Termination>;

export type Cause = keyof typeof terminations;

/** The causes in a fixed order, so that counters can be arrays. */
export const causes = Object.keys(terminations) as readonly Cause[];
