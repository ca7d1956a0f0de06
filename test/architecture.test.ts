import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, test } from 'vitest';

/**
 * Who may import whom: the table of ARCHITECTURE.md, as data. A folder may always import itself; `types` means that only `import type`
 * may cross. The longest matching folder counts.
 */
const rules: Readonly<Record<string, { readonly values: readonly string[]; readonly types: readonly string[] }>> = {
  'src/core': { values: [], types: [] },
  'src/control': { values: ['src/core'], types: [] },
  'src/store': { values: ['src/core', 'src/control/ports.ts'], types: [] },
  'src/supervisor': { values: ['src/core', 'src/control/ports.ts'], types: ['proxy/data-plane.ts'] },
  'src/telemetry': { values: ['src/core'], types: [] },
  'src/cli': { values: ['src/core', 'config', 'src/app.ts', 'src/telemetry', 'src/store'], types: ['admin-api'] },
  'src/app.ts': { values: ['*'], types: [] },
  'src/main.ts': { values: ['*'], types: [] },
  proxy: { values: ['src/core'], types: [] },
  'admin-api': { values: ['src/core', 'src/control/ports.ts', 'config'], types: ['src/telemetry'] },
  config: { values: ['src/core'], types: [] },
  bench: { values: ['*'], types: [] },
};

interface Import {
  readonly file: string;
  readonly target: string;
  readonly typeOnly: boolean;
}

const sources = globSync('{src,proxy,admin-api,config,bench}/**/*.ts').map((file) => ({ file: normalize(file), text: readFileSync(file, 'utf8') }));

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

  // Comments may name what code may not use.
  const codeOf = (text: string) => text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
  test.each([/\bDate\b/, /\bMath\.random\b/, /\bprocess[.[]/, /\bperformance\b/, /\bset(Timeout|Interval|Immediate)\b/, /\bconsole\b/, /\bfetch\(/, /['"]node:/])(
    'it does not use %s',
    (forbidden) => {
      expect(core.filter(({ text }) => forbidden.test(codeOf(text))).map(({ file }) => file)).toEqual([]);
    },
  );
});
