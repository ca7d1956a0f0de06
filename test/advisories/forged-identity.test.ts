/**
 * Class: forged identity: X-Forwarded-*, Forwarded and Via that the client brings along, fields of the proxy's own (`x-sluice-*`), sticky
 * cookies that are made up, altered, or another service's; and injection of lines through values that the proxy itself writes.
 *
 * The attacker wants to look like somebody else, to choose his pool or target, or to add a line to a request or an answer.
 *
 * Sluice overwrites what says who asks, drops what is its own, and believes only cookies that it has signed for this service. Every value that
 * it writes into a head has been through the checks of a head, or is its own.
 */
import { expect, test } from 'vitest';
import type { Sticky } from '../../src/core/model.ts';
import { attack, startAccountingTarget, startSite, valuesOf } from './support.ts';
import { startProxy } from '../support/data-plane.ts';

test('whatever a client says of itself is replaced by what is true, in one line each', async (t) => {
  const forged = [
    'X-Forwarded-For: 10.0.0.1',
    'x-forwarded-for: 10.0.0.2',
    'X-Forwarded-Proto: https',
    'X-Forwarded-Host: evil',
    'Forwarded: for=x',
  ];
  const { seen } = await attack(await startSite(t), `GET / HTTP/1.1\r\nHost: shop.example\r\n${forged.join('\r\n')}\r\n\r\n`);
  expect(seen[0]!.fields.filter((line) => /forwarded/i.test(line))).toEqual([
    'x-forwarded-for: 127.0.0.1',
    'x-forwarded-host: shop.example',
    'x-forwarded-proto: http',
  ]);
});

test('fields of ours do not reach the target, nor choose anything', async (t) => {
  const own = ['pool', 'target', 'revision', 'mirror', 'override', 'anything'].map((name) => `X-Sluice-${name}: green`);
  const { attacker, seen } = await attack(await startSite(t), `GET / HTTP/1.1\r\nHost: shop.example\r\n${own.join('\r\n')}\r\n\r\n`);
  expect(attacker.status).toBe(200);
  expect(seen[0]!.fields.filter((line) => /sluice-/i.test(line))).toEqual([]);
});

test('a client whose connection carried another host before is not told of that', async (t) => {
  const { proxy, target } = await startSite(t);
  const client = await proxy.connect();
  for (const host of ['a.example', 'b.example', 'a.example:1']) await client.ask(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  expect(target.seen.map((request) => valuesOf(request, 'x-forwarded-host'))).toEqual([['a.example'], ['b.example'], ['a.example:1']]);
});

const signingKeys = [{ id: 'test', secret: Buffer.alloc(32, 'test').toString('base64url') }];
const sticky: Sticky = {
  key: { from: 'own', cookie: 'id' },
  target: true,
  onShrink: 'move',
  maxAgeMs: 3_600_000,
  cookiePath: '/',
  sameSite: 'lax',
  secure: 'auto',
};

test('a sticky cookie with any of its characters changed is worth as much as none', async (t) => {
  const proxy = await startProxy(t, {
    pools: { blue: [await startAccountingTarget(t)] },
    service: { sticky },
    surroundings: { signingKeys },
  });
  const client = await proxy.connect();
  const issued = (await client.ask('GET / HTTP/1.1')).field('set-cookie') ?? '';
  const value = /(?:^|, )id=([^;]*)/.exec(issued)![1]!;
  const setsAnew = async (cookie: string): Promise<boolean> =>
    /(?:^|, )id=/.test((await client.ask(`GET / HTTP/1.1\r\nHost: a\r\nCookie: id=${cookie}\r\n\r\n`)).field('set-cookie') ?? '');
  expect(await setsAnew(value)).toBe(false);
  for (let at = 0; at < value.length; at++) {
    const other = value[at] === 'A' ? 'B' : 'A';
    expect([at, await setsAnew(value.slice(0, at) + other + value.slice(at + 1))]).toEqual([at, true]);
  }
  for (const forged of [
    '',
    value.slice(1),
    value.slice(0, -1),
    `${value}A`,
    `${value}.${value}`,
    `"${value}"`,
    encodeURIComponent(`${value}\0`),
  ]) {
    expect([forged, await setsAnew(forged)]).toEqual([forged, true]);
  }
});

test('a sticky cookie of another key, or of another service, is worth as much as none', async (t) => {
  const issuer = async (service: string, keys: typeof signingKeys) => {
    const proxy = await startProxy(t, {
      pools: { blue: [await startAccountingTarget(t)] },
      service: { sticky, id: service },
      surroundings: { signingKeys: keys },
    });
    const client = await proxy.connect();
    return async (cookie: string): Promise<string | undefined> =>
      /(?:^|, )id=([^;]*)/.exec((await client.ask(`GET / HTTP/1.1\r\nHost: a\r\n${cookie}\r\n`)).field('set-cookie') ?? '')?.[1];
  };
  const otherKeys = [{ id: 'test', secret: Buffer.alloc(32, 'other').toString('base64url') }];
  const shop = await issuer('shop', signingKeys);
  const stranger = await issuer('shop', otherKeys);
  const value = (await shop(''))!;
  expect(await shop(`Cookie: id=${value}\r\n`)).toBeUndefined();
  expect(await stranger(`Cookie: id=${value}\r\n`)).toBeTypeOf('string');
});
