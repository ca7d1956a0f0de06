import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test, type TestContext } from 'vitest';
import { startSluice } from '../../src/app.ts';
import { readDocument } from '../../src/cli/configuration.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { openSqliteStore } from '../../src/store/sqlite.ts';
import { runSluice, temporaryDirectory } from '../support/process.ts';

/** A port that somebody else listens on. */
async function takePort(t: TestContext): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  t.onTestFinished(() => void server.close());
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

const pool = { targets: ['http://127.0.0.1:1'] };

function documentWith(weights: JsonObject, more: JsonObject = {}): JsonObject {
  return {
    listeners: [{ name: 'web', address: '127.0.0.1:0' }],
    admin: { address: '127.0.0.1:0' },
    log: { level: 'silent', access: false },
    services: { demo: { pools: { blue: pool, green: pool }, weights } },
    ...more,
  };
}

const causes: { cause: string; change: (port: number, directory: string) => JsonObject; says: RegExp }[] = [
  {
    cause: "a token's secret cannot be read",
    change: (_port, directory) => ({
      admin: { address: '127.0.0.1:0', tokens: [{ name: 'ci', role: 'admin', tokenFile: join(directory, 'missing') }] },
    }),
    says: /secret of the admin token "ci" cannot be read/,
  },
  {
    cause: 'the address of the admin API is taken',
    change: (port) => ({ admin: { address: `127.0.0.1:${port}` } }),
    says: /The admin API cannot listen/,
  },
  {
    cause: 'the address of the proxy is taken',
    change: (port) => ({ listeners: [{ name: 'web', address: `127.0.0.1:${port}` }] }),
    says: /The proxy cannot listen/,
  },
];

describe.each(causes)('where $cause, a start whose file would move traffic changes nothing', ({ change, says }) => {
  test.for([0, 1])('with %i workers', async (workers, t) => {
    const directory = temporaryDirectory(t);
    const dataDir = join(directory, 'data');
    const first = await startSluice({ ...readDocument(documentWith({ blue: 100, green: 0 })), dataDir });
    await first.close(0);

    const file = join(directory, 'sluice.json');
    writeFileSync(file, JSON.stringify(documentWith({ blue: 0, green: 100 }, change(await takePort(t), directory))));
    const { code, stderr } = await runSluice(t, ['run', '-c', file, '--data-dir', dataDir, '--workers', String(workers)]);
    expect(stderr).toMatch(says);
    expect(code).toBe(1);

    const store = await openSqliteStore(dataDir);
    t.onTestFinished(() => store.close());
    expect(await store.latest()).toMatchObject({ number: 1, document: documentWith({ blue: 100, green: 0 }) });
  });
});
