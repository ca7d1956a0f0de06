import type { Cause } from '../../src/core/terminations.ts';
import { CR, LF } from './characters.ts';

/** Old clients send an empty line after a body: it is skipped before a request line (RFC 9112 section 2.2), but not for ever. */
const emptyLinesMax = 2;

/**
 * Finds the end of a head in bytes that come piece by piece. What was searched once is not searched again: a head that is sent byte by
 * byte costs what its length costs. One per connection.
 */
export class HeadSearch {
  /** Where the head begins in the bytes of the last `find`. */
  start = 0;
  /** Why no head can come of these bytes; '' = it still may. */
  fault: Cause | '' = '';
  /** Bytes of this head that were looked at already, from its beginning. */
  #searched = 0;
  #emptyLines = 0;

  /**
   * @param bytes all that was read and not used, from where the last `find` said that the head begins
   * @param bytesMax for the head without the empty line that ends it
   * @returns the offset of the CRLF CRLF that ends the head, or -1 with `fault` said where it can no longer end well
   */
  find(bytes: Buffer, bytesMax: number): number {
    this.fault = '';
    this.start = this.#searched === 0 ? this.#skipEmptyLines(bytes) : 0;
    const end = emptyLineIn(bytes, this.start + Math.max(0, this.#searched - 3));
    if (end >= 0 && end - this.start <= bytesMax) {
      this.#searched = this.#emptyLines = 0;
      return end;
    }
    this.fault = this.#faultSoFar(bytes, bytesMax);
    // A lone CR may become an empty line yet.
    const left = bytes.length - this.start;
    this.#searched = left === 1 && bytes[this.start] === CR ? 0 : left;
    return -1;
  }

  #skipEmptyLines(bytes: Buffer): number {
    let start = 0;
    while (this.#emptyLines < emptyLinesMax && bytes[start] === CR && bytes[start + 1] === LF) {
      start += 2;
      this.#emptyLines++;
    }
    return start;
  }

  #faultSoFar(bytes: Buffer, bytesMax: number): Cause | '' {
    // A line feed without its carriage return would have us wait for an end that never comes.
    for (let feed = bytes.indexOf(LF, this.start + this.#searched); feed >= 0; feed = bytes.indexOf(LF, feed + 1)) {
      if (bytes[feed - 1] !== CR || feed - 1 === this.start) return 'malformed_request';
    }
    // Its end may have begun: up to three of the four bytes are not the head's own.
    if (bytes.length - this.start <= bytesMax + 3) return '';
    const firstLineEnd = bytes.indexOf(LF, this.start);
    return firstLineEnd < 0 || firstLineEnd - this.start > bytesMax ? 'uri_too_long' : 'head_too_large';
  }
}

/** Most heads are shorter. Up to here a look at about every fourth byte costs less than a call of Node; beyond, Node is faster. */
const shortHeadBytes = 512;
const emptyLine = Buffer.from('\r\n\r\n');

/** The offset of the first CRLF CRLF at or after `from`, or -1. */
export function emptyLineIn(bytes: Buffer, from: number): number {
  const end = Math.min(bytes.length, from + shortHeadBytes);
  let at = from + 3;
  while (at < end) {
    const byte = bytes[at];
    if (byte !== LF) at += byte === CR ? 1 : 4;
    else if (bytes[at - 1] === CR && bytes[at - 2] === LF && bytes[at - 3] === CR) return at - 3;
    else at += 2;
  }
  return end === bytes.length ? -1 : bytes.indexOf(emptyLine, at - 3);
}
