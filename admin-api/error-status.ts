import type { ErrorCode } from '../src/core/errors.ts';

export const statusOf = {
  MALFORMED: 400,
  INVALID: 422,
  NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  SERVICE_NOT_FOUND: 404,
  POOL_NOT_FOUND: 404,
  REVISION_NOT_FOUND: 404,
  NOTHING_TO_UNDO: 409,
  STALE_REVISION: 412,
  NEEDS_RESTART: 409,
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  CROSS_ORIGIN: 403,
  UNSUPPORTED_MEDIA_TYPE: 415,
  BODY_TOO_LARGE: 413,
  STORE_UNAVAILABLE: 503,
  SHUTTING_DOWN: 503,
  INTERNAL: 500,
} satisfies Record<ErrorCode, number>; // A new code without a status does not compile.
