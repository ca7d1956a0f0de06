import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test, type TestContext } from 'vitest';
import { runCli } from '../../src/cli/cli.ts';
import { startAppWith, startHoldingApp } from '../e2e/app.ts';
import { isAlive, runSluice, startSluice, temporaryDirectory } from '../support/process.ts';

const document = {
  services: {
    shop: {
      pools: { blue: { targets: ['http://127.0.0.1:1'] }, green: { targets: ['http://127.0.0.1:2', 'http://127.0.0.1:3'] } },
      weights: { blue: 100, green: 0 },
    },
  },
};

/** A running Sluice, and the command line pointed at it. */
async function start(t: TestContext, options: { workers?: number } = {}) {
  const sluice = await startSluice(t, { document, workers: options.workers ?? 0 });
  return { sluice, sluiceCommand: (...args: string[]) => runSluice(t, [...args, '--admin', sluice.adminUrl]) };
}

const done = (stdout: string) => ({ code: 0, stderr: '', stdout });

test('weights shows and sets, switch moves all, undo goes back, history tells', async (t) => {
  const { sluiceCommand } = await start(t);
  expect(await sluiceCommand('weights', 'shop')).toEqual(done('POOL   WEIGHT  SHARE\nblue      100   100%\ngreen       0     0%\n'));

  expect(await sluiceCommand('weights', 'shop', 'blue=90', 'green=10', '--reason', 'canary')).toEqual(
    done('Revision 2 is in force (before: 1).\n  /services/shop/weights/blue: 100 -> 90\n  /services/shop/weights/green: 0 -> 10\n'),
  );
  expect((await sluiceCommand('weights', 'shop', 'green=30', '--keep')).stdout).toContain('Revision 3 is in force');
  expect((await sluiceCommand('weights', 'shop', '--json')).stdout).toBe('{"blue":90,"green":30}\n');
  expect((await sluiceCommand('weights', 'shop', 'green=1')).stdout).toContain('  /services/shop/weights/blue: 90 -> 0\n');
  expect((await sluiceCommand('switch', 'shop', 'green')).stdout).toBe('Nothing to change: revision 4 says so already.\n');
  expect((await sluiceCommand('undo', '--dry-run')).stdout).toMatch(
    /^Would become revision 5:\n {2}\/services\/shop\/weights\/blue: 0 -> 90\n/,
  );
  expect((await sluiceCommand('undo')).stdout).toContain('Revision 5 is in force (before: 4).');

  const history = (await sluiceCommand('history', '-n', '4')).stdout.split('\n');
  expect(history).toHaveLength(6);
  expect(history[0]).toMatch(/^REVISION +WHEN +WHO +WHAT +WHY$/);
  expect(history[1]).toMatch(/^ +5 +\S+Z +anonymous +undo$/);
  expect(history[4]).toMatch(/^ +2 +\S+Z +anonymous +weights +canary$/);
});

test('status shows processes and pools', async (t) => {
  const { sluice, sluiceCommand } = await start(t, { workers: 2 });
  const { stdout } = await sluiceCommand('status');
  expect(stdout).toMatch(new RegExp(`^Revision 1, ready \\(supervisor pid ${sluice.pid}, control pid \\d+\\)$`, 'm'));
  expect(stdout).toMatch(/^ {5}2 +\d+ +1 +0 +0$/m);
  expect(stdout).toMatch(/^shop +green +ready +0 +0% +- +- +2\/2 +0 +0$/m);
  // Of targets there is only something to say when they are not as they should be.
  expect(stdout).not.toContain('TARGET');
  expect(JSON.parse((await sluiceCommand('status', '--json')).stdout)).toMatchObject({ state: 'ready', revision: 1 });
});

test('stop ends it and waits until it is gone', async (t) => {
  const { sluice, sluiceCommand } = await start(t, { workers: 1 });
  expect(await sluiceCommand('stop')).toEqual(done(`Stopped (pid ${sluice.pid}).\n`));
  expect(await sluice.exited).toEqual({ code: 0, signal: null });
});

test('stop does not end a process that only has the number of a Sluice somewhere else', async (t) => {
  const innocent = spawn('sleep', ['60'], { stdio: 'ignore' });
  t.onTestFinished(() => void innocent.kill('SIGKILL'));
  const pid = innocent.pid ?? 0;
  const elsewhere = await startAppWith(t, (_request, response) => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ supervisor: { pid }, control: { pid } }));
  });
  const { code, stderr } = await runSluice(t, ['stop', '--admin', elsewhere.url]);
  expect(code).toBe(2);
  expect(stderr).toContain(`says that it is process ${pid}, which is not on this machine`);
  expect(isAlive(pid)).toBe(true);
});

