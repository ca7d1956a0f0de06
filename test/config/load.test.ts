import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { checkText, formatProblems, loadFile, parseDocument, type Position } from '../../config/load.ts';

const report = (text: string): string => {
  const result = checkText(text, 'sluice.yaml');
  return result.kind === 'invalid' ? formatProblems(result.problems, 'sluice.yaml') : 'valid';
};

test('every problem stands on its own line, in the order of the file, in a form that editors can jump to', () => {
  expect(
    report(`listeners:
  - name: web
    address: 8080
servces:
services:
  web:
    pools:
      blue: { targets: ["http://10.0.0.1:3000"], health: { path: "" } }
      green: {}
    weights:
      blue: 100
      gren: 0
`),
  )
    .toBe(`sluice.yaml:3:14  /listeners/0/address  expected an address such as "0.0.0.0:8080", found the number 8080; write ":8080" for all addresses or "127.0.0.1:8080"
sluice.yaml:4:1  /servces  unknown key "servces"; did you mean "services"?
sluice.yaml:8:66  /services/web/pools/blue/health/path  expected a path such as "/healthz", found ""; it begins with a slash; write "/"
sluice.yaml:9:7  /services/web/pools/green/targets  the key "targets" is missing: The addresses of the pool, each a URL or an object with url.
sluice.yaml:12:7  /services/web/weights/gren  the service has no pool "gren"; did you mean "green"?
5 problems in sluice.yaml`);
});

test('a file with more wrong than anybody reads says how much more there is', () => {
  const lines = report(Array.from({ length: 1500 }, (_, index) => `key${index}: 1`).join('\n')).split('\n');
  expect(lines).toHaveLength(1002);
  expect(lines.slice(-2)).toEqual(['sluice.yaml:1000:1  /  and 501 more problems', 'more than 1000 problems in sluice.yaml']);
});

describe('a place in the file', () => {
  const text = `base: &base
  targets: ["a", "b"]
list:
- x
-
  y: 1
services:
  "we/b~": *base
  empty:
{"json": [1, 2]}`;
  const yaml = text.slice(0, text.indexOf('{"json"'));
  const parsed = parseDocument(yaml, 'f');
  const at = (pointer: string, what?: 'key' | 'value'): Position | undefined =>
    parsed.kind === 'parsed' ? parsed.locate(pointer, what) : undefined;

  test.each<[string, 'key' | 'value', number, number]>([
    ['', 'value', 1, 1],
    ['/base', 'key', 1, 1],
    ['/base/targets', 'key', 2, 3],
    ['/base/targets', 'value', 2, 12],
    ['/base/targets/1', 'value', 2, 18],
    ['/list/1/y', 'key', 6, 3],
    ['/list/1/y', 'value', 6, 6],
    ['/services/we~1b~0', 'key', 8, 3],
    ['/services/we~1b~0', 'value', 8, 12],
    ['/services/we~1b~0/targets/0', 'value', 2, 13], // behind the alias
    ['/services/empty', 'value', 9, 3], // there is no value to point to
    ['/services/nowhere', 'value', 7, 1], // missing: the key of what it is missing in
    ['/services/nowhere/deeper', 'value', 7, 1],
    ['/list/9', 'value', 3, 1],
    ['/nowhere', 'value', 1, 1],
  ])('%s (%s) is at %d:%d', (pointer, what, line, column) => {
    expect(at(pointer, what)).toEqual({ line, column });
  });
});

test('JSON is read as well, tabs and all', () => {
  expect(report('{\n\t"services": {\n\t\t"web": { "pools": { "blue": { "targets": [] } } }\n\t}\n}\n')).toBe('valid');
  expect(report('{\n\t"services": {\n\t\t"web": { "pools": { "blue": { "targets": 1 } } }\n\t}\n}\n')).toContain(
    'sluice.yaml:3:44  /services/web/pools/blue/targets',
  );
});

