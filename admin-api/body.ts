/** Bodies: JSON whatever curl calls it, read strictly. */
import { isJsonObject, type Json, type JsonObject } from '../src/core/json.ts';
import { findFlaw } from './json-text.ts';
import { Refusal } from './problems.ts';

/** A configuration of 10,000 services fits several times. */
export const bodyBytesMax = 4 * 1024 * 1024;

/** The recursive functions that compare and merge documents need far less stack than this, and no document comes near it. */
const depthMax = 100;

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** What a non-empty body may be called. The form type is what `curl -d` says when nobody tells it otherwise. */
const jsonTypes = ['application/json', 'application/merge-patch+json', 'application/x-www-form-urlencoded'];

/** Throws unless the content type and encoding are ones that are read as JSON. `fromBrowser` asks for `application/json` itself. */
export function checkMediaType(contentType: string | undefined, contentEncoding: string | undefined, fromBrowser: boolean): void {
  if (contentEncoding !== undefined && contentEncoding.toLowerCase() !== 'identity') {
    throw new Refusal('UNSUPPORTED_MEDIA_TYPE', `The body is encoded as ${contentEncoding}; send it as it is.`);
  }
  const [type = '', ...parameters] = (contentType ?? '').split(';').map((part) => part.trim().toLowerCase());
  const charset = parameters
    .find((parameter) => parameter.startsWith('charset='))
    ?.slice('charset='.length)
    .replaceAll('"', '');
  if (charset !== undefined && charset !== 'utf-8' && charset !== 'utf8') {
    throw new Refusal('UNSUPPORTED_MEDIA_TYPE', `The body says that its charset is ${charset}; JSON is always UTF-8.`);
  }
  if (fromBrowser) {
    if (type === 'application/json' || type === 'application/merge-patch+json') return;
    throw new Refusal('UNSUPPORTED_MEDIA_TYPE', `A call from a browser must say content-type: application/json, not ${type || 'nothing'}.`);
  }
  // A client that says nothing at all means JSON too: there is nothing else to mean here.
  if (type === '' || jsonTypes.includes(type)) return;
  throw new Refusal('UNSUPPORTED_MEDIA_TYPE', `The body says that it is ${type}; send JSON with content-type: application/json.`);
}

/** Parses a body; undefined where it is empty. */
export function parseBody(bytes: Uint8Array): Json | undefined {
  if (bytes.length === 0) return undefined;
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    throw new Refusal('MALFORMED', 'The body is not UTF-8 text; JSON must be.');
  }
  if (text.trim() === '') return undefined;
  let value: Json;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new Refusal('MALFORMED', `The body is not JSON: ${syntaxMessage(text, cause instanceof Error ? cause.message : '')}.`);
  }
  if (isDeeperThan(value, depthMax)) throw new Refusal('MALFORMED', `The body is nested more than ${depthMax} levels deep.`);
  const flaw = findFlaw(text);
  if (flaw?.kind === 'duplicate') {
    const key = flaw.key.length > 60 ? `${flaw.key.slice(0, 57)}…` : flaw.key;
    throw new Refusal(
      'MALFORMED',
      `The key ${JSON.stringify(key)} stands twice in one object (${placeOf(text, flaw.offset)}); remove one.`,
    );
  }
  return value;
}

/** The body where it must be an object; says what to send where it is missing. */
export function requireObject(body: Json | undefined, example: string): JsonObject {
  if (body === undefined) throw new Refusal('MALFORMED', `The body is empty; send a JSON object such as ${example}.`);
  if (isJsonObject(body)) return body;
  const kind = body === null ? 'null' : Array.isArray(body) ? 'an array' : `a ${typeof body}`;
  throw new Refusal('INVALID', `The body is ${kind}; send a JSON object such as ${example}.`, {
    problems: [{ pointer: '', message: `expected an object, found ${kind}` }],
  });
}

/** For calls that need no body: none, or an empty object as some clients insist on sending. */
export function refuseBody(body: Json | undefined): void {
  if (body === undefined || (isJsonObject(body) && Object.keys(body).length === 0)) return;
  throw new Refusal('INVALID', 'This call takes no body; leave it out.');
}

/** The engine's own words, with line and column added where it leaves them out. */
function syntaxMessage(text: string, message: string): string {
  if (!message.startsWith('Unexpected token')) return message.replace(/ in JSON at position \d+ \((.*)\)$/, ' ($1)');
  return `${message.slice(0, message.indexOf(','))} (${placeOf(text, findFlaw(text)?.offset ?? 0)})`;
}

function placeOf(text: string, offset: number): string {
  const before = text.slice(0, offset);
  return `line ${before.split('\n').length} column ${offset - before.lastIndexOf('\n')}`;
}

/** Without recursion, because what it guards against is the end of the stack. */
function isDeeperThan(root: Json, limit: number): boolean {
  let level: Json[] = [root];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > limit) return true;
    level = level.flatMap((value) => (typeof value === 'object' && value !== null ? Object.values<Json>(value) : []));
  }
  return false;
}
