import type { Socket } from 'node:net';
import { writeCopy } from './copies.ts';

/** A slice up to this size joins the text around it in one string and one packet; a larger one is written as bytes. */
const inlineBytesMax = 16_384;

/**
 * What one side of a connection is about to send: text gathers until `flush`, so that a head and a small body leave in one write,
 * which is what a request costs least (two reads and two writes are nearly all that any proxy spends).
 */
export class Outbox {
  /** Bytes taken so far, sent or not. */
  bytes = 0;
  readonly #socket: Socket;
  #text = '';

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Latin-1: one character is one byte. */
  addText(text: string): void {
    this.#text += text;
    this.bytes += text.length;
  }

  /** The slice is borrowed: it is copied before this returns. */
  addBytes(slice: Buffer): void {
    this.bytes += slice.length;
    if (slice.length < inlineBytesMax) {
      this.#text += slice.toString('latin1');
      return;
    }
    const text = this.#text;
    this.#text = '';
    writeCopy(this.#socket, text, slice);
  }

  /** One chunk of the chunked coding (RFC 9112 section 7.1). */
  addChunk(slice: Buffer): void {
    this.addText(`${slice.length.toString(16)}\r\n`);
    this.addBytes(slice);
    this.addText('\r\n');
  }

  /** False = the socket holds more than it wants to: wait for its `drain`. */
  flush(): boolean {
    this.#writeText();
    return !this.#socket.writableNeedDrain;
  }

  /** Drops what was gathered and not yet written. */
  discard(): void {
    this.bytes -= this.#text.length;
    this.#text = '';
  }

  #writeText(): void {
    if (this.#text === '') return;
    this.#socket.write(this.#text, 'latin1');
    this.#text = '';
  }
}