test('a switch to a pool without targets is made, with a warning', async (t) => {
  const pools = { blue: { targets: ['http://127.0.0.1:1'] }, green: { targets: [] } };
  const sluice = await startSluice(t, { document: { services: { shop: { pools, weights: { blue: 1 } } } }, workers: 0 });
  const { code, stderr } = await runSluice(t, ['switch', 'shop', 'green', '--admin', sluice.adminUrl]);
  expect({ code, stderr }).toEqual({
    code: 0,
    stderr: 'Warning: Pool "green" has no targets, so every request of service "shop" is answered with 503.\n',
  });
});

test('stop waits no longer than --timeout', async (t) => {
  const target = createServer(() => {}).listen(0, '127.0.0.1');
  await new Promise((resolve) => target.once('listening', resolve));
  t.onTestFinished(() => target.close().closeAllConnections());
  const { port } = target.address() as AddressInfo;
  const services = { shop: { pools: { blue: { targets: [`http://127.0.0.1:${port}`] } } } };
  const sluice = await startSluice(t, { document: { services }, workers: 0 });
  const arrived = new Promise((resolve) => target.once('request', resolve));
  void fetch(sluice.proxyUrl).catch(() => {});
  await arrived;
  const { code, stdout, stderr } = await runSluice(t, ['stop', '--timeout', '100ms', '--admin', sluice.adminUrl, '--json']);
  expect(code).toBe(5);
  expect(stderr).toBe(
    `Sluice (pid ${sluice.pid}) still runs after 100ms; it is told to stop and finishes what runs. To end it at once, type: kill ${sluice.pid}\n`,
  );
  expect(JSON.parse(stdout)).toEqual({ code: 'TIMED_OUT', detail: stderr.trimEnd() });
});

test("history shows other people's words and does not let them act on the terminal", async (t) => {
  const { sluiceCommand } = await start(t);
  const reason = '\u001b[2J\u001b]0;owned\u0007\u202eoops\n99 now admin all-yours';
  expect((await sluiceCommand('switch', 'shop', 'green', '--reason', reason)).code).toBe(0);
  const { stdout } = await sluiceCommand('history');
  expect(stdout.split('\n')).toHaveLength(4);
  expect(stdout).toContain('\\u001b[2J\\u001b]0;owned\\u0007\\u202eoops\\u000a99 now admin all-yours');
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202e]/);
});

