import type { Cause } from '../../src/core/terminations.ts';
import { Framing, type ResponseHead } from '../message.ts';
import { SPACE, valueEnd } from './characters.ts';
import { FieldScan, responseFields, scanFields } from './fields.ts';

/** The head of a target's answer, checked to the letter (RFC 9112 section 4). One per connection, filled anew by `parse`. */
export class Http1ResponseHead implements ResponseHead {
  status = 0;
  reason = '';
  fields = '';
  framing: Framing = Framing.none;
  contentLength = 0;
  hasDate = false;
  version = '1.1';
  /** The body lasts until the target closes: it gave neither a length nor chunks. */
  untilClose = false;
  /** Whether the target lets the connection be used again. */
  persistent = true;
  /** Seconds that the target says it keeps idle connections, -1 = it does not say. */
  keepAliveSeconds = -1;

  readonly #scan = new FieldScan();

  /**
   * Reads a head: status line and field lines, each with its CRLF, without the empty line at the end.
   * @param toHead whether it answers a HEAD request, which has no body whatever the fields say
   * @returns '' or why it cannot be passed on
   */
  parse(bytes: Buffer, start: number, end: number, fieldsMax: number, toHead: boolean): Cause | '' {
    const text = bytes.toString('latin1', start, end);
    const lineEnd = text.indexOf('\r\n');
    const minor = bytes[start + 7]! - 0x30;
    const status = statusAt(bytes, start + 9);
    const wellFormed = text.startsWith('HTTP/1.') && (minor === 1 || minor === 0) && bytes[start + 8] === SPACE && status > 0;
    if (!wellFormed || lineEnd < 12) return 'malformed_response';
    // The reason may be missing, with or without the space before it; many servers leave both out.
    if (lineEnd > 12 && bytes[start + 12] !== SPACE) return 'malformed_response';
    if (valueEnd(bytes, start + Math.min(13, lineEnd)) !== start + lineEnd) return 'malformed_response';

    const scan = this.#scan;
    const fault = scanFields(bytes, start, text, lineEnd + 2, responseFields, fieldsMax, scan);
    if (fault !== '') {
      return fault === 'too_many'
        ? 'response_head_too_large'
        : fault === 'coding_unknown'
          ? 'response_coding_unknown'
          : 'malformed_response';
    }
    if (scan.chunked && minor === 0) return 'malformed_response';
    this.status = status;
    this.reason = lineEnd > 13 ? text.slice(13, lineEnd) : '';
    this.fields = scan.kept;
    this.hasDate = scan.hasDate;
    this.version = minor === 1 ? '1.1' : '1.0';
    this.persistent = minor === 1 ? !scan.close : scan.keepAlive && !scan.close;
    // An interim answer is followed by another, so it cannot be the connection's last; HTTP/1.0 has none (RFC 9110 section 15.2).
    if (status < 200 && !this.persistent) return 'malformed_response';
    this.keepAliveSeconds = scan.keepAliveSeconds;
    this.#readFraming(scan, toHead);
    return '';
  }

  /** RFC 9112 section 6.3, for answers. */
  #readFraming(scan: FieldScan, toHead: boolean): void {
    this.untilClose = false;
    this.contentLength = Math.max(0, scan.contentLength);
    if (toHead || this.status < 200 || this.status === 204 || this.status === 304) {
      this.framing = Framing.none;
      // A length here speaks of a body that is not sent; where there can be none it is a mistake (RFC 9110 section 8.6).
      if (scan.contentLength >= 0 && (this.status < 200 || this.status === 204)) this.fields = withoutLength(this.fields);
    } else if (scan.chunked) {
      this.framing = Framing.stream;
    } else if (scan.contentLength >= 0) {
      this.framing = scan.contentLength > 0 ? Framing.length : Framing.none;
    } else {
      this.framing = Framing.stream;
      this.untilClose = true;
      this.persistent = false;
    }
  }
}

/** 100 to 999, 0 = not three digits. */
function statusAt(bytes: Uint8Array, at: number): number {
  const hundreds = bytes[at]! - 0x30;
  const tens = bytes[at + 1]! - 0x30;
  const ones = bytes[at + 2]! - 0x30;
  const isStatus = hundreds >= 1 && hundreds <= 9 && tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9;
  return isStatus ? hundreds * 100 + tens * 10 + ones : 0;
}

function withoutLength(fields: string): string {
  return fields.replace(/^content-length:.*\r\n/im, '');
}
