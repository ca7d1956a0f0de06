/**
 * One buffer that every connection of a kind reads into: a read and its callback happen in one turn, so no two overlap. What is not copied
 * or passed on before the callback returns is overwritten. (`onread`, documented in node:net; a tenth of the whole cost of a request.)
 */
export class ReadBuffer {
  readonly bytes: Buffer;
  /** Most messages are as long as the one before, so their view of the buffer need not be made again. */
  #view: Buffer;

  /** @param size how many bytes are read at once */
  constructor(size: number) {
    this.bytes = Buffer.allocUnsafeSlow(size);
    this.#view = this.bytes.subarray(0, 0);
  }

  /** What the read has brought: so many bytes from the beginning. */
  view(length: number): Buffer {
    if (this.#view.length !== length) this.#view = this.bytes.subarray(0, length);
    return this.#view;
  }

  /** Whether these bytes lie in the buffer, and will be overwritten by the next read. */
  lends(bytes: Buffer): boolean {
    return bytes.buffer === this.bytes.buffer;
  }
}
