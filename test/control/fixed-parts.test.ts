import { expect, test } from 'vitest';
import { accepted, openBench, options, rejected, weightsOf } from './support.ts';

const web = { name: 'web', address: '127.0.0.1:8080', timeouts: { head: '10s' } };

const restart = (key: string) => ({
  pointer: `/${key}`,
  message: `${key} is fixed while Sluice runs; change it in the config file and restart`,
});

test.each([
  { patch: { workers: 3 }, pointer: '/workers' },
  { patch: { dataDir: '/elsewhere' }, pointer: '/dataDir' },
  { patch: { log: { access: false } }, pointer: '/log' },
  { patch: { admin: { address: '127.0.0.1:9999' } }, pointer: '/admin' },
  { patch: { listeners: [{ ...web, address: '127.0.0.1:9090' }] }, pointer: '/listeners' },
  { patch: { listeners: [{ ...web, name: 'other' }] }, pointer: '/listeners' },
  { patch: { listeners: [web, { name: 'more', address: '127.0.0.1:9090' }] }, pointer: '/listeners' },
  { patch: { listeners: null }, pointer: '/listeners' },
])('a change of $pointer while Sluice runs is refused: $patch', async ({ patch, pointer }) => {
  const { controller, parts } = await openBench();
  const before = controller.current();
  const reply = rejected(await controller.execute({ kind: 'patch', patch }, options));
  expect(reply.code).toBe('NEEDS_RESTART');
  expect(reply.problems?.map((problem) => problem.pointer)).toEqual([pointer]);
  expect(controller.current()).toBe(before);
  expect(parts.fleet.published).toEqual([]);
});

test('a refusal names every fixed part that would change', async () => {
  const { controller } = await openBench();
  const reply = rejected(await controller.execute({ kind: 'patch', patch: { workers: 3, log: { access: false } } }, options));
  expect(reply.message).toBe('/workers, /log: fixed while Sluice runs; change the config file and restart.');
  expect(reply.problems).toEqual([restart('workers'), restart('log')]);
});

test('time-outs and limits of a listener change live', async () => {
  const { controller, parts } = await openBench();
  const patch = { listeners: [{ ...web, timeouts: { head: '3s' }, limits: { connections: 7 } }] };
  expect(accepted(await controller.execute({ kind: 'patch', patch }, options)).changed).toBe(true);
  expect(parts.fleet.published.at(-1)?.listeners[0]).toMatchObject({ timeouts: { headMs: 3000 }, limits: { connections: 7 } });
});

test('an address that is only written differently is no change', async () => {
  const { controller } = await openBench();
  const patch = { listeners: [{ ...web, address: 'localhost:8080' }] };
  expect(accepted(await controller.execute({ kind: 'patch', patch }, options)).changed).toBe(true);
});

test('an undo of a change that also wrote an address differently takes back the change, and only that one', async () => {
  const { controller } = await openBench();
  await controller.execute({ kind: 'switch', service: 'demo', to: 'green' }, options);
  const patch = { listeners: [{ ...web, address: 'localhost:8080', timeouts: { head: '1s' } }] };
  await controller.execute({ kind: 'patch', patch }, options);
  const { changes } = accepted(await controller.execute({ kind: 'undo' }, options));
  expect(changes).toEqual([
    {
      pointer: '/listeners',
      before: patch.listeners,
      after: [{ ...web, address: 'localhost:8080' }],
    },
  ]);
  expect(weightsOf(controller)).toEqual({ blue: 0, green: 100 });
});
