import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RequestKey } from '../../src/core/model.ts';
import { readKey } from '../../src/core/request-key.ts';
import type { RouteSubject } from '../../src/core/routes.ts';

const subject: RouteSubject = {
  host: 'shop.example',
  path: '/%61/../b',
  method: 'GET',
  header: (name) => ({ 'x-user': 'ann', 'x-empty': '' })[name],
  queryValue: (name) => ({ user: 'bob', none: '' })[name],
  cookie: (name) => ({ session: 'cid', gone: '' })[name],
};

test.each<{ key: RequestKey; value: string | undefined }>([
  { key: { from: 'header', name: 'x-user' }, value: 'ann' },
  { key: { from: 'header', name: 'x-other' }, value: undefined },
  { key: { from: 'header', name: 'x-empty' }, value: undefined }, // nothing is no key, or all who say nothing would be one client
  { key: { from: 'query', name: 'user' }, value: 'bob' },
  { key: { from: 'query', name: 'none' }, value: undefined },
  { key: { from: 'query', name: 'other' }, value: undefined },
  { key: { from: 'cookie', name: 'session' }, value: 'cid' },
  { key: { from: 'cookie', name: 'gone' }, value: undefined },
  { key: { from: 'cookie', name: 'other' }, value: undefined },
  { key: { from: 'address' }, value: '192.0.2.7' },
  { key: { from: 'path' }, value: '/b' }, // as routes see it
  { key: { from: 'jwt', claim: 'sub' }, value: undefined },
])('$key is $value', ({ key, value }) => {
  expect(readKey(key, subject, '192.0.2.7')).toBe(value);
});

test('a client without an address has no key', () => {
  expect(readKey({ from: 'address' }, subject, '')).toBeUndefined();
});

describe('a claim of a token', () => {
  const base64url = (text: string): string => Buffer.from(text).toString('base64url');
  const tokenOf = (payload: string): string => `${base64url('{"alg":"none"}')}.${base64url(payload)}.c2ln`;
  const claimOf = (authorization: string | undefined, claim = 'sub'): string | undefined =>
    readKey({ from: 'jwt', claim }, { ...subject, header: (name) => (name === 'authorization' ? authorization : undefined) }, '');
  const bearer = (payload: string): string => `Bearer ${tokenOf(payload)}`;

  test.each([
    { payload: '{"sub":"ann"}', value: 'ann' },
    { payload: '{"sub":"äöü 🚀 ~~~???"}', value: 'äöü 🚀 ~~~???' }, // and its encoding has "-" and "_"
    { payload: '{"sub":42}', value: '42' },
    { payload: '{"sub":0}', value: '0' },
    { payload: '{"sub":""}', value: undefined },
    { payload: '{"sub":true}', value: undefined },
    { payload: '{"sub":null}', value: undefined },
    { payload: '{"sub":{"a":1}}', value: undefined },
    { payload: '{"sub":["ann"]}', value: undefined },
    { payload: '{"name":"ann"}', value: undefined },
    { payload: '{"user":{"sub":"ann"}}', value: undefined },
    { payload: '["ann"]', value: undefined },
    { payload: 'null', value: undefined },
    { payload: '"sub"', value: undefined },
    { payload: '{"sub":"ann"', value: undefined },
  ])('of $payload: $value', ({ payload, value }) => {
    expect(claimOf(bearer(payload))).toBe(value);
  });

  test('with any name, but none that every object has', () => {
    expect(claimOf(bearer('{"https://example.com/id":"7"}'), 'https://example.com/id')).toBe('7');
    expect(claimOf(bearer('{}'), 'constructor')).toBeUndefined();
    expect(claimOf(bearer('[1]'), 'length')).toBeUndefined();
    expect(claimOf(bearer('{}'), '__proto__')).toBeUndefined();
  });

  const good = tokenOf('{"sub":"ann"}');
  const [head, payload, signature] = good.split('.') as [string, string, string];
  test.each([
    { what: 'the scheme in capitals', authorization: `BEARER ${good}`, value: 'ann' },
    { what: 'several spaces', authorization: `Bearer   ${good}`, value: 'ann' },
    { what: 'no signature', authorization: `Bearer ${head}.${payload}.`, value: 'ann' },
    { what: 'no field', authorization: undefined, value: undefined },
    { what: 'another scheme', authorization: `Basic ${good}`, value: undefined },
    { what: 'no scheme', authorization: good, value: undefined },
    { what: 'two parts', authorization: `Bearer ${head}.${payload}`, value: undefined },
    { what: 'five parts, as encrypted tokens have', authorization: `Bearer ${good}.${signature}.${signature}`, value: undefined },
    { what: 'padding', authorization: `Bearer ${head}.${payload}=.${signature}`, value: undefined },
    { what: 'base64 of the other kind', authorization: `Bearer ${head}.+/+/.${signature}`, value: undefined },
    { what: 'text behind it', authorization: `Bearer ${good} x`, value: undefined },
    {
      what: 'bytes that are no UTF-8',
      authorization: `Bearer ${head}.${Buffer.from('{"sub":"\xff"}', 'latin1').toString('base64url')}.`,
      value: undefined,
    },
    { what: 'a length that base64 cannot have', authorization: `Bearer ${head}.${payload}aaaaa.${signature}`, value: undefined },
  ])('of a field with $what: $value', ({ authorization, value }) => {
    expect(claimOf(authorization)).toBe(value);
  });

  test('is read from up to 8 KiB, and not from more', () => {
    const ofLength = (length: number): string => `Bearer ${head}.${payload}.`.padEnd(length, 's');
    expect(claimOf(ofLength(8192))).toBe('ann');
    expect(claimOf(ofLength(8193))).toBeUndefined();
  });

  test('is what was put in, whatever it is', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', minLength: 1, maxLength: 200 }),
        fc.string({ minLength: 1, maxLength: 10 }),
        (value, claim) => {
          fc.pre(claim !== '__proto__');
          expect(claimOf(bearer(JSON.stringify({ [claim]: value })), claim)).toBe(value);
        },
      ),
      { numRuns: 300 },
    );
  });

  test('never throws, whatever the field holds', () => {
    const pieces = fc.array(fc.constantFrom('Bearer ', '.', good, head, payload, 'e30', '-', '_', '=', ' ', 'a', '\u00ff'), {
      maxLength: 8,
    });
    fc.assert(
      fc.property(pieces, (parts) => {
        expect(['ann', undefined]).toContain(claimOf(parts.join('')));
      }),
      { numRuns: 1000 },
    );
  });
});
