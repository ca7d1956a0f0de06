import type { Socket } from 'node:net';
import type { ListenerTls } from '../../src/core/model.ts';
import type { FileTexts } from '../../src/core/snapshot.ts';

/** The TLS side of one listener: certificates by name, session tickets, handshakes. */
export class Encryption {
  /** What is wrong with the new ones leaves the old ones in force; throws then. */
  update(_tls: ListenerTls, _files: FileTexts, _ticketKey: string): void {}

  /** Takes a connection, of which nothing was read or what was read was put back, through the handshake. One that fails is destroyed. */
  accept(socket: Socket, _onSecure: (secured: Socket) => void): void {
    socket.destroy();
  }
}
