/** A config file as text: what it says, what is wrong with its syntax, and which line says what. */
import {
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument as parseYaml,
  type Alias,
  type Document,
  type Node,
  type Pair,
  type YAMLError,
} from 'yaml';
import type { Problem } from '../src/core/errors.ts';
import { childPointer, isJsonObject, type Json, type JsonObject } from '../src/core/json.ts';
import { problemsMax } from './findings.ts';
import { quote, show } from './reading.ts';

/** Both count from 1, as editors do. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** A problem and the place in the file where somebody has to type. */
export interface LocatedProblem extends Problem, Position {}

export type ParsedDocument =
  | {
      readonly kind: 'parsed';
      readonly document: JsonObject;
      /**
       * Where something stands: its key (`'key'`, for what should not be there) or its value. For what is missing: the key of the
       * nearest thing around it that is there.
       */
      readonly locate: (pointer: string, at?: 'key' | 'value') => Position;
    }
  | { readonly kind: 'malformed'; readonly problems: readonly LocatedProblem[] };

/** A file with more text was not written by a person, and parsing it would stop the process for seconds. */
const charactersMax = 8 * 1024 * 1024;
/** The schema needs 8. */
const depthMax = 64;
/** Aliases multiply: without a bound, a file of 1 KiB becomes gigabytes. */
const nodesMax = 1_000_000;

type Tree = Document.Parsed;

/** Reads YAML 1.2 or JSON, which is a part of it. Never throws. */
export function parseDocument(text: string, fileName: string): ParsedDocument {
  const start = { line: 1, column: 1 };
  const tooDeep = { ...start, pointer: '', message: 'the file is nested too deeply to be read' };
  if (text.length > charactersMax) {
    return malformed([{ ...start, pointer: '', message: `the file is larger than ${charactersMax / 1024 / 1024} MiB` }]);
  }
  const lines = new LineCounter();
  let tree: Tree;
  try {
    tree = parseYaml(text, { lineCounter: lines, prettyErrors: false, version: '1.2', merge: false });
  } catch {
    return malformed([tooDeep]);
  }
  const positionAt = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const syntax = [...tree.errors, ...tree.warnings];
  // The parser is recursive: on a thousand brackets it reaches the end of the stack, and throws that or reports it as an error.
  if (syntax.some(({ message }) => /stack (size exceeded|overflow)/i.test(message))) return malformed([tooDeep]);
  if (syntax.length > 0) {
    // After the first errors the parser is lost and complains about what is right.
    return malformed(syntax.slice(0, 20).map((error) => ({ ...positionAt(error.pos[0]), pointer: '', message: syntaxMessage(error) })));
  }
  const problems: LocatedProblem[] = [];
  const budget = { nodes: nodesMax };
  const report = (node: Node | null, pointer: string, message: string): null => {
    problems.push({ ...positionAt(node?.range?.[0] ?? 0), pointer, message });
    return null;
  };
  const conversion: Conversion = { tree, report, budget, sources: new Map() };
  const document = toJson(tree.contents, '', conversion, 0);
  if (problems.length > 0) return malformed(problems.slice(0, problemsMax));
  if (!isJsonObject(document)) {
    const found = tree.contents === null || document === null ? `${fileName} is empty` : `found ${show(document)}`;
    return malformed([{ ...start, pointer: '', message: `expected an object with at least the key "services"; ${found}` }]);
  }
  return { kind: 'parsed', document, locate: (pointer, at = 'value') => locate(conversion, pointer, at, positionAt) };
}

function malformed(problems: readonly LocatedProblem[]): ParsedDocument {
  return { kind: 'malformed', problems };
}

interface Conversion {
  readonly tree: Tree;
  readonly report: (node: Node | null, pointer: string, message: string) => null;
  readonly budget: { nodes: number };
  /** What aliases stand for. The library looks through the whole tree for each, and one alias may be visited a million times. */
  readonly sources: Map<Alias, Node | undefined>;
}

