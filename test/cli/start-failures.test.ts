import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test, type TestContext } from 'vitest';
import { runSluice, spawnSluice, startSluice, temporaryDirectory } from '../support/process.ts';

const pools = ['blue=http://127.0.0.1:1', 'green=http://127.0.0.1:2'];

/** A port that somebody else listens on. */
async function takePort(t: TestContext): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  t.onTestFinished(() => void server.close());
  const address = server.address();
  return `127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
}

/** An address on which nobody listens. */
async function freeAddress(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return `127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
}

/**
 * What every start that fails has in common: one message on stderr, no stack trace, and exit code 1, or 2 where the configuration is
 * refused. `runSluice` waits for all processes.
 */
async function failToStart(t: TestContext, args: readonly string[], exitCode: 1 | 2 = 1): Promise<string> {
  const { code, stderr, stdout } = await runSluice(t, ['run', ...args]);
  expect({ code, stdout: code === exitCode ? '' : stdout }).toEqual({ code: exitCode, stdout: '' });
  expect(stderr + stdout).not.toMatch(/^\s+at /m);
  return stderr.trimEnd();
}

const free = ['--listen', '127.0.0.1:0', '--admin-listen', '127.0.0.1:0'];

describe.each([0, 2])('with %i workers', (workers) => {
  const common = (t: TestContext) => [...pools, '--workers', String(workers), '--data-dir', join(temporaryDirectory(t), 'data')];

  test("the proxy's port is taken", async (t) => {
    const taken = await takePort(t);
    const message = await failToStart(t, [...common(t), '--listen', taken, '--admin-listen', '127.0.0.1:0']);
    expect(message).toBe(
      `The proxy cannot listen on ${taken}: another program already does. Stop that program, or choose another address for it (listeners[].address in the config file, or --listen).`,
    );
  });

  test("the admin API's port is taken", async (t) => {
    const taken = await takePort(t);
    const message = await failToStart(t, [...common(t), '--listen', '127.0.0.1:0', '--admin-listen', taken]);
    expect(message).toMatch(`The admin API cannot listen on ${taken}: another program already does.`);
  });

  test('the address is not one of this machine', async (t) => {
    const message = await failToStart(t, [...common(t), '--listen', '192.0.2.1:0', '--admin-listen', '127.0.0.1:0']);
    expect(message).toMatch(/^The proxy cannot listen on 192\.0\.2\.1.*: this machine has no such address\. Correct it, or /);
  });

  test('the data directory is a file', async (t) => {
    const file = join(temporaryDirectory(t), 'file');
    writeFileSync(file, '');
    const message = await failToStart(t, [...pools, '--workers', String(workers), ...free, '--data-dir', file]);
    expect(message).toContain(file);
    expect(message.split('\n')).toHaveLength(1);
  });

  test('the store is damaged', async (t) => {
    const directory = temporaryDirectory(t);
    const first = spawnSluice(t, ['run', ...pools, '--workers', String(workers), ...free, '--data-dir', directory]);
    await first.waitForLog(({ msg }) => msg === 'ready');
    first.signal('SIGTERM');
    await first.exited;
    writeFileSync(join(directory, 'sluice.db'), 'this is no database, and it is longer than a header of one would be'.repeat(100));
    const message = await failToStart(t, [...pools, '--workers', String(workers), ...free, '--data-dir', directory]);
    expect(message).toContain(directory);
  });

  test("a token's file is missing, or empty", async (t) => {
    const directory = temporaryDirectory(t);
    const file = join(directory, 'sluice.yaml');
    writeFileSync(
      file,
      `
admin: { address: "127.0.0.1:0", tokens: [{ name: ci, role: operator, tokenFile: ${directory}/token }] }
listeners: [{ name: web, address: "127.0.0.1:0" }]
services: { web: { pools: { blue: { targets: ["http://127.0.0.1:1"] } } } }
`,
    );
    const message = await failToStart(t, ['-c', file, '--workers', String(workers), '--data-dir', join(directory, 'data')]);
    expect(message).toBe(
      `The secret of the admin token "ci" cannot be read from ${directory}/token (ENOENT). Write it there, or correct tokenFile.`,
    );
    writeFileSync(join(directory, 'token'), '');
    expect(await failToStart(t, ['-c', file, '--workers', String(workers), '--data-dir', join(directory, 'data')])).toBe(
      `The secret of the admin token "ci" in ${directory}/token is empty. Write one there, for example the output of "openssl rand -hex 32".`,
    );
  });
});

