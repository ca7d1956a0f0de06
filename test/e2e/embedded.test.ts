import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { readDocument } from '../../src/cli/configuration.ts';
import { startSluice } from '../../src/app.ts';
import { startApp } from './app.ts';
import { Connection } from './connection.ts';
import { untilRefused } from './refused.ts';

test('where one of several listeners cannot be opened, it says which, and nothing goes on listening', async (t) => {
  const app = await startApp(t, 'hello');
  const configure = (...ports: number[]) =>
    readDocument({
      listeners: ports.map((port, index) => ({ name: `web${index}`, address: `127.0.0.1:${port}` })),
      admin: { address: '127.0.0.1:0' },
      log: { level: 'silent', access: false },
      services: { demo: { pools: { only: { targets: [app.url] } } } },
    });
  const probe = await startSluice(configure(0));
  const free = probe.listeners[0]!.port;
  await probe.close(0);
  const other = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => other.once('listening', resolve));
  t.onTestFinished(() => void other.close());
  const address = other.address();
  const taken = typeof address === 'object' && address !== null ? address.port : 0;

  await expect(startSluice(configure(free, taken))).rejects.toThrow(
    `The proxy cannot listen on 127.0.0.1:${taken}: another program already does.`,
  );
  await untilRefused(t, `http://127.0.0.1:${free}`);

  const sluice = await startSluice(configure(free));
  expect((await (await Connection.open(t, `http://127.0.0.1:${free}`)).get()).body).toBe('hello');
  await sluice.close(0);
});

test('a listener that believes everybody about clients is told in the status, and by the change that makes it so', async (t) => {
  const believing = (network: string) => ({ listeners: [{ name: 'web', address: '127.0.0.1:0', trustedProxies: [network] }] });
  const configuration = readDocument({
    ...believing('10.0.0.0/8'),
    admin: { address: '127.0.0.1:0' },
    log: { level: 'silent', access: false },
    services: { demo: { pools: { only: { targets: ['http://127.0.0.1:1'] } } } },
  });
  const sluice = await startSluice(configuration);
  t.onTestFinished(() => sluice.close(0));
  const ask = async (path: string, options: RequestInit = {}) =>
    (await fetch(`http://127.0.0.1:${sluice.admin.port}${path}`, options)).json() as Promise<{ warnings?: string[] }>;
  expect((await ask('/v1/status')).warnings).toBeUndefined();
  const warnings = [expect.stringMatching(/^"trustedProxies" of listener "web" believes all of 0.0.0.0\/0, /)];
  const change = { method: 'PATCH', headers: { 'content-type': 'application/json' }, body: JSON.stringify(believing('0.0.0.0/0')) };
  expect(await ask('/v1/config', change)).toMatchObject({ warnings });
  expect(await ask('/v1/status')).toMatchObject({ warnings });
});
