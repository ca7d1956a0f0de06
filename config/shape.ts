/**
 * Finds everything in a document that does not have the shape of the schema, and says so in sentences.
 *
 * TypeBox decides whether a document is valid, but its errors speak of keywords ("must match a schema in anyOf") and stop at a fixed
 * number; an operator needs all of them and needs to know what to type. So this walks schema and document side by side. The property
 * tests in test/config/shape.test.ts hold it to TypeBox's own verdict.
 */
import { childPointer, isJsonObject, type Json } from '../src/core/json.ts';
import {
  listenAddressPattern,
  readListenAddress,
  readServerName,
  readTargetUrl,
  serverNamePattern,
  targetUrlPattern,
} from './addresses.ts';
import type { Findings } from './findings.ts';
import { instantPattern, readInstant } from './instants.ts';
import * as names from './names.ts';
import { nearestName } from '../src/core/nearest.ts';
import { suggestName } from './nearest.ts';
import { networkPattern, readNetwork } from './networks.ts';
import { hostFieldPattern, probePathPattern, readHostField, readProbePath, readStatusRanges, statusRangesPattern } from './probe-values.ts';
import { quote, read, show, type Reader } from './reading.ts';
import {
  durationPattern,
  percentPattern,
  positiveDurationPattern,
  readDuration,
  readPercent,
  readPercentOrNumber,
  readPositiveDuration,
  readSize,
  readSizeLimit,
  sizePattern,
} from './units.ts';
import { objectsOf, type SchemaNode } from './schema-node.ts';
import { isUnsupportedKey, unsupportedHomes, unsupportedMessage } from './unsupported.ts';

/** The same document without what is wrong: every member may be missing, and items of lists keep their index. */
export type Salvaged<T> = T extends readonly (infer Item)[]
  ? readonly (Salvaged<Item> | undefined)[]
  : T extends object
    ? { readonly [Key in keyof T]?: Salvaged<T[Key]> | undefined }
    : T;

/**
 * Adds to `findings` all that is wrong and returns what can still be used, so that a wrong port does not hide a wrong
 * pool name. Keys of salvaged objects are those of the document, even where the value had to be dropped.
 */
export function checkShape<T>(schema: SchemaNode, value: Json, findings: Findings): Salvaged<T> | undefined {
  // What the schema says of the salvaged value, the types cannot follow.
  return walk(schema, value, '', { findings, root: schema }) as Salvaged<T> | undefined;
}

/** The reader that says what a text with this pattern means. Its word counts; the pattern is for editors. */
const readers = new Map<string, Reader<unknown>>([
  [durationPattern, readDuration],
  [positiveDurationPattern, readPositiveDuration],
  [sizePattern, readSize],
  [listenAddressPattern, readListenAddress],
  [targetUrlPattern, readTargetUrl],
  [serverNamePattern, readServerName],
  [names.idPattern, names.readId],
  [names.targetIdPattern, names.readTargetId],
  [names.tokenPattern, names.readToken],
  [names.methodPattern, names.readMethod],
  [names.fieldValuePattern, names.readFieldValue],
  [names.hostPattern, names.readHostPattern],
  [names.pathPattern, names.readPathPattern],
  [names.cookiePathPattern, names.readCookiePath],
  [percentPattern, readPercent],
  [instantPattern, readInstant],
  [networkPattern, readNetwork],
  [statusRangesPattern, readStatusRanges],
  [probePathPattern, readProbePath],
  [hostFieldPattern, readHostField],
]);

interface Context {
  readonly findings: Findings;
  readonly root: SchemaNode;
}

type Loose = Record<string, unknown> | readonly unknown[] | Json | undefined;

function walk(schema: SchemaNode, value: Json, pointer: string, context: Context): Loose {
  if (schema.anyOf !== undefined) return walkUnion(schema.anyOf, value, pointer, context);
  if (schema.type === 'object') return walkObject(schema, value, pointer, context);
  if (schema.type === 'array') return walkList(schema, value, pointer, context);
  const message = scalarProblem(schema, value);
  if (message === undefined) return value;
  context.findings.add(pointer, message + shareHint(pointer, value));
  return undefined;
}

function walkObject(schema: SchemaNode, value: Json, pointer: string, context: Context): Loose {
  if (!isJsonObject(value)) {
    const hint = isChoice(schema) ? choiceHint(schema, value) : emptyHint(value);
    context.findings.add(pointer, `expected ${describe(schema)}, found ${show(value)}${hint}`);
    return undefined;
  }
  const salvaged: [string, unknown][] = [];
  for (const key of Object.keys(value)) {
    const at = childPointer(pointer, key);
    const member = memberSchema(schema, key, at, context);
    if ('message' in member) context.findings.add(at, member.message, 'key');
    else salvaged.push([key, walk(member.schema, value[key]!, at, context)]);
  }
  for (const key of schema.required ?? []) {
    if (Object.hasOwn(value, key)) continue;
    context.findings.add(childPointer(pointer, key), missing(key, schema.properties?.[key]));
  }
  checkCount(schema, Object.keys(value), pointer, context.findings);
  if (isChoice(schema) && salvaged.length !== 1) return undefined;
  // fromEntries defines, it does not assign: a key "__proto__" is a key like any other.
  return Object.fromEntries(salvaged);
}

