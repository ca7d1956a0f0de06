/**
 * Takes the chunked coding off a body (RFC 9112 section 7.1), byte by byte where it must be and by whole slices where it can.
 *
 * Strict: hexadecimal sizes without sign, blank or prefix; CRLF and nothing else at line ends; extensions well-formed and bounded;
 * trailers like any field lines: those about framing or the connection are refused, those that would change routing or control are dropped.
 */
import { CR, hexValue, LF } from './characters.ts';
import { FieldScan, scanFields, trailerFields } from './fields.ts';

/** Takes a body's bytes as they come. A slice is valid only during the call: the buffer under it is used again. */
export interface BodySink {
  onBodySlice(slice: Buffer): void;
}

type State = 'size' | 'extension' | 'sizeLineFeed' | 'data' | 'dataReturn' | 'dataLineFeed' | 'trailer';

/** Up to 2^52 - 1, which counts exactly. */
const sizeDigitsMax = 13;
/** Of one chunk's extensions; a whole body may carry {@link extensionBytesMax}. Nobody sends any, and each costs work. */
const extensionLineMax = 256;
const extensionBytesMax = 16_384;

const token = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";
const quoted = '"(?:[\\t \\x21\\x23-\\x5b\\x5d-\\x7e\\x80-\\xff]|\\\\[\\t \\x21-\\x7e\\x80-\\xff])*"';
const extensionSyntax = new RegExp(`^(?:;${token}(?:=(?:${token}|${quoted}))?)+$`);

export class ChunkedDecoder {
  /** The last chunk and the trailers have been read. */
  done = false;
  /** The coding is malformed, or over a limit: nothing after this point can be trusted. */
  failed = false;
  /** Trailer lines that pass through, each with its CRLF; '' = none. */
  trailers = '';

  #state: State = 'size';
  #size = 0;
  #digits = 0;
  #extension = '';
  #extensionBytes = 0;
  #trailerText = '';
  /** How much of the CRLF CRLF that ends the trailer section stands before the next byte; the last chunk's line is the first half. */
  #trailerEnd = 2;
  #trailerBytesMax = 0;
  #trailerFieldsMax = 0;

  begin(trailerBytesMax: number, trailerFieldsMax: number): void {
    this.done = this.failed = false;
    this.trailers = this.#trailerText = this.#extension = '';
    this.#state = 'size';
    this.#size = this.#digits = this.#extensionBytes = 0;
    this.#trailerEnd = 2;
    this.#trailerBytesMax = trailerBytesMax;
    this.#trailerFieldsMax = trailerFieldsMax;
  }

  /** Decodes from `offset`, hands the data on, and returns the offset of the first byte that is not part of this body. */
  decode(buffer: Buffer, offset: number, sink: BodySink): number {
    const end = buffer.length;
    while (offset < end && !this.done && !this.failed) {
      switch (this.#state) {
        case 'data': {
          const taken = Math.min(this.#size, end - offset);
          this.#size -= taken;
          if (this.#size === 0) this.#state = 'dataReturn';
          sink.onBodySlice(buffer.subarray(offset, offset + taken));
          offset += taken;
          break;
        }
        case 'trailer':
          offset = this.#readTrailers(buffer, offset);
          break;
        default:
          this.#step(buffer[offset]!);
          offset++;
      }
    }
    return offset;
  }

  #step(byte: number): void {
    switch (this.#state) {
      case 'size': {
        const digit = hexValue[byte]!;
        if (digit !== 255) {
          this.#size = this.#size * 16 + digit;
          if (++this.#digits > sizeDigitsMax) this.failed = true;
        } else if (this.#digits === 0) this.failed = true;
        else if (byte === CR) this.#state = 'sizeLineFeed';
        else if (byte === 0x3b) {
          this.#extension = ';';
          this.#state = 'extension';
        } else this.failed = true;
        return;
      }
      case 'extension':
        if (byte === CR) {
          if (!extensionSyntax.test(this.#extension)) this.failed = true;
          this.#state = 'sizeLineFeed';
          return;
        }
        this.#extension += String.fromCharCode(byte);
        if (this.#extension.length > extensionLineMax || ++this.#extensionBytes > extensionBytesMax) this.failed = true;
        return;
      case 'sizeLineFeed':
        if (byte !== LF) this.failed = true;
        this.#state = this.#size === 0 ? 'trailer' : 'data';
        this.#digits = 0;
        return;
      case 'dataReturn':
        if (byte !== CR) this.failed = true;
        this.#state = 'dataLineFeed';
        return;
      case 'dataLineFeed':
        if (byte !== LF) this.failed = true;
        this.#state = 'size';
        return;
      default:
    }
  }

  /** Gathers the trailer section, which ends with an empty line, and scans it like the fields of a head. */
  #readTrailers(buffer: Buffer, offset: number): number {
    const gathered = this.#trailerText.length;
    const limit = Math.min(buffer.length, offset + this.#trailerBytesMax + 2 - gathered);
    let end = offset;
    // Byte by byte, so that a section which comes in many small pieces is not searched, nor copied, again and again.
    let matched = this.#trailerEnd;
    while (end < limit && matched < 4) {
      const byte = buffer[end++]!;
      // CR and LF come in pairs, or else we would wait for an end that never comes.
      if ((byte === LF) !== ((matched & 1) === 1)) {
        this.failed = true;
        return end;
      }
      if (byte === LF) matched++;
      else if (byte === CR) matched = matched === 2 ? 3 : 1;
      else matched = 0;
    }
    this.#trailerEnd = matched;
    this.#trailerText += buffer.toString('latin1', offset, end);
    if (matched === 4) this.#endTrailers(this.#trailerText.slice(0, -2));
    else if (this.#trailerText.length >= this.#trailerBytesMax + 2) this.failed = true;
    return end;
  }

  #endTrailers(lines: string): void {
    if (lines !== '') {
      const scan = new FieldScan();
      this.failed = scanFields(Buffer.from(lines, 'latin1'), 0, lines, 0, trailerFields, this.#trailerFieldsMax, scan) !== '';
      this.trailers = scan.kept;
    }
    this.done = !this.failed;
  }
}
