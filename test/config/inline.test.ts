import { describe, expect, test } from 'vitest';
import { inlineDocument } from '../../config/inline.ts';
import { interpret } from '../../config/interpret.ts';

test('the first pool gets everything, and a pool named again gets another target', () => {
  const result = inlineDocument(['blue=http://127.0.0.1:3001', 'green=http://127.0.0.1:3002', 'blue=http://127.0.0.1:3003'], {
    listen: ':9090',
  });
  expect(result).toEqual({
    kind: 'valid',
    document: {
      listeners: [{ name: 'web', address: ':9090' }],
      services: {
        default: {
          pools: { blue: { targets: ['http://127.0.0.1:3001', 'http://127.0.0.1:3003'] }, green: { targets: ['http://127.0.0.1:3002'] } },
          weights: { blue: 100, green: 0 },
        },
      },
    },
  });
  expect(result.kind === 'valid' && interpret(result.document)).toMatchObject({
    kind: 'valid',
    model: { services: [{ weights: { blue: 100, green: 0 } }] },
  });
});

test('without --listen the default listener stays', () => {
  expect(inlineDocument(['blue=http://127.0.0.1:3001'])).toMatchObject({ kind: 'valid', document: { services: {} } });
});

describe('a bad argument is named, with the way out', () => {
  test.each([
    { args: [], message: 'expected at least one POOL=URL such as blue=http://127.0.0.1:3001' },
    { args: ['blue'], message: '"blue": expected POOL=URL such as blue=http://127.0.0.1:3001' },
    { args: ['http://a:1'], message: '"http://a:1": expected POOL=URL such as blue=http://127.0.0.1:3001; write blue=http://a:1' },
    {
      args: ['blue=127.0.0.1:1'],
      message:
        '"blue=127.0.0.1:1": after "=" expected a URL such as "http://10.0.0.7:3000", found "127.0.0.1:1"; write "http://127.0.0.1:1"',
    },
    { args: ['blue=http://a', 'blue=http://a:80'], message: '"blue=http://a:80": the pool "blue" has this target already' },
    { args: ['Blue=http://a'], message: expect.stringContaining('before "=" expected an id') },
    { args: ['=http://a'], message: expect.stringContaining('before "=" expected an id') },
    {
      args: ['blue=http://a'],
      listen: '8080',
      message: '--listen: expected an address such as "0.0.0.0:8080", found "8080"; write ":8080" for all addresses or "127.0.0.1:8080"',
    },
  ])('$args', ({ args, listen, message }) => {
    expect(inlineDocument(args, { listen })).toMatchObject({ kind: 'invalid', problems: [{ message }] });
  });

  test('a password is not repeated', () => {
    expect(JSON.stringify(inlineDocument(['blue=http://bob:hunter2@a']))).not.toContain('hunter2');
  });
});