test('a config file with problems lists each of them with its place', async (t) => {
  const file = join(temporaryDirectory(t), 'sluice.yaml');
  writeFileSync(file, 'services:\n  web:\n    pols: {}\nlisteners: 5\n');
  const message = await failToStart(t, ['-c', file], 2);
  expect(message).toMatch(new RegExp(`^${file}:3:5  /services/web/pols  .*pools`, 'm'));
  expect(message).toMatch(new RegExp(`^${file}:4:12  /listeners  `, 'm'));
  expect(message).toContain(`"sluice check -c ${file}" checks the file again.`);
});

describe('run says what to type', () => {
  test.for([
    { args: ['-c', '/nowhere/sluice.yaml'], message: 'Cannot read /nowhere/sluice.yaml: there is no such file.' },
    { args: [], message: 'Say what to run: "sluice run -c sluice.yaml"' },
    { args: ['-c', 'x.yaml', 'blue=http://127.0.0.1:1'], message: 'With a config file, pools are in the file' },
    { args: ['-c', 'x.yaml', '--listen', ':1'], message: 'With a config file, --listen is in the file: write it as listeners[0].address.' },
    { args: [...pools, '--workers', 'many'], message: 'Write a whole number from 0 to 512, or auto for one per core.' },
    { args: [...pools, '--workers', '513'], message: 'Write a whole number from 0 to 512, or auto for one per core.' },
    { args: [...pools, '--data-dir', ''], message: 'Name a directory.' },
  ])('where it is used wrongly (exit code 1): $args', async ({ args, message }, t) => {
    expect(await failToStart(t, args)).toContain(message);
  });

  test.for([
    { args: ['blue'], message: '"blue": expected POOL=URL such as blue=http://127.0.0.1:3001' },
    { args: [...pools, '--listen', 'nonsense'], message: '--listen: ' },
    { args: [...pools, '--admin-listen', 'nonsense'], message: '--admin-listen: ' },
    { args: [...pools, '--admin-listen', '0.0.0.0:8081'], message: 'token' },
    {
      args: [...pools, '--listen', '127.0.0.1:8081'],
      message: 'need the same port; choose another, for the admin API also with --admin-listen.',
    },
  ])('where what it would run is refused (exit code 2): $args', async ({ args, message }, t) => {
    expect(await failToStart(t, args, 2)).toContain(message);
  });
});

test.for([0, 2])('with %i workers, --admin-listen moves the admin API away from a listener', async (workers, t) => {
  const address = await freeAddress();
  const document = {
    listeners: [{ name: 'web', address }],
    admin: { address },
    services: { web: { pools: { blue: { targets: ['http://127.0.0.1:1'] } } } },
  };
  const dataDir = join(temporaryDirectory(t), 'data');
  // Twice, because control reads the saved document again, and in that the two still clash.
  for (const revision of [1, 1]) {
    const sluice = await startSluice(t, { document, workers, dataDir, args: ['--admin-listen', '127.0.0.1:0'] });
    expect(await sluice.status()).toMatchObject({ state: 'ready', revision });
    sluice.signal('SIGTERM');
    expect(await sluice.exited).toEqual({ code: 0, signal: null });
  }
});

test('nothing is left of a start that failed', async (t) => {
  const taken = await takePort(t);
  const dataDir = join(temporaryDirectory(t), 'data');
  const failing = spawnSluice(t, [
    'run',
    ...pools,
    '--listen',
    taken,
    '--admin-listen',
    '127.0.0.1:0',
    '--workers',
    '3',
    '--data-dir',
    dataDir,
  ]);
  // The output ends when the last process that writes to it has.
  expect(await failing.exited).toEqual({ code: 1, signal: null });
  expect(failing.output().match(/cannot listen/g)).toHaveLength(1);
});

test.skipIf(process.getuid?.() === 0)('the data directory may not be written', async (t) => {
  const directory = join(temporaryDirectory(t), 'data');
  mkdirSync(directory);
  chmodSync(directory, 0o500);
  expect(await failToStart(t, [...pools, ...free, '--data-dir', directory])).toContain(directory);
});
