import { constants, createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import { createServer, type SecureContextOptions, type TLSSocket } from 'node:tls';
import type { ListenerTls } from '../../src/core/model.ts';
import type { Identity } from './certificates.ts';

/** Takes connections through the handshake, by one setup of a listener. */
export interface Handshakes {
  take(socket: Socket): void;
}

export interface HandshakeEvents {
  onSecure(secured: Socket): void;
  /** The connection is about to be destroyed, or has been. */
  onFailed(failed: Socket, reason: string): void;
}

/** A `node:tls` server that never listens: it is given connections one by one, which its `connection` event is documented to be good for. */
export function createHandshakes(tls: ListenerTls, identity: Identity, ticketKey: string, events: HandshakeEvents): Handshakes {
  const { first, byName, clientAuthorities } = identity;
  const server = createServer({
    ...contextOptions(tls, clientAuthorities),
    cert: first?.cert,
    key: first?.key,
    // Which of the two it is, each request line says. A client that offers only other things is refused (RFC 7301 section 3.2).
    ALPNProtocols: ['http/1.1', 'http/1.0'],
    SNICallback: (name, done) => done(null, byName.find(name)),
    requestCert: tls.clients !== undefined,
    rejectUnauthorized: tls.clients?.required === true,
    ...(ticketKey === '' ? {} : { ticketKeys: Buffer.from(ticketKey, 'base64') }),
  });
  server.on('secureConnection', (secured: TLSSocket) => events.onSecure(secured));
  server.on('tlsClientError', (error: NodeJS.ErrnoException, failed: TLSSocket) => {
    // What is wrong with a client's certificate is said nowhere else.
    const { authorizationError } = failed as unknown as { readonly authorizationError?: string | null };
    events.onFailed(failed, authorizationError ?? error.code ?? error.message);
  });
  return { take: (socket) => void server.emit('connection', socket) };
}

/** Of a client that speaks HTTP without encryption. */
export const plainHttp = 'ERR_SSL_HTTP_REQUEST';

/** What all contexts of a listener have in common. Ciphers and groups are Node's own choice, which moves with its releases. */
export function contextOptions({ minVersion, clients }: ListenerTls, ca: string | undefined): SecureContextOptions {
  return {
    minVersion: minVersion === '1.3' ? 'TLSv1.3' : 'TLSv1.2',
    // A client that renegotiates makes us work for nothing, and no HTTP client does (RFC 9325 section 3.5).
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
    // Whose certificates were asked for: a session that was made without one must not be resumed where one is wanted.
    sessionIdContext: createHash('sha256')
      .update(JSON.stringify([clients?.required, ca]))
      .digest('hex')
      .slice(0, 32),
    // Without this Node would take those that it trusts itself.
    ...(ca === undefined ? {} : { ca, allowPartialTrustChain: true }),
  };
}
