import { expect, test } from 'vitest';
import type { HealthView } from '../../admin-api/options.ts';
import { openBench } from '../control/support.ts';
import { startApi } from './support.ts';

const document = {
  listeners: [{ name: 'web', address: '127.0.0.1:8080' }],
  services: {
    demo: {
      pools: {
        blue: { targets: ['http://127.0.0.1:3001'] },
        green: { targets: [{ id: 'g', url: 'http://green.internal:3002' }] },
      },
      weights: { blue: 100, green: 0 },
    },
  },
  routes: [{ service: 'demo' }],
};

/** Probes for which these targets of the pool `green` are unhealthy, and no others. */
const unhealthy = (...ids: string[]): HealthView => ({
  conditionOf: (_service, pool, target) => ({
    health: pool === 'green' && ids.includes(target) ? 'unhealthy' : 'healthy',
    factor: 1,
    told: 'ready',
    sinceMs: 0,
    last: undefined,
  }),
});

test('a target that would only be added is not taken for an unhealthy one', async () => {
  const bench = await openBench({}, document);
  const { call } = await startApi({ health: unhealthy() }, bench);
  const change = { pools: { violet: { targets: ['http://127.0.0.1:3003'] } }, weights: { blue: 0, violet: 1 } };
  const answer = await call('PATCH', '/v1/services/demo?dryRun=true', change);
  expect([answer.status, answer.body.warnings]).toEqual([200, undefined]);
});

const all = ['Pool "green" has no healthy target that is ready, so every request of service "demo" goes to unhealthy ones.'];

test.each([
  { addresses: ['10.0.0.1', '10.0.0.2'], ill: ['g@10.0.0.1', 'g@10.0.0.2'], warnings: all },
  { addresses: ['10.0.0.1', '10.0.0.2'], ill: ['g@10.0.0.1'], warnings: undefined },
  { addresses: ['10.0.0.1', '10.0.0.2'], ill: ['g'], warnings: undefined },
  { addresses: ['fd00::1'], ill: ['g@fd00::1'], warnings: all },
  { addresses: [], ill: ['g'], warnings: all },
])('a target with the addresses $addresses, of which $ill are unhealthy, is warned of: $warnings', async ({ addresses, ill, warnings }) => {
  const resolved = new Map(addresses.length > 0 ? [['green.internal', addresses]] : []);
  const bench = await openBench(
    { surroundings: { addresses: () => resolved, signingKeys: () => [], files: () => new Map(), ticketKey: () => '' } },
    document,
  );
  const { call } = await startApi({ health: unhealthy(...ill) }, bench);
  const path = '/v1/services/demo/switch';
  expect((await call('POST', `${path}?dryRun=true`, { to: 'green' })).body.warnings).toEqual(warnings);
  expect((await call('POST', path, { to: 'green' })).body.warnings).toEqual(warnings);
});

test('ways back, which are not refused because of files, and changes of listeners are answered with what is wrong with files', async () => {
  const { call } = await startApi({ warnings: () => ['The certificate is over.'] });
  const change = await call('PATCH', '/v1/services/demo', { weights: { blue: 1, green: 1 } });
  expect(change.body.warnings).toBe(undefined);
  expect((await call('POST', '/v1/undo?dryRun=true')).body.warnings).toBe(undefined);
  expect((await call('POST', '/v1/undo')).body.warnings).toEqual(['The certificate is over.']);
  expect((await call('POST', '/v1/revisions/2/restore')).body.warnings).toEqual(['The certificate is over.']);
  const listeners = [{ name: 'web', address: '127.0.0.1:8080', timeouts: { head: '9s' } }];
  expect((await call('PATCH', '/v1/config', { listeners })).body.warnings).toEqual(['The certificate is over.']);
});
