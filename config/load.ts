/** Config files: reading them, and saying what is wrong with them line by line. */
import { readFile } from 'node:fs/promises';
import { expiresSoon, sharedNames, untimely } from '../src/core/file-reading.ts';
import { namedFiles } from '../src/core/named-files.ts';
import { readNamedFiles } from './certificate-files.ts';
import { parseDocument, type LocatedProblem, type ParsedDocument } from './document.ts';
import { configure, type Configuration, type Overrides } from './effective.ts';
import { problemsMax } from './findings.ts';
import { explainReadError } from './read-error.ts';
import { printable } from './reading.ts';

export { parseDocument, type LocatedProblem, type ParsedDocument, type Position } from './document.ts';

/** What became of a text: its meaning, or every problem in it, sorted by position. */
export type CheckResult =
  | ({ readonly kind: 'valid' } & Configuration)
  | { readonly kind: 'invalid'; readonly problems: readonly LocatedProblem[] };

/**
 * `unreadable`: the file could not be read at all; the message names it and says what to do. `warnings` are of files that it names:
 * those that will not be good for much longer, and what is probably not meant.
 */
export type LoadResult =
  | ({ readonly kind: 'valid'; readonly warnings: readonly string[] } & Configuration)
  | Extract<CheckResult, { kind: 'invalid' }>
  | { readonly kind: 'unreadable'; readonly message: string };

/** What is asked of certificates that are over, or have not begun. `forgiving`: who starts again with one goes on with it. */
export type Strictness = 'strict' | 'forgiving';

/** Reads, parses and interprets a file, and what it names, as a process with these overrides would run it. Never rejects. */
export async function loadFile(path: string, overrides: Overrides = {}, strictness: Strictness = 'strict'): Promise<LoadResult> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    return { kind: 'unreadable', message: `cannot read ${path}: ${explainReadError(error)}` };
  }
  const text = decode(bytes);
  return text === undefined
    ? { kind: 'unreadable', message: `cannot read ${path}: it is not UTF-8 text; save it as UTF-8` }
    : withFiles(examineText(text, path, overrides), strictness);
}

/** The same for a text that is at hand, without the files that it names. `fileName` only appears in messages. */
export function checkText(text: string, fileName: string, overrides: Overrides = {}): CheckResult {
  const examined = examineText(text, fileName, overrides);
  return examined.kind === 'valid' ? { kind: 'valid', ...examined.configuration } : examined;
}

type Examined =
  | { readonly kind: 'valid'; readonly configuration: Configuration; readonly locate: Locate }
  | Extract<CheckResult, { kind: 'invalid' }>;
type Locate = Extract<ParsedDocument, { kind: 'parsed' }>['locate'];

function examineText(text: string, fileName: string, overrides: Overrides): Examined {
  const parsed = parseDocument(text, fileName);
  if (parsed.kind === 'malformed') return { kind: 'invalid', problems: parsed.problems.toSorted(byPosition) };
  const meaning = configure(parsed.document, overrides);
  if (meaning.kind === 'valid') {
    const { document, model, settings } = meaning;
    return { kind: 'valid', configuration: { document, model, settings }, locate: parsed.locate };
  }
  const problems = meaning.findings
    .listed()
    .map(({ pointer, message, at }) => ({ ...parsed.locate(pointer, at), pointer, message }))
    .toSorted(byPosition);
  const more = meaning.findings.more();
  // Placed like the last one, so that it stays behind it.
  return { kind: 'invalid', problems: more === undefined ? problems : [...problems, { ...problems.at(-1)!, pointer: '', message: more }] };
}

/** Reads what listeners and pools name. */
async function withFiles(examined: Examined, strictness: Strictness): Promise<LoadResult> {
  if (examined.kind === 'invalid') return examined;
  const { configuration, locate } = examined;
  const readings = await Promise.all(namedFiles(configuration.document, configuration.model).map((named) => readNamedFiles(named)));
  const nowMs = Date.now();
  const late = strictness === 'strict' ? readings.flatMap((reading) => untimely(reading, nowMs) ?? []) : [];
  const problems = [...readings.flatMap((reading) => reading.problems), ...late];
  if (problems.length === 0) {
    const soon = readings.flatMap((reading) => expiresSoon(reading, nowMs) ?? []);
    return {
      kind: 'valid',
      ...configuration,
      warnings: [...soon, ...readings.flatMap(({ warnings }) => warnings), ...sharedNames(readings)],
    };
  }
  return { kind: 'invalid', problems: problems.map((problem) => ({ ...locate(problem.pointer), ...problem })).toSorted(byPosition) };
}

/**
 * What `sluice check` prints: `FILE:LINE:COL  POINTER  message`, one line per problem, so that editors and terminals can jump there,
 * and a count at the end. The whole document has the pointer `/`.
 */
export function formatProblems(problems: readonly LocatedProblem[], fileName: string): string {
  const lines = problems
    .toSorted(byPosition)
    .map(({ line, column, pointer, message }) => `${fileName}:${line}:${column}  ${pointer === '' ? '/' : printable(pointer)}  ${message}`);
  const count = problems.length > problemsMax ? `more than ${problemsMax}` : String(problems.length);
  return [...lines, `${count} ${problems.length === 1 ? 'problem' : 'problems'} in ${fileName}`].join('\n');
}

function byPosition(a: LocatedProblem, b: LocatedProblem): number {
  return a.line - b.line || a.column - b.column;
}

function decode(bytes: Buffer): string | undefined {
  try {
    // Drops a byte order mark, which some editors write and YAML would take for text.
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