describe('a pool or a target', () => {
  /** Sluice in front of one application that keeps an answer back, with that request on its way. */
  async function startHolding(t: TestContext) {
    const app = await startHoldingApp(t);
    const services = { shop: { pools: { blue: { targets: [{ id: 'b1', url: app.url }] }, green: { targets: [] } }, weights: { blue: 1 } } };
    const sluice = await startSluice(t, { document: { services }, workers: 0 });
    const answer = fetch(`${sluice.proxyUrl}/hold`).then((response) => response.text());
    await app.arrived;
    return { ...app, sluice, answer, sluiceCommand: (...args: string[]) => runSluice(t, [...args, '--admin', sluice.adminUrl]) };
  }

  test('is drained, shown as such, taken out at once, and brought back', async (t) => {
    const { sluiceCommand } = await start(t);
    const drained = await sluiceCommand('drain', 'shop/green', '--deadline', '1h', '--reason', 'new disk');
    expect({ code: drained.code, stderr: drained.stderr }).toEqual({ code: 0, stderr: '' });
    expect(drained.stdout).toMatch(
      new RegExp(
        '^Revision 2 is in force \\(before: 1\\)\\.\\n {2}/services/shop/pools/green/state: nothing -> "drain"\\n' +
          ' {2}/services/shop/pools/green/drainUntil: nothing -> "[^"]+"\\n' +
          'What runs on shop/green may finish; "sluice status" shows it\\. To bring it back, type: sluice ready shop/green\\n$',
      ),
    );
    expect((await sluiceCommand('maint', 'shop/blue/127.0.0.1:1')).stderr).toBe(
      'Warning: Pool "blue" has no target that is ready, so every request of service "shop" is answered with 503.\n',
    );
    const { stdout } = await sluiceCommand('status');
    expect(stdout).toMatch(/^shop +green +drain +0 +0% +- +- +0\/2 +0 +0$/m);
    expect(stdout).toMatch(/^shop +blue +127\.0\.0\.1:1 +maint +unprobed +no +0 +-$/m);
    expect((await sluiceCommand('ready', 'shop/blue/127.0.0.1:1')).stdout).toContain('/services/shop/pools/blue/targets: ');
    expect((await sluiceCommand('ready', 'shop/green')).stdout).toContain('/services/shop/pools/green/state: "drain" -> nothing\n');
    expect((await sluiceCommand('ready', 'shop/green')).stdout).toBe('Nothing to change: revision 5 says so already.\n');
  });

  test('that is not there is refused with the nearest name', async (t) => {
    const { sluiceCommand } = await start(t);
    const pool = await sluiceCommand('drain', 'shop/gren');
    expect(pool).toMatchObject({ code: 2, stdout: '' });
    expect(pool.stderr).toContain('Did you mean "green"?');
    const target = await sluiceCommand('drain', 'shop/green/127.0.0.1:22', '--json');
    expect(target.code).toBe(2);
    expect(JSON.parse(target.stdout)).toMatchObject({ code: 'TARGET_NOT_FOUND' });
  });

  test('is waited for with --wait: what still runs is told, and in the end that nothing does', async (t) => {
    const { sluice, finish, answer } = await startHolding(t);
    const lines: string[] = [];
    const output = {
      complain: (text: string) => void lines.push(`! ${text}`),
      print(text: string) {
        lines.push(text);
        // The application answers when the progress has been told, and not before.
        if (text.includes('1 in flight')) finish();
      },
    };
    const launchNothing = (): never => {
      throw new Error('nothing is to be started');
    };
    const launcher = { run: launchNothing, embed: launchNothing, listenForStop: launchNothing };
    const code = await runCli(['drain', 'shop/blue/b1', '--wait', '--admin', sluice.adminUrl], launcher, '0', output);
    expect(code).toBe(0);
    expect(await answer).toBe('finished');
    expect(lines.filter((line) => !/^(Revision 2 is in force| {2}\/services\/)/.test(line))).toEqual([
      'shop/blue/b1: 1 in flight.',
      '! Warning: Pool "blue" has no target that is ready, so every request of service "shop" is answered with 503.',
      'Nothing runs on shop/blue/b1 any more, and nobody is sent there. To bring it back, type: sluice ready shop/blue/b1',
    ]);
  });

  test('on which something still runs when the time is over is 5', async (t) => {
    const { sluiceCommand, finish, answer } = await startHolding(t);
    const { code, stdout, stderr } = await sluiceCommand('drain', 'shop/blue', '--wait', '--timeout', '50ms');
    expect(code).toBe(5);
    expect(stdout).toMatch(/^Revision 2 is in force/);
    expect(stdout).not.toContain('any more');
    expect(stderr).toContain('Not drained yet: 1 in flight. What is left when the deadline is over is ended; "sluice status" shows it.\n');
    const json = await sluiceCommand('maint', 'shop/blue', '--wait', '--timeout', '50ms', '--json');
    expect(json.code).toBe(5);
    expect(JSON.parse(json.stdout)).toMatchObject({ drained: false, remaining: { http: 1, streaming: 0, upgraded: 0 } });
    finish();
    expect(await answer).toBe('finished');
  });

  test('among many is shown as a change of one line that can be read', async (t) => {
    const targets = Array.from({ length: 100 }, (_, n) => `http://127.0.0.1:${4000 + n}`);
    const sluice = await startSluice(t, { document: { services: { shop: { pools: { blue: { targets } } } } }, workers: 0 });
    const { stdout } = await runSluice(t, ['maint', 'shop/blue/127.0.0.1:4000', '--admin', sluice.adminUrl]);
    const line = stdout.split('\n').find((candidate) => candidate.includes('/services/shop/pools/blue/targets'));
    expect(line).toMatch(/^ {2}\S+: \["http:\/\/127\.0\.0\.1:4000",.*… -> \[\{"url":"http:\/\/127\.0\.0\.1:4000","state":"maint",.*…$/);
    expect(line!.length).toBeLessThan(500);
  });

  test('is not waited for where nothing would be changed', async (t) => {
    const { sluiceCommand, finish, answer } = await startHolding(t);
    const { code, stdout } = await sluiceCommand('drain', 'shop/blue', '--wait', '--dry-run');
    expect([code, stdout.split('\n')[0]]).toEqual([0, 'Would become revision 2:']);
    expect(stdout).not.toContain('What runs');
    finish();
    expect(await answer).toBe('finished');
  });
});

describe('the environment', () => {
  test('an empty variable is none', async (t) => {
    const { sluice } = await start(t);
    const env = { SLUICE_ADMIN: '', SLUICE_TOKEN: ' ' };
    expect((await runSluice(t, ['undo', '--admin', sluice.adminUrl], { env })).code).toBe(2);
    expect((await runSluice(t, ['status'], { env })).stderr).not.toContain('Write a URL');
    expect(await runSluice(t, ['status', '--admin', ''], { env })).toMatchObject({ code: 1 });
  });

  test('the line break at the end of a token is not part of it', async (t) => {
    const tokenFile = join(temporaryDirectory(t), 'token');
    writeFileSync(tokenFile, 'secret\n');
    const admin = { address: '127.0.0.1:0', tokens: [{ name: 'ci', role: 'operator', tokenFile }] };
    const sluice = await startSluice(t, { document: { ...document, admin }, workers: 0 });
    const env = { SLUICE_ADMIN: sluice.adminUrl, SLUICE_TOKEN: 'secret\n' };
    expect((await runSluice(t, ['status'], { env })).code).toBe(0);
    const garbled = await runSluice(t, ['status'], { env: { ...env, SLUICE_TOKEN: 'se\ncret' } });
    expect(garbled).toEqual({
      code: 1,
      stdout: '',
      stderr: 'The token in --token or SLUICE_TOKEN is not one word of ASCII characters, so no token of Sluice.\n',
    });
  });
});

describe('with --json a failure is told as JSON too', () => {
  test('a refusal by its problem document', async (t) => {
    const { sluiceCommand } = await start(t);
    const { code, stdout, stderr } = await sluiceCommand('switch', 'shp', 'green', '--json');
    expect(code).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({ code: 'SERVICE_NOT_FOUND', status: 404, detail: stderr.trimEnd() });
  });

  test('an admin API that is not there', async (t) => {
    const { code, stdout, stderr } = await runSluice(t, ['status', '--admin', 'http://127.0.0.1:1', '--json']);
    expect(code).toBe(6);
    expect(JSON.parse(stdout)).toEqual({ code: 'UNREACHABLE', detail: stderr.trimEnd() });
  });

  test('a file that cannot be read', async (t) => {
    const { code, stdout } = await runSluice(t, ['check', '-c', '/nowhere/sluice.yaml', '--json']);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toEqual({
      code: 'UNREADABLE',
      detail: 'Cannot read /nowhere/sluice.yaml: there is no such file.',
      file: '/nowhere/sluice.yaml',
    });
  });
});

describe('exit codes tell a script what happened', () => {
  test('2 where the change is refused, with the reason and the nearest name', async (t) => {
    const { sluiceCommand } = await start(t);
    const unknown = await sluiceCommand('switch', 'shp', 'green');
    expect(unknown).toMatchObject({ code: 2, stdout: '' });
    expect(unknown.stderr).toMatch(/Did you mean "shop"\?/);
    const pool = await sluiceCommand('switch', 'shop', 'gren');
    expect(pool).toMatchObject({ code: 2 });
    expect(pool.stderr).toMatch(/Did you mean "green"\?/);
    expect(await sluiceCommand('weights', 'shop', 'blue=1', '--if-match', '7')).toMatchObject({ code: 2 });
    expect(await sluiceCommand('weights', 'shop', 'blue=1', '--if-match', '"1"')).toMatchObject({ code: 0 });
    const again = await sluiceCommand('undo');
    expect(again.code).toBe(0);
    const first = await sluiceCommand('undo');
    expect(first).toMatchObject({ code: 2 });
  });

  test('5 where a worker is late, which is named', async (t) => {
    const { sluice, sluiceCommand } = await start(t, { workers: 2 });
    const [, late] = (await sluice.status()).workers;
    process.kill(late!.pid, 'SIGSTOP');
    const { code, stdout, stderr } = await sluiceCommand('switch', 'shop', 'green', '--timeout', '200ms');
    expect(code).toBe(5);
    expect(stdout).toMatch(/^Revision 2 is saved and sent/);
    expect(stderr).toBe(`Not yet applied by worker 2 (pid ${late!.pid}): it still handles requests by an earlier revision.\n`);
  });

  test('5 where nothing answers in time', async (t) => {
    const { sluice, sluiceCommand } = await start(t);
    process.kill(sluice.pid, 'SIGSTOP');
    const { code, stdout, stderr } = await sluiceCommand('status', '--timeout', '100ms', '--json');
    expect(code).toBe(5);
    expect(JSON.parse(stdout)).toMatchObject({ code: 'TIMED_OUT' });
    expect(stderr).toContain('did not answer within 2.1 s');
  });

  test('6 where nothing listens', async (t) => {
    const { code, stderr } = await runSluice(t, ['status', '--admin', 'http://127.0.0.1:1']);
    expect(code).toBe(6);
    expect(stderr).toContain('The admin API at http://127.0.0.1:1 cannot be reached (ECONNREFUSED). Start Sluice with');
  });

  test('1 where something else listens there', async (t) => {
    const server = createServer((_request, response) => response.end('<html>hello</html>')).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    t.onTestFinished(() => void server.close());
    const address = server.address();
    const url = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
    const { code, stderr } = await runSluice(t, ['status', '--admin', url]);
    expect(code).toBe(1);
    expect(stderr).toContain('answered 200 "<html>hello</html>", which is not the admin API of Sluice. Check --admin');
  });

  test('check: 0 for a good file, 2 for one with problems, 1 for none', async (t) => {
    const file = join(temporaryDirectory(t), 'sluice.yaml');
    writeFileSync(file, 'services: { web: { pools: { blue: { targets: ["http://127.0.0.1:1"] } } } }');
    expect(await runSluice(t, ['check', '-c', file])).toEqual(done(`${file} is fine.\n`));
    writeFileSync(file, 'services:\n  web: { pols: {} }\n');
    const bad = await runSluice(t, ['check', '-c', file]);
    expect(bad.code).toBe(2);
    expect(bad.stderr).toContain(`${file}:2:10  /services/web/pols  `);
    expect(JSON.parse((await runSluice(t, ['check', '-c', file, '--json'])).stdout).problems[0]).toMatchObject({ line: 2 });
    expect(await runSluice(t, ['check', '-c', `${file}x`])).toMatchObject({
      code: 1,
      stderr: `Cannot read ${file}x: there is no such file.\n`,
    });
  });
});

describe('what is typed wrong is answered with what to type', () => {
  test.for([
    { args: ['swich', 'shop', 'green'], says: /Unknown command 'swich'.*\n\(Did you mean switch\?\)\nType "sluice help"/ },
    { args: ['switch', 'shop'], says: /Missing required argument 'pool'\.\nType "sluice help switch"/ },
    { args: ['status', '--jsn'], says: /Unknown option '--jsn'\n\(Did you mean --json\?\)\nType "sluice help status"/ },
    {
      args: ['weights', 'shop', 'green'],
      says: /"green" is not POOL=WEIGHT with a whole number, such as green=10\. Type: sluice weights shop/,
    },
    { args: ['weights', 'shop', 'green=1', 'green=2'], says: /"green" is given twice/ },
    { args: ['status', '--timeout', 'soon'], says: /Write a duration such as 500ms or 10s\./ },
    { args: ['status', '--timeout', '30d'], says: /Write a duration of at most 10m\./ },
    { args: ['status', '--admin', 'ftp://x'], says: /Write a URL such as http:\/\/127\.0\.0\.1:8081\./ },
    { args: ['history', '-n', '0'], says: /Write a whole number from 1 to 1000\./ },
    {
      args: ['drain', 'shop'],
      says: /"shop" is not SERVICE\/POOL or SERVICE\/POOL\/TARGET\. Type for example: sluice drain shop\/green \("sluice status" shows the names\)/,
    },
    { args: ['ready', '/green'], says: /Type for example: sluice ready shop\/green/ },
    { args: ['maint', 'shop/green/'], says: /Type for example: sluice maint shop\/green/ },
    { args: ['maint', 'shop/green/a/b'], says: /"shop\/green\/a\/b" is not SERVICE\/POOL/ },
    { args: ['drain', 'shop/green', '--deadline', '5'], says: /Write a duration such as 30s or 5m\./ },
    { args: ['ready', 'shop/green', '--deadline', '5s'], says: /Unknown option '--deadline'/ },
    { args: ['check'], says: /Required option '-c, --config <file>' not specified/ },
  ])('$args', async ({ args, says }, t) => {
    const { code, stdout, stderr } = await runSluice(t, args);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(says);
  });
});

describe('help', () => {
  test.for(['run', 'demo', 'check', 'status', 'weights', 'switch', 'drain', 'ready', 'maint', 'undo', 'history', 'stop'])(
    '%s shows examples',
    async (command, t) => {
      const { code, stdout, stderr } = await runSluice(t, ['help', command]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).toMatch(new RegExp(`^Examples:\\n {2}sluice ${command}`, 'm'));
    },
  );

  test('without a command there is an overview', async (t) => {
    const { code, stdout } = await runSluice(t, []);
    expect(code).toBe(0);
    expect(stdout).toContain('Exit codes: 0 done');
    expect((await runSluice(t, ['--help'])).stdout).toBe(stdout);
  });
});
