/** The frames of WebSocket (RFC 6455 section 5), as far as somebody must know them who only passes them on. */

const finalBit = 0x80;
const maskedBit = 0x80;
/** Opcodes from here on are control frames: never in parts, with at most 125 bytes (section 5.5). */
const controlOpcode = 8;
const closeOpcode = 8;
/** The opcodes that mean something: continuation, text, binary; close, ping, pong. */
const knownOpcodes = new Set([0, 1, 2, closeOpcode, 9, 10]);
const controlBytesMax = 125;
/** Larger lengths cannot be counted exactly. No frame is so large. */
const payloadBytesMax = Number.MAX_SAFE_INTEGER - 4;

/** Where {@link FrameTracker.follow} stops: at the end of what it was given, before the next frame, or before the next close frame. */
export type Stop = 'end' | 'frame' | 'close';

/**
 * Follows the bytes of one direction, split anywhere, and knows where frames end. It keeps numbers and no payload, and cares for what
 * decides where a frame ends, not for what an endpoint would object to beyond that.
 */
export class FrameTracker {
  #closed = false;
  #malformed = false;
  #opcode = 0;
  #masked = false;
  /** Bytes of the present frame's header that have passed; 0 = between frames, or in a payload. */
  #headerBytes = 0;
  /** Bytes of its extended length that are still to come: 8, 2 or 0 at first. */
  #lengthBytesLeft = 0;
  #length = 0;
  /** What is still to come of masking key and payload. */
  #bytesLeft = 0;

  /** No frame is under way: one may be put in here (section 5.4 allows control frames even within a message in parts). */
  get atBoundary(): boolean {
    return this.#headerBytes === 0 && this.#bytesLeft === 0 && !this.#malformed;
  }

  /** A whole close frame has passed: nothing may follow it (section 5.5.1). */
  get closed(): boolean {
    return this.#closed;
  }

  /** These are no frames, so that nobody can tell where one ends. This does not change any more. */
  get malformed(): boolean {
    return this.#malformed;
  }

  /**
   * Returns how many bytes it has followed: all, or those up to the first place where it was to stop, which may be at once. What it
   * cannot understand it follows to the end.
   */
  follow(chunk: Buffer, stop: Stop = 'end'): number {
    let at = 0;
    while (at < chunk.length) {
      if (this.#malformed) return chunk.length;
      if (this.#bytesLeft > 0) at += this.#skip(chunk.length - at);
      else if (this.#headerBytes === 0 && stopsBefore(chunk[at]!, stop)) return at;
      else this.#readHeader(chunk[at++]!);
    }
    return at;
  }

  #skip(bytesMax: number): number {
    const bytes = Math.min(this.#bytesLeft, bytesMax);
    this.#bytesLeft -= bytes;
    if (this.#bytesLeft === 0) this.#onFrameEnd();
    return bytes;
  }

  #readHeader(byte: number): void {
    this.#headerBytes++;
    if (this.#headerBytes === 1) this.#readOpcode(byte);
    else if (this.#headerBytes === 2) this.#readLength(byte);
    else {
      this.#length = this.#length * 256 + byte;
      this.#lengthBytesLeft--;
    }
    if (this.#headerBytes > 1 && this.#lengthBytesLeft === 0) this.#onHeaderEnd();
  }

  #readOpcode(byte: number): void {
    this.#opcode = byte & 0x0f;
    const inParts = (byte & finalBit) === 0;
    this.#malformed = !knownOpcodes.has(this.#opcode) || (this.#opcode >= controlOpcode && inParts);
  }

  #readLength(byte: number): void {
    const length = byte & 0x7f;
    this.#masked = (byte & maskedBit) !== 0;
    this.#lengthBytesLeft = length === 127 ? 8 : length === 126 ? 2 : 0;
    this.#length = this.#lengthBytesLeft === 0 ? length : 0;
    this.#malformed = this.#opcode >= controlOpcode && length > controlBytesMax;
  }

  #onHeaderEnd(): void {
    this.#headerBytes = 0;
    this.#malformed ||= this.#length > payloadBytesMax;
    this.#bytesLeft = this.#length + (this.#masked ? 4 : 0);
    if (this.#bytesLeft === 0) this.#onFrameEnd();
  }

  #onFrameEnd(): void {
    this.#closed ||= this.#opcode === closeOpcode;
  }
}

function stopsBefore(firstByte: number, stop: Stop): boolean {
  return stop === 'frame' || (stop === 'close' && (firstByte & 0x0f) === closeOpcode);
}

/**
 * A close frame (section 5.5.1).
 * @param code of the registry of close codes: 1001 = going away, 1012 = service restart
 * @param reason at most 123 bytes of ASCII
 * @param maskingKey four bytes, which a client must choose so that nobody can foresee them (section 5.3); a server gives none
 */
export function closeFrame(code: number, reason: string, maskingKey?: Uint8Array): Buffer {
  const payload = Buffer.alloc(2 + reason.length);
  payload.writeUInt16BE(code);
  payload.write(reason, 2, 'latin1');
  const firstByte = finalBit | closeOpcode;
  if (maskingKey === undefined) return Buffer.concat([Buffer.of(firstByte, payload.length), payload]);
  for (let index = 0; index < payload.length; index++) payload[index]! ^= maskingKey[index % 4]!;
  return Buffer.concat([Buffer.of(firstByte, maskedBit | payload.length), maskingKey, payload]);
}