describe('what is not YAML', () => {
  test.each([
    ['a: 1\na: 2\n', '2:1  /  this key stands here twice; remove one'],
    ['a: [1\n', '2:1  /  Flow sequence in block collection must be sufficiently indented and end with a ]'],
    ['a:\n\tb: 1\n', '2:1  /  a tab indents this line; YAML wants spaces'],
    ['a: 1\n---\nb: 2\n', '2:1  /  a second document begins here ("---"); the configuration is one document'],
    ['a: !secret x\n', '1:4  /  Unresolved tag: !secret; tags ("!…") have no meaning here, put text that begins with "!" in quotes'],
    ['a: !!binary aGk=\n', '1:13  /a  expected text, a number, true, false or null'],
    [
      'host: *.shop.example\n',
      '1:7  /host  "*" begins an alias, and there is no anchor "&.shop.example"; put text in quotes: "*.shop.example"',
    ],
    ['? [a]\n: 1\n', '1:3  /  a key must be text, not a list or an object'],
    ['', '1:1  /  expected an object with at least the key "services"; sluice.yaml is empty'],
    ['# nothing yet\n', '1:1  /  expected an object with at least the key "services"; sluice.yaml is empty'],
    ['- web\n', '1:1  /  expected an object with at least the key "services"; found a list'],
    ['web\n', '1:1  /  expected an object with at least the key "services"; found "web"'],
    [
      '<<: {}\nservices: { w: { pools: { b: { targets: [] } } } }',
      '1:1  /<<  unknown key "<<"; merge keys are not supported, repeat the lines',
    ],
  ])('%j is told: %s', (text, line) => {
    expect(report(text).split('\n')[0]).toBe(`sluice.yaml:${line}`);
  });
});

describe('hostile files', () => {
  test('ten thousand brackets', () => {
    expect(report('['.repeat(10_000))).toContain('nested too deeply');
  });

  test('a nesting that the parser survives', () => {
    expect(report(`services: ${'['.repeat(100)}${']'.repeat(100)}`)).toContain('nested more than 64 levels deep');
  });

  test('aliases that multiply', () => {
    const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]'];
    for (let level = 1; level < 10; level++)
      lines.push(`a${level}: &a${level} [${Array.from({ length: 10 }, () => `*a${level - 1}`).join(', ')}]`);
    expect(report(lines.join('\n'))).toContain('aliases blow the document up to more than 1000000 values');
  });

  test('an alias to what it stands in', () => {
    expect(report('services: &s { web: *s }')).toContain('nested more than 64 levels deep');
  });

  test('a file that nobody wrote', () => {
    expect(report(`# ${'x'.repeat(9 * 1024 * 1024)}`)).toContain('the file is larger than 8 MiB');
  });

  test('a key that would change the prototype of everything', () => {
    expect(report('__proto__: { polluted: 1 }\nservices: { __proto__: { pools: 1 } }')).toContain('/__proto__  unknown key "__proto__"');
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
  });

  test('control characters do not reach the terminal', () => {
    // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
    expect(report('services: { "a\\e[31m\\u202e": { pools: {} } }\n"\\e[2J": 1')).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202e]/);
  });

  test('any text is valid or has problems with a place in it', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        const result = checkText(text, 'f');
        for (const { line, column } of result.kind === 'invalid' ? result.problems : []) expect(Math.min(line, column)).toBeGreaterThan(0);
      }),
      { numRuns: 500 },
    );
  });
});

describe('files', () => {
  test('the document comes back as it was written, without defaults', async () => {
    const path = join(await scratch(), 'sluice.yaml');
    await writeFile(path, '\uFEFFservices: { web: { pools: { blue: { targets: [] } } } }\n');
    expect(await loadFile(path)).toMatchObject({
      kind: 'valid',
      document: { services: { web: { pools: { blue: { targets: [] } } } } },
      settings: { workers: 'auto' },
    });
  });

  test('a file that is not there, or is no file, is named with the reason', async () => {
    const directory = await scratch();
    expect(await loadFile(join(directory, 'no.yaml'))).toEqual({
      kind: 'unreadable',
      message: `cannot read ${directory}/no.yaml: there is no such file`,
    });
    await mkdir(join(directory, 'dir'));
    expect(await loadFile(join(directory, 'dir'))).toEqual({
      kind: 'unreadable',
      message: `cannot read ${directory}/dir: it is a directory; name the file in it`,
    });
    await writeFile(join(directory, 'latin1.yaml'), Buffer.from('a: "\xfc"', 'latin1'));
    expect(await loadFile(join(directory, 'latin1.yaml'))).toMatchObject({
      kind: 'unreadable',
      message: expect.stringContaining('not UTF-8'),
    });
  });

  test.skipIf(process.getuid?.() === 0)('a file that may not be read says so', async () => {
    const path = join(await scratch(), 'secret.yaml');
    await writeFile(path, '');
    await chmod(path, 0);
    expect(await loadFile(path)).toMatchObject({ kind: 'unreadable', message: expect.stringContaining('may not read it') });
  });
});

async function scratch(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'sluice-config-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  return directory;
}
