import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { runSluice, spawnSluice, temporaryDirectory } from '../support/process.ts';

const script = fileURLToPath(new URL('../../bin/sluice.js', import.meta.url));

/** A Node that is too old for Sluice, if the machine has one outside this project. */
const oldNode = ['/usr/local/bin/node', '/usr/bin/node'].find((path) => {
  if (!existsSync(path)) return false;
  const [major = 0, minor = 0] = execFileSync(path, ['-p', 'process.versions.node'], { encoding: 'utf8' }).split('.').map(Number);
  return major < 26 || (major === 26 && minor < 4);
});

const free = ['--listen', '127.0.0.1:0', '--admin-listen', '127.0.0.1:0'];

describe.each([
  { which: 'the runtime of this project', node: process.execPath },
  { which: 'a Node that is too old', node: oldNode },
])('bin/sluice.js under $which', ({ node }) => {
  const command = [node ?? '', script];

  test.skipIf(node === undefined)('passes arguments, output and exit code on', async (t) => {
    expect(await runSluice(t, ['--version'], { command })).toEqual({ code: 0, stdout: '0.1.0\n', stderr: '' });
    expect(await runSluice(t, ['status', '--admin', 'http://127.0.0.1:1'], { command })).toMatchObject({ code: 6 });
  });

  test.skipIf(node === undefined)('runs several processes and drains on SIGTERM', async (t) => {
    const args = ['run', 'blue=http://127.0.0.1:1', ...free, '--workers', '2', '--data-dir', temporaryDirectory(t)];
    const sluice = spawnSluice(t, args, command);
    await sluice.waitForLog(({ msg }) => msg === 'ready');
    sluice.signal('SIGTERM');
    expect(await sluice.exited).toEqual({ code: 0, signal: null });
    expect(sluice.events().at(-1)).toMatchObject({ msg: 'stopped' });
  });
});

test.skipIf(oldNode === undefined)('without a runtime it says what to do', async (t) => {
  const root = temporaryDirectory(t);
  mkdirSync(join(root, 'bin'));
  mkdirSync(join(root, 'src'));
  copyFileSync(script, join(root, 'bin', 'sluice.js'));
  writeFileSync(join(root, 'package.json'), '{"type":"module"}');
  writeFileSync(join(root, 'src', 'main.ts'), '');
  const { code, stderr } = await runSluice(t, [], { command: [oldNode!, join(root, 'bin', 'sluice.js')] });
  expect(code).toBe(1);
  expect(stderr).toMatch(
    /^Sluice needs Node 26\.4 or newer, and this is v\d+\.\d+\.\d+\. "npm ci" in .* brings one along; or install the latest Node 26\.\n$/,
  );
});
