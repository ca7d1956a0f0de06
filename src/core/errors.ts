/**
 * Every code that a caller of the admin API or the command line can meet, with one sentence. Codes are public: never rename one,
 * never reuse a retired one. Why the *proxy* answered a request itself is another list: `terminations.ts`.
 */
export const errorSummaries = {
  MALFORMED: 'The request could not be read.',
  INVALID: 'The document is well-formed, but something in it is not allowed.',
  NOT_FOUND: 'There is no such path.',
  METHOD_NOT_ALLOWED: 'The path exists, but not with this method.',
  SERVICE_NOT_FOUND: 'No service has this id.',
  POOL_NOT_FOUND: 'No pool of the service has this id.',
  TARGET_NOT_FOUND: 'No target of the pool has this id.',
  REVISION_NOT_FOUND: 'No saved revision has this number.',
  POOL_IN_USE: 'The service still needs the pool.',
  NOTHING_TO_UNDO: 'There is no earlier revision to go back to.',
  STALE_REVISION: 'If-Match names another revision than the current one.',
  TOO_SOON: 'The same was done so short a time ago that doing it again would do harm.',
  NEEDS_RESTART: 'The change concerns something that is fixed while the process runs.',
  UNAUTHENTICATED: 'The call carries no valid token.',
  FORBIDDEN: 'The token is valid, but its role does not allow the call.',
  CROSS_ORIGIN: 'A browser sent the call from another origin.',
  UNSUPPORTED_MEDIA_TYPE: 'The body is not JSON.',
  BODY_TOO_LARGE: 'The body is larger than the admin API takes.',
  STORE_UNAVAILABLE: 'The change could not be saved, so it was not applied.',
  SHUTTING_DOWN: 'Sluice has stopped serving and takes no more changes.',
  INTERNAL: 'Sluice has a bug; the log says more.',
} as const;

export type ErrorCode = keyof typeof errorSummaries;

/** Something wrong in a document: where (RFC 6901 JSON pointer) and what, with the way out. */
export interface Problem {
  readonly pointer: string;
  readonly message: string;
}
