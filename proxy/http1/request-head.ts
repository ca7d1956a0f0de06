import { METHODS } from 'node:http';
import type { Cause } from '../../src/core/terminations.ts';
import type { ForwardedHead, Hearsay } from '../forwarding.ts';
import { Framing, type RequestHead } from '../message.ts';
import { hostOf, isAuthority } from './authority.ts';
import { CR, LF, SPACE, targetEnd, tokenEnd } from './characters.ts';
import { cookieValue, fieldValue, FieldScan, requestFields, scanFields, withoutFields } from './fields.ts';

export interface HeadLimits {
  readonly headBytes: number;
  readonly fields: number;
}

/** Methods that are passed on: those that Node's own parser knows, but for the two that make no sense at a reverse proxy. */
const passedOn = new Set(METHODS.filter((method) => method !== 'CONNECT' && method !== 'TRACE'));
const refused = new Set(['CONNECT', 'TRACE']);

/**
 * The head of an HTTP/1.1 or 1.0 request, checked to the letter (RFC 9112 section 3). One per connection, filled anew by `parse`.
 * What only some requests need (path, query, cookies) is worked out when it is asked for.
 */
export class Http1RequestHead implements RequestHead, ForwardedHead {
  method = '';
  target = '';
  authority = '';
  fields = '';
  framing: Framing = Framing.none;
  contentLength = 0;
  expectsContinue = false;
  upgrade = '';
  version = '1.1';
  /** Whether the client lets the connection be used again. */
  persistent = true;
  /** An OPTIONS that has passed as many intermediaries as it may (RFC 9110 section 7.6.2). */
  goesNoFurther = false;

  readonly #scan = new FieldScan();
  #checkedAuthority = '';
  #host = '';
  #queryStart = -1;

  /**
   * Reads a head: request line and field lines, each with its CRLF, without the empty line at the end.
   * @returns '' or why the request is refused; then only `method` and `target` may be used, for the log
   */
  parse(bytes: Buffer, start: number, end: number, limits: HeadLimits): Cause | '' {
    this.method = this.target = this.authority = '';
    const text = bytes.toString('latin1', start, end);
    const afterMethod = tokenEnd(bytes, start);
    const method = text.slice(0, afterMethod - start);
    this.method = method;
    if (method === '' || bytes[afterMethod] !== SPACE) return 'malformed_request';
    const afterTarget = targetEnd(bytes, afterMethod + 1);
    this.target = text.slice(afterMethod + 1 - start, afterTarget - start);
    if (this.target === '' || bytes[afterTarget] !== SPACE) return 'malformed_request';
    const minor = versionMinor(bytes, afterTarget + 1);
    if (minor < 0) return minor === unsupported ? 'version_unsupported' : 'malformed_request';
    if (!passedOn.has(method)) return refused.has(method) ? 'method_refused' : 'method_unknown';

    const scan = this.#scan;
    const fault = scanFields(bytes, start, text, afterTarget + versionLineBytes - start, requestFields, limits.fields, scan);
    if (fault !== '') return fault === 'too_many' ? 'head_too_large' : fault === 'coding_unknown' ? 'coding_unknown' : 'malformed_request';
    this.fields = scan.kept;
    this.version = minor === 1 ? '1.1' : '1.0';
    this.persistent = minor === 1 ? !scan.close : scan.keepAlive && !scan.close;
    this.goesNoFurther = false;
    if (bytes[start] === CAPITAL_O && method === 'OPTIONS') this.#countForwards();
    return this.#readTarget(scan, minor) || this.#readFraming(scan, minor);
  }

  get host(): string {
    return this.#host;
  }

  get path(): string {
    return this.#queryStart < 0 ? this.target : this.target.slice(0, this.#queryStart);
  }

  get hearsay(): Hearsay {
    return this.#scan;
  }

  removeFields(names: readonly string[]): void {
    this.fields = withoutFields(this.fields, names);
  }

