/**
 * One scan over the field lines of a head: every byte is checked, what matters to framing and forwarding is taken out, and what passes
 * through is kept as slices of the head's own text, not re-serialised.
 *
 * Strictness is the price of owning the parser (RFC 9112 section 5 and 6): white space before the colon, folded lines, control
 * characters, bare CR or LF, repeated or malformed Content-Length or Host, and any transfer coding but `chunked` are refused.
 */
import type { Hearsay } from '../forwarding.ts';
import { COLON, CR, EQUALS, foldedCase, LF, lowerCase, SPACE, TAB, tokenEnd, valueEnd } from './characters.ts';

/** What a scan may find wrong. `''` = nothing. */
export type FieldFault = '' | 'malformed' | 'too_many' | 'coding_unknown';

/** What a scan learned of a head. One per connection, filled anew by each scan. */
export class FieldScan implements Hearsay {
  /** The lines that pass through, each with its CRLF. A valid Content-Length is among them. */
  kept = '';
  host: string | undefined;
  /** -1 = no Content-Length. */
  contentLength = -1;
  chunked = false;
  /** The Connection field's options that we act on. */
  close = false;
  keepAlive = false;
  connectionUpgrade = false;
  /** The Upgrade field's value, '' = none. */
  upgrade = '';
  /** The Expect field's value, '' = none. */
  expect = '';
  /** Seconds of a `Keep-Alive: timeout=`, -1 = none. */
  keepAliveSeconds = -1;
  /** The last Keep-Alive that was taken apart, and what it said. */
  keepAliveText = '';
  keepAliveTextSeconds = -1;
  hasDate = false;
  /** It says of itself that a mirror has sent it. */
  isCopy = false;
  forwardedFor: string | undefined;
  forwardedHost: string | undefined;
  forwardedProto: string | undefined;
  requestId: string | undefined;
  traceParent: string | undefined;
  hasTraceState = false;
}

/** Names that a role looks at, by length, so that most fields cost one table look-up. */
export type FieldNames = readonly (readonly KnownField[] | undefined)[];

interface KnownField {
  readonly name: string;
  readonly role: Role;
  /** Whether the line is taken out of what passes through. */
  readonly drop: boolean;
}

type Role =
  | 'host'
  | 'contentLength'
  | 'transferEncoding'
  | 'connection'
  | 'upgrade'
  | 'expect'
  | 'keepAlive'
  | 'date'
  | 'copy'
  | 'forwardedFor'
  | 'forwardedHost'
  | 'forwardedProto'
  | 'requestId'
  | 'traceParent'
  | 'traceState'
  | 'proxyStatus'
  | 'forbidden'
  | 'none';

function fieldNames(known: readonly KnownField[]): FieldNames {
  const byLength: KnownField[][] = [];
  for (const field of known) (byLength[field.name.length] ??= []).push(field);
  return byLength;
}

const drop = (name: string, role: Role = 'none'): KnownField => ({ name, role, drop: true });
const keep = (name: string, role: Role): KnownField => ({ name, role, drop: false });

/** Hop-by-hop fields (RFC 9110 section 7.6.1), which end here in both directions. */
const hopByHop = [
  drop('connection', 'connection'),
  drop('proxy-connection'),
  drop('transfer-encoding', 'transferEncoding'),
  drop('upgrade', 'upgrade'),
  drop('te'),
];

/**
 * Requests: Host is written anew; forwarding fields are ours to set, because clients lie in them. What they say is remembered, for where a
 * proxy that is trusted has set them.
 */
export const requestFields = fieldNames([
  ...hopByHop,
  drop('host', 'host'),
  keep('content-length', 'contentLength'),
  drop('keep-alive'),
  keep('expect', 'expect'),
  drop('http2-settings'),
  drop('forwarded'),
  drop('x-forwarded-for', 'forwardedFor'),
  drop('x-forwarded-host', 'forwardedHost'),
  drop('x-forwarded-proto', 'forwardedProto'),
  keep('x-request-id', 'requestId'),
  keep('traceparent', 'traceParent'),
  keep('tracestate', 'traceState'),
  // Taken out like all fields of ours, but remembered, so that a copy is not copied again.
  drop('x-sluice-mirror', 'copy'),
]);

export const responseFields = fieldNames([
  ...hopByHop,
  keep('content-length', 'contentLength'),
  drop('keep-alive', 'keepAlive'),
  keep('date', 'date'),
  keep('proxy-status', 'proxyStatus'),
]);

