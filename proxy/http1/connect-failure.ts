import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Cause } from '../../src/core/terminations.ts';

/** Says in our words why a connection could not be made. Without a socket, or one of TLS, encryption is not to blame. */
export function connectFailure(failure: Error | undefined, socket?: Socket): { readonly cause: Cause; readonly detail: string } {
  const code = codeOf(failure);
  const detail = code ?? failure?.message ?? '';
  if (socket instanceof TLSSocket && wasReached(failure)) return { cause: handshakeFailure(socket), detail };
  return { cause: lacksPort(failure, code) ? 'proxy_exhausted' : causeOf(code), detail };
}

/** Whether a failure that comes once a connection has been made is one of encryption: a refused certificate of ours, for one, comes so late. */
export function isEncryptionFailure(failure: Error | undefined): boolean {
  return codeOf(failure)?.startsWith('ERR_SSL_') === true;
}

/** Whether it was connected to, and only encryption could not be agreed on. The system says at what it failed. */
function wasReached(failure: Error | undefined): boolean {
  if (failure instanceof AggregateError) return false;
  const syscall = failure !== undefined && 'syscall' in failure ? failure.syscall : undefined;
  return syscall !== 'connect' && syscall !== 'getaddrinfo';
}

function handshakeFailure({ authorizationError }: TLSSocket): Cause {
  // Node calls it an error, and sets it to a code, or to null where there was none.
  return (authorizationError as unknown) ? 'tls_certificate_error' : 'tls_protocol_error';
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
    case 'EMFILE':
    case 'ENFILE':
    case 'ENOBUFS':
    case 'ENOMEM':
      return 'proxy_exhausted';
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'EADDRNOTAVAIL':
      return 'unroutable';
    default:
      return 'connection_failed';
  }
}

/** No local port is free for this target. To an IPv6 address the same code also says that this machine has no IPv6, which no waiting mends. */
function lacksPort(failure: Error | undefined, code: string | undefined): boolean {
  return code === 'EADDRNOTAVAIL' && failure !== undefined && 'address' in failure && !String(failure.address).includes(':');
}

/** Node reports a failed connect to a name with several addresses as an AggregateError, whose code may sit on its members only. */
function codeOf(failure: Error | undefined): string | undefined {
  if (failure === undefined) return undefined;
  if ('code' in failure && typeof failure.code === 'string') return failure.code;
  return failure instanceof AggregateError ? codeOf(failure.errors[0] as Error | undefined) : undefined;
}
