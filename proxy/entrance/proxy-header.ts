/** The PROXY protocol, versions 1 and 2 (HAProxy's proxy-protocol.txt): how a load balancer in front of us says whom it speaks for. */
import type { Socket } from 'node:net';
import { readProxyHeader } from './proxy-header-parse.ts';

/** What a header says: whose connection it is, that the balancer speaks for itself (a health check), or nothing that can be understood. */
export type ProxyHeader =
  | { readonly kind: 'client'; readonly address: string }
  | { readonly kind: 'local' }
  | { readonly kind: 'malformed' };

/**
 * Takes the header from the beginning of a connection, of which nothing was read yet, and calls `done` once; what came behind the header is
 * put back, and the socket is paused. A connection that closes first is never `done`.
 */
export function takeProxyHeader(socket: Socket, done: (header: ProxyHeader) => void): void {
  let gathered: Buffer | undefined;
  const onData = (chunk: Buffer): void => {
    gathered = gathered === undefined ? chunk : Buffer.concat([gathered, chunk]);
    const header = readProxyHeader(gathered);
    if (header.kind === 'incomplete') return;
    socket.pause();
    socket.off('data', onData);
    // Whoever reads next, a TLS socket that wraps this one included, finds it first. See test/proxy/proxy-header.test.ts.
    if (header.kind !== 'malformed' && header.length < gathered.length) socket.unshift(gathered.subarray(header.length));
    done(header);
  };
  socket.on('data', onData);
  socket.resume();
}
