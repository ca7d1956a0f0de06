/**
 * Whom a request comes from, what it is called, and the field lines that tell the target of both. One per client connection, told anew of
 * each request.
 *
 * What a request says of itself counts only where a proxy that is trusted has brought it; else it is overwritten, because clients lie in it.
 * Names of requests (X-Request-Id, traceparent) are worth nothing to a liar, so that everybody may choose them.
 */
import { randomFillSync } from 'node:crypto';
import { searchClient } from '../src/core/forwarded-for.ts';
import type { Listener } from '../src/core/model.ts';
import { containsAddress, type Networks } from '../src/core/networks.ts';
import { isAuthority } from './http1/authority.ts';

/** What a request says of itself. '' = it says so, but nothing that could be used: it is empty, or there are several of what is one. */
export interface Hearsay {
  /** Its lines joined by commas. */
  readonly forwardedFor: string | undefined;
  readonly forwardedHost: string | undefined;
  readonly forwardedProto: string | undefined;
  readonly requestId: string | undefined;
  readonly traceParent: string | undefined;
  readonly hasTraceState: boolean;
}

/** What has to be known of a head. */
export interface ForwardedHead {
  readonly authority: string;
  readonly version: string;
  readonly hearsay: Hearsay;
  /** Takes lines of these names (lower case) out of what passes through. */
  removeFields(names: readonly string[]): void;
}

export class Forwarding {
  /** Whom the request comes from, as far as can be trusted: an address without port. */
  clientAddress: string;
  /** Whether the client's connection is encrypted: to us, or to the trusted proxy that is nearest to it. */
  encrypted: boolean;
  /** Of the request; '' = none. */
  requestId = '';
  /** Of the trace that it belongs to; '' = none. */
  traceId = '';
  /** Who is at the other end of the connection, or whom a PROXY protocol header has named in its place. */
  readonly #peerAddress: string;
  readonly #peerEncrypted: boolean;
  /** The networks that the peer was last looked for in; a revision may replace them. */
  #trusted: Networks | undefined;
  #peerTrusted = false;
  /** A connection nearly always asks for one host, so the lines about that are made once. */
  #lines = '';
  #linesAuthority = '';
  #linesVersion = '';
  #linesHeard = false;
  #idLines = '';

  constructor(peerAddress: string, encrypted: boolean) {
    this.#peerAddress = this.clientAddress = peerAddress;
    this.#peerEncrypted = this.encrypted = encrypted;
  }

  /** A request has come. */
  begin(head: ForwardedHead, trusted: Networks, naming: Pick<Listener, 'requestIds' | 'traceContext'>): void {
    if (trusted !== this.#trusted) {
      this.#trusted = trusted;
      this.#peerTrusted = containsAddress(trusted, this.#peerAddress);
    }
    if (this.#peerTrusted) this.#hear(head);
    else if (this.#linesHeard || head.authority !== this.#linesAuthority || head.version !== this.#linesVersion) this.#overwrite(head);
    if (naming.requestIds) this.#name(head, naming.traceContext === 'make');
  }

  /** The request is over; of the next one nothing is known before its head was read. */
  end(): void {
    this.clientAddress = this.#peerAddress;
    this.encrypted = this.#peerEncrypted;
    this.requestId = this.traceId = this.#idLines = '';
  }

  /** The lines for the target, the same for every attempt and every copy. */
  get lines(): string {
    return this.#lines + this.#idLines;
  }

  #overwrite({ authority, version }: ForwardedHead): void {
    this.#linesHeard = false;
    this.#linesAuthority = authority;
    this.#linesVersion = version;
    this.#lines = forwardedLines(this.#peerAddress, authority, this.#peerEncrypted ? 'https' : 'http', version);
  }

  /** The peer's word counts. */
  #hear({ authority, version, hearsay }: ForwardedHead): void {
    const { forwardedFor = '', forwardedHost = '' } = hearsay;
    const proto = hearsay.forwardedProto?.toLowerCase();
    const scheme = proto === 'https' || proto === 'http' ? proto : this.#peerEncrypted ? 'https' : 'http';
    this.encrypted = scheme === 'https';
    this.clientAddress = forwardedFor === '' ? this.#peerAddress : searchClient(forwardedFor, this.#peerAddress, this.#trusted!);
    const list = forwardedFor === '' ? this.#peerAddress : `${forwardedFor}, ${this.#peerAddress}`;
    this.#linesHeard = true;
    this.#lines = forwardedLines(list, forwardedHost !== '' && isAuthority(forwardedHost) ? forwardedHost : authority, scheme, version);
  }

  /** Passes on the names that the request has and that are sane, and gives it those that it lacks. */
  #name(head: ForwardedHead, tracesAll: boolean): void {
    const { requestId, traceParent, hasTraceState } = head.hearsay;
    const isNamed = requestId !== undefined && saneId.test(requestId);
    const isTraced = traceParent !== undefined && isTraceParent(traceParent);
    const begins = tracesAll && !isTraced;
    if ((requestId !== undefined && !isNamed) || (begins && (traceParent !== undefined || hasTraceState))) {
      head.removeFields(isNamed ? traceFields : begins ? ['x-request-id', ...traceFields] : ['x-request-id']);
    }
    const fresh = isNamed && !begins ? '' : randomHex(32);
    this.requestId = isNamed ? requestId : fresh;
    this.traceId = isTraced ? traceParent.slice(3, 35) : begins ? fresh : '';
    const idLine = isNamed ? '' : `x-request-id: ${fresh}\r\n`;
    // Sampled, which the last two digits say: most libraries follow their caller, and of what nobody has sampled they would record nothing.
    this.#idLines = begins ? `${idLine}traceparent: 00-${fresh}-${randomHex(16)}-01\r\n` : idLine;
  }
}

function forwardedLines(forwardedFor: string, forwardedHost: string, scheme: string, version: string): string {
  const host = forwardedHost === '' ? '' : `x-forwarded-host: ${forwardedHost}\r\n`;
  return `x-forwarded-for: ${forwardedFor}\r\n${host}x-forwarded-proto: ${scheme}\r\nvia: ${version} sluice\r\n`;
}

const saneId = /^[\w.+/=:-]{1,128}$/;

const traceFields = ['traceparent', 'tracestate'];

/** W3C Trace Context level 1, section 3.2: version, trace, parent, flags; later versions may have more behind them. */
const traceParentSyntax = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:$|-)/;
const traceParentLength = 55;

function isTraceParent(value: string): boolean {
  return traceParentSyntax.test(value) && (value.length === traceParentLength || !value.startsWith('00'));
}

/** Asking for random bytes costs more than all the rest of a request's head, so many are asked for at a time. */
const pool = Buffer.allocUnsafeSlow(4096);
let digits = '';
let used = 0;

/** Digits that were never given before and cannot be foretold. All of them being zero, which no trace may be called, will not happen. */
function randomHex(length: number): string {
  if (used + length > digits.length) {
    digits = randomFillSync(pool).toString('hex');
    used = 0;
  }
  used += length;
  return digits.slice(used - length, used);
}
