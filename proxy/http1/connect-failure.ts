import type { Cause } from '../../src/core/terminations.ts';

/** Says in our words why a connection could not be made. */
export function connectFailure(failure: Error | undefined): { readonly cause: Cause; readonly detail: string } {
  const code = codeOf(failure);
  return { cause: causeOf(code), detail: code ?? failure?.message ?? '' };
}

function causeOf(code: string | undefined): Cause {
  switch (code) {
    case 'ECONNREFUSED':
      return 'connection_refused';
    case 'ETIMEDOUT':
      return 'connection_timeout';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'EAI_FAIL':
    case 'EAI_NODATA':
      return 'dns_error';
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'EADDRNOTAVAIL':
      return 'unroutable';
    default:
      return 'connection_failed';
  }
}

/** Node reports a failed connect to a name with several addresses as an AggregateError, whose code may sit on its members only. */
function codeOf(failure: Error | undefined): string | undefined {
  if (failure === undefined) return undefined;
  if ('code' in failure && typeof failure.code === 'string') return failure.code;
  return failure instanceof AggregateError ? codeOf(failure.errors[0] as Error | undefined) : undefined;
}
