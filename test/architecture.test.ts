import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, test } from 'vitest';

interface Rule {
  /** Files and folders; `*` = all. */
  readonly values: readonly string[];
  /** The same, of which only types may cross. */
  readonly types: readonly string[];
}

/** What the table calls by a short name. */
const shortNames: Readonly<Record<string, string>> = { core: 'src/core', ports: 'src/control/ports.ts', config: 'config', everything: '*' };

/** Who may import whom, by file or folder: what the table of ARCHITECTURE.md says. Everybody may import itself. */
const rules = readTable(readFileSync('ARCHITECTURE.md', 'utf8'));

function readTable(page: string): Readonly<Record<string, Rule>> {
  const rows = page.slice(page.indexOf('| folder | what it is | may import |')).split('\n\n')[0]!.split('\n').slice(2);
  return Object.fromEntries(
    rows.flatMap((row) => {
      const [, names, , allowed] = row.split('|').map((cell) => cell.trim());
      const rule = readRule(allowed!);
      return [...names!.matchAll(/`([^`]+)`/g)].map((match) => [match[1]!.replace(/\/$/, ''), rule] as const);
    }),
  );
}

function readRule(cell: string): Rule {
  const values: string[] = [];
  const types: string[] = [];
  for (const word of cell.split(', ')) {
    const typesOf = /^types of `([^`]+)`$/.exec(word)?.[1];
    if (typesOf !== undefined) types.push(typesOf);
    else if (word !== 'itself') values.push(shortNames[word] ?? `"${word}", which the table does not explain`);
  }
  return { values, types };
}

interface Import {
  readonly file: string;
  readonly target: string;
  readonly typeOnly: boolean;
}

const sources = globSync('{src,proxy,admin-api,config,bench}/**/*.ts').map((file) => ({
  file: normalize(file),
  text: readFileSync(file, 'utf8'),
}));

const importLine = /^(import|export)\s+(type\s+)?(?:[^'";]*?\sfrom\s+)?'([^']+)'|\bimport\('([^']+)'\)/gm;

function importsOf({ file, text }: { file: string; text: string }): Import[] {
  return [...text.matchAll(importLine)].map((match) => {
    const specifier = (match[3] ?? match[4])!;
    const relative = specifier.startsWith('.');
    return { file, target: relative ? normalize(join(dirname(file), specifier)) : specifier, typeOnly: match[2] !== undefined };
  });
}

const imports = sources.flatMap(importsOf);
const isInside = (path: string, folder: string) => path === folder || path.startsWith(`${folder}/`);
const homeOf = (path: string) =>
  Object.keys(rules)
    .filter((folder) => isInside(path, folder))
    .toSorted((a, b) => b.length - a.length)[0];

describe('the layout tells the truth', () => {
  test('the table can be read, and whatever it names is there', () => {
    expect(Object.keys(rules)).toHaveLength(14);
    expect(rules['src/core']).toEqual({ values: [], types: [] });
    expect(rules['src/main.ts']).toEqual({ values: ['*'], types: [] });
    const named = Object.entries(rules).flatMap(([home, { values, types }]) => [home, ...values, ...types]);
    expect(named.filter((path) => path !== '*' && !existsSync(path))).toEqual([]);
  });

  test('every source file has a home in the table', () => {
    expect(sources.filter(({ file }) => homeOf(file) === undefined).map(({ file }) => file)).toEqual([]);
    expect(sources.length).toBeGreaterThan(20);
  });

  test('nobody imports across the planes', () => {
    const offences = imports.filter(({ file, target, typeOnly }) => {
      const home = homeOf(file)!;
      const { values, types } = rules[home]!;
      const targetHome = homeOf(target);
      if (targetHome === undefined || targetHome === home) return false;
      const allowed = typeOnly ? [...values, ...types] : values;
      return !allowed.some((folder) => folder === '*' || isInside(target, folder));
    });
    expect(offences.map(({ file, target }) => `${file} imports ${target}`)).toEqual([]);
  });

  test('proxy and control do not know each other', () => {
    const meetings = imports.filter(
      ({ file, target }) =>
        (isInside(file, 'proxy') && isInside(target, 'src/control')) || (isInside(file, 'src/control') && isInside(target, 'proxy')),
    );
    expect(meetings).toEqual([]);
  });
});

describe('the core is pure', () => {
  const core = sources.filter(({ file }) => isInside(file, 'src/core'));

  test('it imports nothing but itself', () => {
    expect(core.flatMap(importsOf).filter(({ target }) => !isInside(target, 'src/core'))).toEqual([]);
  });

  // Comments and sentences may name what code may not use.
  const codeOf = (text: string) =>
    text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$|'(?:[^'\\\n]|\\.)*'/gm, (piece) => (piece.startsWith("'node:") ? piece : "''"));
  const impure = [
    /\bDate\b/,
    /\bMath\.random\b/,
    /\bcrypto\b/,
    /\bprocess\b/,
    /\bglobal(This)?\b/,
    /\bperformance\b/,
    /\bset(Timeout|Interval|Immediate)\b/,
    /\bqueueMicrotask\b/,
    /\bconsole\b/,
    /\bfetch\(/,
    /\bimport\(/,
    /['"]node:/,
  ];

  test.each(impure)('it does not use %s', (forbidden) => {
    expect(core.filter(({ text }) => forbidden.test(codeOf(text))).map(({ file }) => file)).toEqual([]);
  });

  test.each([
    'const now = Date.now();',
    'const { env } = process;',
    'const { pid } = globalThis.process;',
    'const id = crypto.randomUUID();',
    "import { readFileSync } from 'node:fs';",
    "const os = await import('node:os');",
  ])('it could not hide %s', (line) => {
    expect(impure.some((forbidden) => forbidden.test(codeOf(line)))).toBe(true);
  });

  test.each(["const says = 'fixed while the process runs';", '/** Ends a process. */', '// globalThis is not for us'])(
    '%s is allowed',
    (line) => {
      expect(impure.some((forbidden) => forbidden.test(codeOf(line)))).toBe(false);
    },
  );
});