function checkCount(schema: SchemaNode, keys: readonly string[], pointer: string, findings: Findings): void {
  if (isChoice(schema)) {
    const known = keys.filter((key) => Object.hasOwn(schema.properties ?? {}, key));
    if (keys.length > 0 && known.length <= 1) return;
    const found = known.length === 0 ? 'none' : `${known.map(quote).join(' and ')}; remove all but one`;
    findings.add(pointer, `expected exactly one of the keys ${listKeys(schema)}, found ${found}`);
  } else if (keys.length < (schema.minProperties ?? 0)) {
    findings.add(pointer, 'expected at least one entry, found an empty object');
  }
}

/** Whether it is an object of which exactly one key is wanted. */
function isChoice(schema: SchemaNode): boolean {
  return schema.maxProperties === 1;
}

/** `key: address` instead of `key: { address: true }`. */
function choiceHint({ properties = {} }: SchemaNode, value: Json): string {
  if (typeof value !== 'string') return emptyHint(value);
  const key = Object.hasOwn(properties, value) ? value : /^(ip|client|source)$/i.test(value) ? 'address' : undefined;
  return key === undefined ? '' : `; write { ${key}: ${properties[key]?.const === true ? 'true' : 'NAME'} }`;
}

/** The schema of a member, or why there must be no such key. */
function memberSchema(
  schema: SchemaNode,
  key: string,
  pointer: string,
  { findings, root }: Context,
): { readonly schema: SchemaNode } | { readonly message: string } {
  const properties = schema.properties ?? {};
  if (Object.hasOwn(properties, key)) return { schema: properties[key]! };
  for (const [pattern, named] of Object.entries(schema.patternProperties ?? {})) {
    const reading = readers.get(pattern)?.(key);
    return reading === undefined || reading.ok ? { schema: named } : { message: reading.message };
  }
  if (isUnsupportedKey(pointer)) return { message: unsupportedMessage(quote(key), 'remove the key') };
  return { message: `unknown key ${quote(key)}${findings.hint(() => unknownKeyHint(key, Object.keys(properties), root))}` };
}

/** The name that was meant, or the place where this one belongs, or all names that there are. */
function unknownKeyHint(key: string, known: readonly string[], root: SchemaNode): string {
  if (key === '<<') return '; merge keys are not supported, repeat the lines';
  if (nearestName(key, known) === undefined) {
    const homes = objectsOf(root).filter(({ node }) => Object.hasOwn(node.properties ?? {}, key));
    const supported = homes.map(({ path }) => (path === '' ? 'the top level' : path));
    const later = unsupportedHomes(key).join(' and ');
    if (supported.length > 0) {
      return ` here; it belongs to ${supported.join(' and ')}${later === '' ? '' : `, and to ${later}, where it is not supported yet`}`;
    }
    if (later !== '') return ` here; it belongs to ${later} and is not supported yet`;
  }
  return suggestName(key, known);
}

function walkList(schema: SchemaNode, value: Json, pointer: string, context: Context): Loose {
  if (!Array.isArray(value)) {
    const hint = isJsonObject(value)
      ? '; put a dash in front of it, or brackets around it'
      : value === null
        ? emptyHint(value)
        : `; write [${JSON.stringify(value)}]`;
    context.findings.add(pointer, `expected ${describe(schema)}, found ${show(value)}${hint}`);
    return undefined;
  }
  if (schema.minItems !== undefined && value.length < schema.minItems) {
    // Deeper down no list that must not be empty has a default.
    const wayOut = pointer.lastIndexOf('/') === 0 ? 'leave the key out for the default' : 'add one';
    context.findings.add(pointer, `expected at least one item, found an empty list; ${wayOut}`);
  }
  return value.map((item: Json, index) => walk(schema.items!, item, childPointer(pointer, index), context));
}

/** Holds the value to the branch that the author meant, told by the kind of value they wrote. */
function walkUnion(branches: readonly SchemaNode[], value: Json, pointer: string, context: Context): Loose {
  const kind = Array.isArray(value) ? 'array' : isJsonObject(value) ? 'object' : 'scalar';
  const meant = branches.find((branch) => branch.type === kind);
  if (meant !== undefined) return walk(meant, value, pointer, context);
  if (branches.some((branch) => branch.type !== 'object' && branch.type !== 'array' && scalarProblem(branch, value) === undefined))
    return value;
  context.findings.add(pointer, unionProblem(branches, value));
  return undefined;
}

