import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, type TestContext } from 'vitest';
import { HostsFile, parseHosts } from '../../src/control/names/hosts-file.ts';

function temporaryFile(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-hosts-'));
  t.onTestFinished(() => rmSync(directory, { recursive: true }));
  return join(directory, 'hosts');
}

test.each<{ says: string; text: string; names: Record<string, string[]> }>([
  { says: 'one address and its names', text: '10.0.0.1 app app.internal', names: { app: ['10.0.0.1'], 'app.internal': ['10.0.0.1'] } },
  { says: 'tabs, blanks and the line ends of others', text: '\t10.0.0.1\t app \r\n::1  app\r\n', names: { app: ['10.0.0.1', '::1'] } },
  { says: 'comments', text: '# 10.0.0.1 app\n10.0.0.2 app # not old\n10.0.0.3 #app\n', names: { app: ['10.0.0.2'] } },
  { says: 'capital letters', text: '10.0.0.1 App.Internal', names: { 'app.internal': ['10.0.0.1'] } },
  { says: 'a name that every object has', text: '10.0.0.1 constructor', names: { constructor: ['10.0.0.1'] } },
  { says: 'what is no address', text: 'app 10.0.0.1\n10.0.0 app\n10.0.0.256 app\n\n', names: {} },
])('a hosts file may have $says', ({ text, names }) => {
  expect(parseHosts(text)).toEqual(new Map(Object.entries(names)));
});

test('a hosts file is read anew when it has changed, is replaced, goes or comes', (t) => {
  const path = temporaryFile(t);
  const file = new HostsFile(path);
  expect(file.addresses('app')).toEqual([]);
  writeFileSync(path, '10.0.0.1 app\n');
  expect(file.addresses('app')).toEqual(['10.0.0.1']);
  writeFileSync(path, '10.0.0.1 app\n10.0.0.2 app\n');
  expect(file.addresses('app')).toEqual(['10.0.0.1', '10.0.0.2']);
  // As editors do it: of the same size, and at about the same time.
  writeFileSync(`${path}.new`, '10.0.0.3 app\n10.0.0.4 app\n');
  renameSync(`${path}.new`, path);
  expect(file.addresses('app')).toEqual(['10.0.0.3', '10.0.0.4']);
  expect(file.addresses('other')).toEqual([]);
  rmSync(path);
  expect(file.addresses('app')).toEqual([]);
});

test('the hosts file is that of this machine', () => {
  expect(new HostsFile().addresses('localhost')).toContain('127.0.0.1');
});
