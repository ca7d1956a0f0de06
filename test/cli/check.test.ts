import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, type TestContext } from 'vitest';
import { runCli } from '../../src/cli/cli.ts';
import { temporaryDirectory } from '../support/process.ts';

/** What `sluice check` says of a service `shop`. */
function check(t: TestContext, shop: unknown, ...flags: readonly string[]) {
  return checkDocument(t, { services: { shop } }, ...flags);
}

async function checkDocument(t: TestContext, document: unknown, ...flags: readonly string[]) {
  const file = join(temporaryDirectory(t), 'sluice.json');
  writeFileSync(file, JSON.stringify(document));
  const said = { stdout: [] as string[], stderr: [] as string[] };
  const output = { print: (text: string) => void said.stdout.push(text), complain: (text: string) => void said.stderr.push(text) };
  const launchNothing = (): never => {
    throw new Error('check starts nothing');
  };
  const code = await runCli(
    ['check', '-c', file, ...flags],
    { run: launchNothing, embed: launchNothing, listenForStop: launchNothing },
    '0.0.0',
    output,
  );
  return { code, file, ...said };
}

const doubtful = {
  pools: { blue: { targets: ['http://127.0.0.1:1'] }, green: { targets: [] }, red: { targets: ['http://127.0.0.1:2'], state: 'maint' } },
  weights: { blue: 90, green: 10 },
  fallback: 'red',
};
const warnings = [
  'Pool "green" has no targets, so 10% of the requests of service "shop" are answered with 503.',
  'Pool "red", the fallback of service "shop", has no target that is ready, so it can take nothing.',
];

test('a file that is fine, but probably not meant so, is warned of, and still fine', async (t) => {
  const { code, file, stdout, stderr } = await check(t, doubtful);
  expect({ code, stdout, stderr }).toEqual({
    code: 0,
    stdout: [`${file} is fine.`],
    stderr: warnings.map((warning) => `Warning: ${warning}`),
  });
});

test('with --json the warnings are told beside the problems', async (t) => {
  const { code, file, stdout, stderr } = await check(t, doubtful, '--json');
  expect({ code, stderr }).toEqual({ code: 0, stderr: [] });
  expect(stdout.map((text) => JSON.parse(text))).toEqual([{ file, problems: [], warnings }]);
});

test('a listener that believes everybody about clients is warned of', async (t) => {
  const shop = { pools: { blue: { targets: ['http://127.0.0.1:1'] } }, weights: { blue: 1 } };
  const listener = { name: 'web', address: '127.0.0.1:8080', trustedProxies: ['::/0'] };
  const { code, stderr } = await checkDocument(t, { listeners: [listener], services: { shop } });
  expect({ code, stderr }).toEqual({
    code: 0,
    stderr: [expect.stringContaining('Warning: "trustedProxies" of listener "web" believes all of ::/0, ')],
  });
});

test('a file with problems is not warned of: it has no meaning yet', async (t) => {
  const { code, stderr } = await check(t, { ...doubtful, pols: {} });
  expect(code).toBe(2);
  expect(stderr.join('\n')).not.toContain('Warning');
});

test('no more than twenty warnings are told', async (t) => {
  const pools = Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`p${index}`, { targets: [] }]));
  const weights = Object.fromEntries(Object.keys(pools).map((id) => [id, 1]));
  expect((await check(t, { pools, weights })).stderr).toHaveLength(20);
});