/**
 * Trailers may not say anything about routing, control or the content (RFC 9110 section 6.5.1): such lines are dropped. One about framing
 * or about keeping the connection can only be meant to make two parsers disagree: those that Node's parser heeds or refuses are refused.
 */
// oxfmt-ignore
export const trailerFields = fieldNames([
  ...['content-length', 'transfer-encoding', 'connection'].map((name) => drop(name, 'forbidden')),
  ...[
    'proxy-connection', 'keep-alive', 'upgrade', 'te', 'trailer', 'host', 'expect', 'max-forwards', 'http2-settings',
    'authorization', 'proxy-authorization', 'www-authenticate', 'proxy-authenticate', 'cookie', 'set-cookie',
    'content-encoding', 'content-type', 'content-range',
    'cache-control', 'pragma', 'expires', 'age', 'date', 'vary', 'location', 'retry-after', 'warning',
    'range', 'if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since', 'if-range',
    'forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-request-id', 'traceparent', 'tracestate',
  ].map((name) => drop(name)),
  keep('proxy-status', 'proxyStatus'),
]);

/**
 * Names that a Connection field cannot take away: the message would mean something else without them (RFC 9110 section 7.6.1), or could not
 * be found again in the logs of those whom it has passed.
 */
// oxfmt-ignore
const notRemovable = new Set([
  'host', 'content-length', 'transfer-encoding', 'cache-control', 'authorization', 'cookie', 'date', 'expect',
  'x-request-id', 'traceparent', 'tracestate',
]);

const ownPrefix = 'x-sluice-';

/** A member of a Proxy-Status (RFC 9209 section 2: a list, in which each proxy goes by its name) that passes for one of ours. */
export const speaksAsUs = /(?:^|,)[ \t]*"?sluice/i;

/**
 * Scans the field lines of a head (or a trailer section), of which each, the last too, ends with CRLF.
 *
 * Bytes are looked at in `bytes`, twice as fast as in a string; what is kept is sliced from `text`, the same bytes from `base` on as
 * latin-1. All other positions are in `text`. (bench/parse.bench.ts)
 */
export function scanFields(
  bytes: Uint8Array,
  base: number,
  text: string,
  from: number,
  names: FieldNames,
  fieldsMax: number,
  scan: FieldScan,
): FieldFault {
  scan.host = undefined;
  scan.contentLength = -1;
  scan.chunked = scan.close = scan.keepAlive = scan.connectionUpgrade = scan.hasDate = scan.isCopy = false;
  scan.upgrade = scan.expect = '';
  scan.keepAliveSeconds = -1;
  scan.forwardedFor = scan.forwardedHost = scan.forwardedProto = scan.requestId = scan.traceParent = undefined;
  scan.hasTraceState = false;

  let kept = '';
  let sliceStart = from;
  let listed: string[] | undefined;
  let count = 0;
  const textEnd = text.length;
  for (let start = from; start < textEnd;) {
    if (++count > fieldsMax) return 'too_many';
    const colon = tokenEnd(bytes, base + start) - base;
    if (colon === start || bytes[base + colon] !== COLON) return 'malformed';
    const end = valueEnd(bytes, base + colon + 1) - base;
    if (bytes[base + end] !== CR || bytes[base + end + 1] !== LF) return 'malformed';
    const next = end + 2;

    let known = knownField(bytes, base + start, colon - start, names);
    if (known !== undefined) {
      switch (known.role) {
        case 'host':
          if (scan.host !== undefined) return 'malformed';
          scan.host = trimmed(text, colon + 1, end);
          break;
        case 'contentLength': {
          const length = contentLength(bytes, base + colon + 1, base + end);
          if (length < 0 || scan.contentLength >= 0) return 'malformed';
          scan.contentLength = length;
          break;
        }
        case 'transferEncoding': {
          const value = text.slice(colon + 1, end);
          // A tab after the coding is white space to the RFC and part of a name to Node's parser: nobody honest sends one.
          if (scan.chunked || value.includes('\t')) return 'malformed';
          const coding = trimmed(value, 0, value.length).toLowerCase();
          if (coding !== 'chunked') return coding.endsWith(', chunked') || coding.endsWith(',chunked') ? 'coding_unknown' : 'malformed';
          scan.chunked = true;
          break;
        }
        case 'connection':
          listed = readConnection(trimmed(text, colon + 1, end), scan, listed);
          break;
        case 'upgrade':
          scan.upgrade = scan.upgrade === '' ? trimmed(text, colon + 1, end) : `${scan.upgrade}, ${trimmed(text, colon + 1, end)}`;
          break;
        case 'expect':
          scan.expect = scan.expect === '' ? trimmed(text, colon + 1, end) : `${scan.expect}, ${trimmed(text, colon + 1, end)}`;
          break;
        case 'keepAlive':
          readKeepAlive(trimmed(text, colon + 1, end), scan);
          break;
        case 'date':
          scan.hasDate = true;
          break;
        case 'copy':
          scan.isCopy = true;
          break;
        case 'forwardedFor':
          scan.forwardedFor = joined(scan.forwardedFor, trimmed(text, colon + 1, end));
          break;
        case 'forwardedHost':
          scan.forwardedHost = onlyOne(scan.forwardedHost, trimmed(text, colon + 1, end));
          break;
        case 'forwardedProto':
          scan.forwardedProto = onlyOne(scan.forwardedProto, trimmed(text, colon + 1, end));
          break;
        case 'requestId':
          scan.requestId = onlyOne(scan.requestId, trimmed(text, colon + 1, end));
          break;
        case 'traceParent':
          scan.traceParent = onlyOne(scan.traceParent, trimmed(text, colon + 1, end));
          break;
        case 'traceState':
          scan.hasTraceState = true;
          break;
        case 'proxyStatus':
          if (speaksAsUs.test(text.slice(colon + 1, end))) known = ownField;
          break;
        case 'forbidden':
          return 'malformed';
        case 'none':
      }
      if (known.drop) {
        if (sliceStart < start) kept += text.slice(sliceStart, start);
        sliceStart = next;
      }
    }
    start = next;
  }
  if (scan.chunked && scan.contentLength >= 0) return 'malformed';
  kept += sliceStart === 0 ? text : text.slice(sliceStart);
  scan.kept = listed === undefined ? kept : withoutFields(kept, listed);
  return '';
}

