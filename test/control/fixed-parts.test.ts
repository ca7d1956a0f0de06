import { expect, test } from 'vitest';
import { keepFixedParts } from '../../src/core/fixed-parts.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { accepted, openBench, options, rejected } from './support.ts';

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

test.each<{ name: string; current: JsonObject; earlier: JsonObject; after: JsonObject }>([
  { name: 'nothing fixed differs', current: { log: { a: 1 }, x: 1 }, earlier: { x: 2, log: { a: 1 } }, after: { x: 2, log: { a: 1 } } },
  { name: 'another value', current: { workers: 2, x: 1 }, earlier: { workers: 1, x: 2 }, after: { workers: 2, x: 2 } },
  { name: 'not there any more', current: { x: 1 }, earlier: { workers: 1, x: 2 }, after: { x: 2 } },
  { name: 'not there then', current: { workers: 2, x: 1 }, earlier: { x: 2 }, after: { x: 2, workers: 2 } },
  {
    name: 'a listener at the same address gets its time-outs back',
    current: {
      listeners: [
        { name: 'a', address: ':1', timeouts: 2 },
        { name: 'b', address: ':2' },
      ],
    },
    earlier: { listeners: [{ name: 'a', address: ':1', timeouts: 1 }] },
    after: {
      listeners: [
        { name: 'a', address: ':1', timeouts: 1 },
        { name: 'b', address: ':2' },
      ],
    },
  },
  {
    name: 'a listener that has moved stays where it is',
    current: { listeners: [{ name: 'a', address: ':9', timeouts: 2 }] },
    earlier: { listeners: [{ name: 'a', address: ':1', timeouts: 1 }] },
    after: { listeners: [{ name: 'a', address: ':9', timeouts: 2 }] },
  },
])('going back keeps what is fixed: $name', ({ current, earlier, after }) => {
  expect(keepFixedParts(current, earlier)).toEqual(after);
});

test('where nothing fixed differs, going back returns the very same document', () => {
  const listeners = [
    { name: 'a', address: ':1', timeouts: 1 },
    { name: 'b', address: ':2' },
  ];
  const earlier = { listeners, log: { access: true }, services: {} };
  const current = {
    listeners: [
      { name: 'b', address: ':2' },
      { name: 'a', address: ':1', timeouts: 5 },
    ],
    log: { access: true },
    services: { x: 1 },
  };
  expect(keepFixedParts(current, earlier)).toBe(earlier);
});
