/** The PROXY protocol, versions 1 and 2 (HAProxy's proxy-protocol.txt): how a load balancer in front of us says whom it speaks for. */
import type { Socket } from 'node:net';

/** What a header says: whose connection it is, that the balancer speaks for itself (a health check), or nothing that can be understood. */
export type ProxyHeader =
  | { readonly kind: 'client'; readonly address: string }
  | { readonly kind: 'local' }
  | { readonly kind: 'malformed' };

/**
 * Takes the header from the beginning of a connection, of which nothing was read yet, and calls `done` once; what came behind the header is
 * put back, and the socket is paused. A connection that closes first is never `done`.
 */
export function takeProxyHeader(_socket: Socket, done: (header: ProxyHeader) => void): void {
  done({ kind: 'malformed' });
}
