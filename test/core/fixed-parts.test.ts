import { expect, test } from 'vitest';
import { keepFixedParts } from '../../src/core/fixed-parts.ts';
import type { JsonObject } from '../../src/core/json.ts';

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
    name: 'a listener that has moved stays where it is, and gets its time-outs back',
    current: { listeners: [{ name: 'a', address: ':9', timeouts: 2 }] },
    earlier: { listeners: [{ name: 'a', address: ':1', timeouts: 1 }] },
    after: { listeners: [{ name: 'a', address: ':9', timeouts: 1 }] },
  },
  {
    name: 'a listener by another name is another one',
    current: { listeners: [{ name: 'a', address: ':1', timeouts: 2 }] },
    earlier: { listeners: [{ name: 'b', address: ':1', timeouts: 1 }] },
    after: { listeners: [{ name: 'a', address: ':1', timeouts: 2 }] },
  },
  {
    name: 'listeners that are none',
    current: { listeners: [7] },
    earlier: { listeners: [8] },
    after: { listeners: [7] },
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