const ownField: KnownField = drop(ownPrefix);
/** A field that some targets would take for one of ours, or for one about framing: it is taken out, and means nothing. */
const lookalike: KnownField = drop('');

function knownField(bytes: Uint8Array, start: number, length: number, names: FieldNames): KnownField | undefined {
  const candidates = names[length];
  if (candidates !== undefined) {
    for (const candidate of candidates) {
      if (isName(bytes, start, candidate.name)) return hasUnderscore(bytes, start, length) ? lookalike : candidate;
    }
  }
  // Ours are `x-sluice-…`: neither a client nor a target may set them. The third letter tells most other x- fields apart.
  if (length >= ownPrefix.length && (bytes[start + 2]! | 32) === 0x73 && isName(bytes, start, ownPrefix)) return ownField;
  return undefined;
}

/** Whether `name` (lower case) stands at `start`, `_` being as good as `-`. */
function isName(bytes: Uint8Array, start: number, name: string): boolean {
  for (let index = 0; index < name.length; index++) {
    if (foldedCase[bytes[start + index]!] !== name.charCodeAt(index)) return false;
  }
  return true;
}

function hasUnderscore(bytes: Uint8Array, start: number, length: number): boolean {
  for (let index = start; index < start + length; index++) {
    if (bytes[index] === 0x5f) return true;
  }
  return false;
}

/** Optional white space around a value is not part of it (RFC 9110 section 5.5). */
function trimmed(text: string, from: number, to: number): string {
  while (from < to && isBlank(text.charCodeAt(from))) from++;
  while (to > from && isBlank(text.charCodeAt(to - 1))) to--;
  return text.slice(from, to);
}

/** A list that may stand in several lines (RFC 9110 section 5.3). */
function joined(before: string | undefined, value: string): string {
  return before === undefined || before === '' ? value : value === '' ? before : `${before}, ${value}`;
}

/** '' where there is more than one: nobody knows which is meant. */
function onlyOne(before: string | undefined, value: string): string {
  return before === undefined ? value : '';
}

function isBlank(code: number): boolean {
  return code === SPACE || code === TAB;
}

/** -1 = not 1*DIGIT between optional white space, or beyond what can be counted exactly. */
function contentLength(bytes: Uint8Array, from: number, to: number): number {
  while (from < to && isBlank(bytes[from]!)) from++;
  while (to > from && isBlank(bytes[to - 1]!)) to--;
  if (from === to || to - from > 15) return -1;
  let length = 0;
  for (let at = from; at < to; at++) {
    const digit = bytes[at]! - 0x30;
    if (digit < 0 || digit > 9) return -1;
    length = length * 10 + digit;
  }
  return length;
}

