/**
 * Sluice cannot start. The message is for the operator: what happened, to what, and the way out. It is printed as it stands, without
 * a stack trace.
 */
export class StartError extends Error {
  override readonly name = 'StartError';
}

/** What the operator is told when an address cannot be listened on; `undefined` where the error is not about that. */
export function describeListenError(error: unknown, what: string, wayOut: string): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  const { code, address, port } = error as NodeJS.ErrnoException & { address?: string; port?: number };
  const where = address === undefined ? '' : ` ${formatAddress(address, port ?? 0)}`;
  switch (code) {
    case 'EADDRINUSE':
      return `${what} cannot listen on${where}: another program already does. Stop that program, or ${wayOut}.`;
    case 'EACCES':
      return `${what} may not listen on${where}: ports below 1024 need a privilege (CAP_NET_BIND_SERVICE). Grant it, or ${wayOut}.`;
    case 'EADDRNOTAVAIL':
      return `${what} cannot listen on${where}: this machine has no such address. Check the host, or ${wayOut}.`;
    case 'ENOTFOUND':
      return `${what} cannot listen: the host name in its address is unknown. Write an IP address, or ${wayOut}.`;
    default:
      return undefined;
  }
}

/** An address as people write it: `127.0.0.1:8080`, `[::1]:8080`. */
export function formatAddress(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
