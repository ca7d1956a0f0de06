/**
 * Sluice cannot start. The message is for the operator: what happened, to what, and the way out. It is printed as it stands, without
 * a stack trace.
 */
export class StartError extends Error {
  override readonly name = 'StartError';
}

const speakers = {
  proxy: { name: 'The proxy', wayOut: 'choose another address for it (listeners[].address in the config file, or --listen)' },
  admin: { name: 'The admin API', wayOut: 'choose another address for it (admin.address in the config file, or --admin-listen)' },
} as const;

/** What the operator is told when the proxy or the admin API cannot listen. */
export function explainListenError(error: unknown, who: keyof typeof speakers): StartError {
  const { name, wayOut } = speakers[who];
  const where = addressOf(error);
  switch (errorCode(error)) {
    case 'EADDRINUSE':
      return new StartError(`${name} cannot listen on ${where}: another program already does. Stop that program, or ${wayOut}.`);
    case 'EACCES':
      return new StartError(
        `${name} may not listen on ${where}: ports below 1024 need a privilege. Grant CAP_NET_BIND_SERVICE, or ${wayOut}.`,
      );
    case 'EADDRNOTAVAIL':
      return new StartError(`${name} cannot listen on ${where}: this machine has no such address. Correct it, or ${wayOut}.`);
    default:
      return new StartError(
        `${name} cannot listen (${error instanceof Error ? error.message : String(error)}). To get round it, ${wayOut}.`,
      );
  }
}

/** The system's code of an error, such as `ENOENT`. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** An address as people write it: `127.0.0.1:8080`, `[::1]:8080`. */
export function formatAddress(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function addressOf(error: unknown): string {
  if (!(error instanceof Error) || !('address' in error) || typeof error.address !== 'string') return 'its address';
  return 'port' in error && typeof error.port === 'number' ? formatAddress(error.address, error.port) : error.address;
}