  header(name: string): string | undefined {
    if (name === 'host') return this.authority;
    // It does not pass through, so it is not among the fields.
    return name === 'x-sluice-mirror' ? (this.#scan.isCopy ? '1' : undefined) : fieldValue(this.fields, name);
  }

  queryValue(name: string): string | undefined {
    return this.#queryStart < 0 ? undefined : (new URLSearchParams(this.target.slice(this.#queryStart + 1)).get(name) ?? undefined);
  }

  cookie(name: string, place = 0): string | undefined {
    return cookieValue(this.fields, name, place);
  }

  /** RFC 9112 section 3.2: origin form, absolute form (whose authority wins over Host), and `*` for OPTIONS. */
  #readTarget(scan: FieldScan, minor: number): Cause | '' {
    if (scan.host === undefined && minor === 1) return 'malformed_request';
    let authority = scan.host ?? '';
    // '' is what stands for no Host at all in HTTP/1.0; as a value it is none (the URI of a request to us always has an authority).
    if (scan.host !== undefined && (authority === '' || (authority !== this.#checkedAuthority && !isAuthority(authority)))) {
      return 'malformed_request';
    }
    const first = this.target.charCodeAt(0);
    if (first !== 0x2f && !(this.target === '*' && this.method === 'OPTIONS')) {
      const absolute = absoluteForm.exec(this.target);
      if (absolute === null || !isAuthority(absolute[1]!)) return 'malformed_request';
      authority = absolute[1]!;
      const rest = absolute[2]!;
      if (rest.startsWith('/')) this.target = rest;
      else if (rest === '' && this.method === 'OPTIONS') this.target = '*';
      else this.target = `/${rest}`;
    }
    this.#queryStart = this.target.indexOf('?');
    this.authority = authority;
    if (authority !== this.#checkedAuthority) {
      this.#checkedAuthority = authority;
      this.#host = hostOf(authority);
    }
    return '';
  }

  /** RFC 9112 section 6.3, for requests. */
  #readFraming(scan: FieldScan, minor: number): Cause | '' {
    if (scan.chunked) {
      if (minor === 0) return 'malformed_request';
      this.framing = Framing.stream;
    } else {
      this.framing = scan.contentLength > 0 ? Framing.length : Framing.none;
    }
    this.contentLength = Math.max(0, scan.contentLength);
    this.expectsContinue = false;
    if (scan.expect !== '') {
      if (scan.expect.toLowerCase() !== '100-continue') return 'expectation_unknown';
      this.expectsContinue = minor === 1 && this.framing !== Framing.none;
      // HTTP/1.0 knows no interim answers, so nobody waits for one (RFC 9110 section 10.1.1).
      if (minor === 0) this.removeFields(['expect']);
    }
    this.upgrade = scan.connectionUpgrade && minor === 1 ? scan.upgrade : '';
    return '';
  }

  /** Only TRACE, which is refused, and OPTIONS are counted. What is no number is left to the target. */
  #countForwards(): void {
    const left = fieldValue(this.fields, 'max-forwards');
    if (left === undefined || !digits.test(left)) return;
    this.goesNoFurther = Number(left) === 0;
    this.removeFields(['max-forwards']);
    this.fields += `max-forwards: ${Math.min(Number(left) - 1, Number.MAX_SAFE_INTEGER)}\r\n`;
  }
}

const unsupported = -2;
const CAPITAL_O = 0x4f;
const digits = /^\d+$/;
/** ` HTTP/1.1\r\n` */
const versionLineBytes = 11;

/** 0 or 1 for HTTP/1.0 and HTTP/1.1, -1 for what is no version and line end, {@link unsupported} for another. The name is case-sensitive. */
function versionMinor(bytes: Uint8Array, at: number): number {
  const isHttp = bytes[at] === 0x48 && bytes[at + 1] === 0x54 && bytes[at + 2] === 0x54 && bytes[at + 3] === 0x50 && bytes[at + 4] === 0x2f;
  if (!isHttp || bytes[at + 6] !== 0x2e || bytes[at + 8] !== CR || bytes[at + 9] !== LF) return -1;
  const major = bytes[at + 5]! - 0x30;
  const minor = bytes[at + 7]! - 0x30;
  if (major < 0 || major > 9 || minor < 0 || minor > 9) return -1;
  return major === 1 && minor <= 1 ? minor : unsupported;
}

const absoluteForm = /^https?:\/\/([^/?]*)(.*)$/i;