/** The library's own conversion makes Buffers of `!!binary`, text of keys that are lists, and throws on aliases without an anchor. */
function toJson(node: Node | null, pointer: string, conversion: Conversion, depth: number): Json {
  const { report, budget } = conversion;
  if (node === null) return null;
  if (depth > depthMax) return report(node, pointer, `nested more than ${depthMax} levels deep`);
  if (budget.nodes-- <= 0)
    return budget.nodes === -1 ? report(node, pointer, `aliases blow the document up to more than ${nodesMax} values`) : null;
  if (isAlias(node)) {
    const source = resolved(node, conversion);
    if (source !== undefined) return toJson(source, pointer, conversion, depth + 1);
    return report(
      node,
      pointer,
      `"*" begins an alias, and there is no anchor ${quote(`&${node.source}`)}; put text in quotes: ${quote(`*${node.source}`)}`,
    );
  }
  if (isSeq(node)) return node.items.map((item, index) => toJson(nodeOf(item), childPointer(pointer, index), conversion, depth + 1));
  if (isMap(node)) {
    const members: [string, Json][] = [];
    for (const pair of node.items) {
      const key = keyOf(pair);
      if (key === undefined) report(nodeOf(pair.key), pointer, 'a key must be text, not a list or an object');
      else members.push([key, toJson(nodeOf(pair.value), childPointer(pointer, key), conversion, depth + 1)]);
    }
    // fromEntries defines, it does not assign: a key "__proto__" is a key like any other.
    return Object.fromEntries(members);
  }
  const value = isScalar(node) ? node.value : undefined;
  if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  return report(node, pointer, 'expected text, a number, true, false or null');
}

function resolved(alias: Alias, { tree, sources }: Conversion): Node | undefined {
  if (!sources.has(alias)) sources.set(alias, alias.resolve(tree));
  return sources.get(alias);
}

/** The text of a key; 1 and true count as "1" and "true", nothing as "". Undefined for lists, objects and aliases. */
function keyOf({ key }: Pair): string | undefined {
  const value: unknown = isScalar(key) ? key.value : key;
  if (value === null) return '';
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined;
}

function nodeOf(value: unknown): Node | null {
  return isNode(value) ? value : null;
}

function locate(conversion: Conversion, pointer: string, at: 'key' | 'value', positionAt: (offset: number) => Position): Position {
  const segments = pointer === '' ? [] : pointer.slice(1).split('/');
  let node: Node | null = conversion.tree.contents;
  let keyOffset = node?.range?.[0] ?? 0;
  for (const segment of segments) {
    const key = segment.replaceAll('~1', '/').replaceAll('~0', '~');
    const around: Node | null = isAlias(node) ? (resolved(node, conversion) ?? null) : node;
    if (isSeq(around)) {
      const item = around.items[Number(key)];
      if (item === undefined) return positionAt(keyOffset);
      node = nodeOf(item);
      keyOffset = node?.range?.[0] ?? keyOffset;
      continue;
    }
    const pair: Pair | undefined = isMap(around) ? around.items.find((candidate) => keyOf(candidate) === key) : undefined;
    if (pair === undefined) return positionAt(keyOffset);
    keyOffset = nodeOf(pair.key)?.range?.[0] ?? keyOffset;
    node = nodeOf(pair.value);
  }
  // The value of "services:" with nothing behind it has an offset, but on a line of its own; the key is what people look for.
  const empty = node === null || (isScalar(node) && node.value === null && node.source === '');
  return positionAt(at === 'key' || empty ? keyOffset : (node?.range?.[0] ?? keyOffset));
}

/** The parser's sentences where they are good, ours where an operator would not know what to type. */
function syntaxMessage(error: YAMLError): string {
  switch (error.code) {
    case 'DUPLICATE_KEY':
      return 'this key stands here twice; remove one';
    case 'MULTIPLE_DOCS':
      return 'a second document begins here ("---"); the configuration is one document';
    case 'TAB_AS_INDENT':
      return 'a tab indents this line; YAML wants spaces';
    case 'TAG_RESOLVE_FAILED':
      return `${error.message}; tags ("!…") have no meaning here, put text that begins with "!" in quotes`;
    default:
      return error.message;
  }
}