function unionProblem(branches: readonly SchemaNode[], value: Json): string {
  if (kindIsScalar(value)) {
    const withReader = branches.find((branch) => branch.pattern !== undefined && readers.has(branch.pattern));
    if (withReader !== undefined) return failure(readerOfUnion(branches), value) || scalarProblem(withReader, value)!;
  }
  const choices = branches.map(describe);
  const expected = choices.length === 1 ? choices[0]! : `${choices.slice(0, -1).join(', ')} or ${choices.at(-1)!}`;
  const constants = branches.flatMap((branch) => (typeof branch.const === 'string' ? [branch.const] : []));
  const close = typeof value === 'string' ? nearestName(value, constants) : undefined;
  const hint =
    close === undefined
      ? branches.map((branch) => (branch.const === undefined ? scalarHint(branch, value) : '')).find((text) => text !== '')
      : `; did you mean ${quote(close)}?`;
  return `expected ${expected}, found ${show(value)}${hint ?? ''}`;
}

/** The reader of what may be a bare number or a text with a unit; it speaks of both. */
function readerOfUnion(branches: readonly SchemaNode[]): Reader<unknown> {
  if (branches.some(({ const: constant }) => constant === 0)) return readSizeLimit;
  return branches.some(({ type }) => type === 'number') ? readPercentOrNumber : read;
}

/** What is wrong with a text, number or truth value, or undefined. */
function scalarProblem(schema: SchemaNode, value: Json): string | undefined {
  const reader = schema.pattern === undefined ? undefined : readers.get(schema.pattern);
  if (reader !== undefined) {
    const reading = reader(value);
    return reading.ok ? undefined : reading.message;
  }
  return isAllowed(schema, value) ? undefined : `expected ${describe(schema)}, found ${show(value)}${scalarHint(schema, value)}`;
}

function isAllowed(schema: SchemaNode, value: Json): boolean {
  if (schema.const !== undefined) return value === schema.const;
  switch (schema.type) {
    case 'string':
      return typeof value === 'string' && value.length >= (schema.minLength ?? 0);
    case 'integer':
      return (
        typeof value === 'number' &&
        Number.isSafeInteger(value) &&
        value >= (schema.minimum ?? -Infinity) &&
        value <= (schema.maximum ?? Infinity)
      );
    case 'number':
      return typeof value === 'number' && value >= (schema.minimum ?? -Infinity) && value <= (schema.maximum ?? Infinity);
    case 'boolean':
      return typeof value === 'boolean';
    default:
      return false;
  }
}

/** What the schema wants, as the object of "expected …". */
function describe(schema: SchemaNode): string {
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  switch (schema.type) {
    case 'object':
      if (schema.properties === undefined) return 'an object';
      return isChoice(schema) ? `an object with one of the keys ${listKeys(schema)}` : `an object with ${listKeys(schema)}`;
    case 'array':
      return 'a list';
    case 'integer':
      return `a whole number from ${schema.minimum} to ${schema.maximum}`;
    case 'number':
      return `a number from ${schema.minimum} to ${schema.maximum}`;
    case 'boolean':
      return 'true or false';
    default:
      return schema.minLength === undefined ? 'text' : 'text that is not empty';
  }
}

function listKeys(schema: SchemaNode): string {
  return Object.keys(schema.properties ?? {}).join(', ');
}

/** Quotes too many or too few, a percent sign, `yes` instead of `true`: what YAML makes easy to get wrong. */
function scalarHint(schema: SchemaNode, value: Json): string {
  if (value === null) return emptyHint(value);
  if (schema.type === 'integer' && typeof value === 'string') {
    const digits = /^\s*([0-9]{1,15})\s*(%?)\s*$/.exec(value);
    if (digits === null) return '';
    return digits[2] === '%' ? `; write ${digits[1]}, without the percent sign` : `; write ${digits[1]}, without quotes`;
  }
  if (schema.type === 'boolean' && (typeof value === 'string' || typeof value === 'number')) {
    if (/^(true|yes|on|1)$/i.test(String(value))) return '; write true, without quotes';
    if (schema.const === undefined && /^(false|no|off|0)$/i.test(String(value))) return '; write false, without quotes';
  }
  if (schema.type === 'string' && (typeof value === 'number' || typeof value === 'boolean')) return `; put it in quotes: "${value}"`;
  return '';
}

/** Half a percent is 1 to 199, not 0.5. */
function shareHint(pointer: string, value: Json): string {
  const isFraction = typeof value === 'number' && Number.isFinite(value) && value > 0 && !Number.isInteger(value);
  return isFraction && /\/weights?(\/[^/]+)?$/.test(pointer) ? '; weights are relative, so multiply all of them by 10 or 100' : '';
}

function emptyHint(value: Json): string {
  return value === null ? '; fill it in or remove the key' : '';
}

function missing(key: string, schema: SchemaNode | undefined): string {
  const about = schema?.description === undefined ? '' : `: ${schema.description.split(/(?<=\.)\s/)[0]!}`;
  return `the key ${quote(key)} is missing${about}`;
}

function failure(reader: Reader<unknown>, value: Json): string {
  const reading = reader(value);
  return reading.ok ? '' : reading.message;
}

function kindIsScalar(value: Json): boolean {
  return value !== null && typeof value !== 'object';
}