/** Reads the options of a Connection field; returns the fields that it lists for removal, added to `listed`. */
function readConnection(value: string, scan: FieldScan, listed: string[] | undefined): string[] | undefined {
  // Nearly all say one of these.
  if (value === 'keep-alive') {
    scan.keepAlive = true;
    return listed;
  }
  if (value === 'close') {
    scan.close = true;
    return listed;
  }
  for (const option of value.toLowerCase().split(',')) {
    // Not `trim`, which takes more for white space than HTTP does.
    const name = trimmed(option, 0, option.length);
    if (name === 'close') scan.close = true;
    else if (name === 'keep-alive') scan.keepAlive = true;
    else if (name === 'upgrade') scan.connectionUpgrade = true;
    else if (name !== '' && !notRemovable.has(name)) (listed ??= []).push(name);
  }
  return listed;
}

/** The field has no grammar that all keep to, so whatever looks like `timeout=5` is taken for one. */
function readKeepAlive(value: string, scan: FieldScan): void {
  // A connection's answers all say the same.
  if (value !== scan.keepAliveText) {
    const match = /(?:^|[,\s])timeout\s*=\s*"?(\d{1,6})/i.exec(value);
    scan.keepAliveText = value;
    scan.keepAliveTextSeconds = match === null ? -1 : Number(match[1]);
  }
  scan.keepAliveSeconds = scan.keepAliveTextSeconds;
}

/** `fields` without the lines of these names (lower case). For Connection-listed fields and others that are rare. */
export function withoutFields(fields: string, names: readonly string[]): string {
  const removed = new Set(names);
  let kept = '';
  for (let start = 0; start < fields.length;) {
    const next = fields.indexOf('\r\n', start) + 2;
    if (!removed.has(fields.slice(start, fields.indexOf(':', start)).toLowerCase())) kept += fields.slice(start, next);
    start = next;
  }
  return kept;
}

/** The value of a field, its lines joined by ', ' (RFC 9110 section 5.3), or undefined. `name` is in lower case. */
export function fieldValue(fields: string, name: string, joint = ', '): string | undefined {
  let value: string | undefined;
  for (let start = 0; start < fields.length;) {
    const end = fields.indexOf('\r\n', start);
    const colon = start + name.length;
    if (fields.charCodeAt(colon) === COLON && isNameInText(fields, start, name)) {
      const here = trimmed(fields, colon + 1, end);
      value = value === undefined ? here : value + joint + here;
    }
    start = end + 2;
  }
  return value;
}

/**
 * The value of a cookie of this name (RFC 6265 section 5.4: pairs stand between semicolons), or undefined. Sticky services ask for one with
 * every request, so nothing is cut out but the value.
 * @param place among those of the name, from 0 on
 */
export function cookieValue(fields: string, name: string, place: number): string | undefined {
  // The next semicolon from where we are, be it in a later field: looked for anew for each pair, thousands of fields would cost their square.
  let semicolon = -1;
  for (let start = 0; start < fields.length;) {
    const lineEnd = fields.indexOf('\r\n', start);
    const colon = start + cookieField.length;
    if (fields.charCodeAt(colon) === COLON && isNameInText(fields, start, cookieField)) {
      for (let pair = colon + 1; pair < lineEnd;) {
        if (semicolon < pair) semicolon = indexOrEnd(fields, ';', pair);
        const pairEnd = Math.min(semicolon, lineEnd);
        const value = pairValue(fields, pair, pairEnd, name);
        if (value !== undefined && place-- === 0) return value;
        pair = pairEnd + 1;
      }
    }
    start = lineEnd + 2;
  }
  return undefined;
}

const cookieField = 'cookie';

function indexOrEnd(text: string, character: string, from: number): number {
  const index = text.indexOf(character, from);
  return index < 0 ? text.length : index;
}

/** What stands behind `name=`, if that is the pair's name. */
function pairValue(text: string, from: number, to: number, name: string): string | undefined {
  while (from < to && isBlank(text.charCodeAt(from))) from++;
  if (!text.startsWith(name, from)) return undefined;
  let equals = from + name.length;
  while (equals < to && isBlank(text.charCodeAt(equals))) equals++;
  return equals < to && text.charCodeAt(equals) === EQUALS ? trimmed(text, equals + 1, to) : undefined;
}

/** Whether `name` (lower case) stands at `start`. */
function isNameInText(text: string, start: number, name: string): boolean {
  for (let index = 0; index < name.length; index++) {
    if (lowerCase[text.charCodeAt(start + index)] !== name.charCodeAt(index)) return false;
  }
  return true;
}
