import type { Socket } from 'node:net';
import type { ListenerTls } from '../../src/core/model.ts';
import { identityOf } from '../../src/core/named-files.ts';
import type { FileTexts } from '../../src/core/snapshot.ts';
import { Certificates } from './certificates.ts';
import { createHandshakes, type Handshakes, plainHttp } from './handshakes.ts';

export interface EncryptionParts {
  /** A connection that did not come to be encrypted, although its client sent something. `client`: as it was given to {@link Encryption.accept}. */
  readonly onFailure: (client: string, reason: string) => void;
  /** What a client is answered that speaks HTTP without encryption. */
  readonly plainAnswer: () => string;
  /** A certificate cannot be used here, although control has found nothing wrong with it. */
  readonly onBug: (error: unknown) => void;
}

/** What was made of one setup; compared with the next, because most revisions change nothing of it. */
interface Setup {
  readonly tls: ListenerTls;
  readonly texts: readonly (string | undefined)[];
  readonly ticketKey: string;
}

/** A connection on its way. */
interface Entering {
  readonly socket: Socket;
  readonly onSecure: (secured: Socket) => void;
  /** Why it fails, where that is known. */
  reason: string;
}

/** The TLS side of one listener: certificates by name, session tickets, handshakes. */
export class Encryption {
  readonly #parts: EncryptionParts;
  readonly #certificates: Certificates;
  /** By the four numbers of a connection, which is how `node:tls` tells which one it has finished with. */
  readonly #entering = new Map<string, Entering>();
  /** Of the handshakes that are in force. */
  #setup: Setup | undefined;
  #handshakes: Handshakes | undefined;

  constructor(parts: EncryptionParts) {
    this.#parts = parts;
    this.#certificates = new Certificates(parts.onBug);
  }

  /**
   * Connections that are there already stay as they are. A certificate that is no good leaves the one before in force; but where clients are
   * to show certificates, nobody comes in by handshakes that did not ask for the same ones. Never throws.
   */
  update(tls: ListenerTls, files: FileTexts, ticketKey: string): void {
    const setup: Setup = { tls, texts: textsFor(tls, files), ticketKey };
    if (this.#setup !== undefined && isSame(this.#setup, setup)) return;
    try {
      this.#handshakes = createHandshakes(tls, this.#certificates.update(tls, files), ticketKey, {
        onSecure: (secured) => this.#onSecure(secured),
        onFailed: (failed, reason) => this.#onFailed(failed, reason),
      });
      this.#setup = setup;
    } catch (error) {
      if (tls.clients !== undefined && !asksForSame(this.#setup, tls)) this.#setup = this.#handshakes = undefined;
      this.#parts.onBug(error);
    }
  }

  /** Takes a connection, of which nothing was read or what was read was put back, through the handshake. One that fails is destroyed. */
  accept(socket: Socket, client: string, onSecure: (secured: Socket) => void): void {
    const handshakes = this.#handshakes;
    const id = numbersOf(socket);
    if (handshakes === undefined || id === undefined) {
      socket.destroy();
      return;
    }
    const entry: Entering = { socket, onSecure, reason: 'ECONNRESET' };
    this.#entering.set(id, entry);
    // What stood in front of the handshake, such as a PROXY header, is no part of it; what was put back is.
    const readBefore = socket.bytesRead - socket.readableLength;
    socket.once('close', () => {
      // One that was only looked at, as checks of load balancers do, is no failure.
      if (this.#entering.get(id) !== entry) return;
      this.#entering.delete(id);
      if (socket.bytesRead > readBefore) this.#parts.onFailure(client, entry.reason);
    });
    handshakes.take(socket);
  }

  #onSecure(secured: Socket): void {
    const id = numbersOf(secured) ?? '';
    const entry = this.#entering.get(id);
    this.#entering.delete(id);
    if (entry === undefined) {
      secured.destroy();
      return;
    }
    // Node resets TCP connections only. An end without close_notify says as much (RFC 8446 section 6.1), but not every client listens to that.
    secured.resetAndDestroy = () => {
      entry.socket.resetAndDestroy();
      return secured;
    };
    entry.onSecure(secured);
  }

  #onFailed(failed: Socket, reason: string): void {
    const entry = this.#entering.get(numbersOf(failed) ?? '');
    if (entry === undefined) return;
    entry.reason = reason;
    // Written past the encryption, which has not begun.
    if (reason === plainHttp) entry.socket.end(this.#parts.plainAnswer(), 'latin1');
  }
}

function textsFor({ certificates, clients }: ListenerTls, files: FileTexts): (string | undefined)[] {
  return [...certificates, ...(clients === undefined ? [] : [clients])].map((named) => files.get(identityOf(named))?.join('\n'));
}

function isSame(a: Setup, b: Setup): boolean {
  return (
    a.ticketKey === b.ticketKey &&
    JSON.stringify(a.tls) === JSON.stringify(b.tls) &&
    a.texts.every((text, index) => text === b.texts[index])
  );
}

function asksForSame(before: Setup | undefined, { clients }: ListenerTls): boolean {
  return JSON.stringify(before?.tls.clients) === JSON.stringify(clients);
}

/** Undefined = it is closed. */
function numbersOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string | undefined {
  return remotePort === undefined ? undefined : `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}
