import { isIP } from 'node:net';
import * as fc from 'fast-check';
import { describe, expect, test, type TestContext } from 'vitest';
import { canonicalAddress } from '../../src/core/address-text.ts';
import { hopsMax, searchClient } from '../../src/core/forwarded-for.ts';
import type { Override, Sticky } from '../../src/core/model.ts';
import { compileNetworks, containsAddress } from '../../src/core/networks.ts';
import { type ProxyOptions, startProxy } from '../support/data-plane.ts';
import { anything } from '../support/model.ts';
import { fieldOf } from '../support/raw-client.ts';
import { startRawTarget } from '../support/target.ts';

const trusted = compileNetworks(['10.0.0.0/8', 'fd00::/8', '127.0.0.1']);
const peer = '10.0.0.1';

describe('the address of a client behind trusted proxies', () => {
  test.each([
    { list: '192.0.2.1', client: '192.0.2.1' },
    { list: '192.0.2.9, 192.0.2.1', client: '192.0.2.1' }, // what a stranger says of itself
    { list: '192.0.2.1, 10.0.0.2', client: '192.0.2.1' },
    { list: '192.0.2.1, 10.0.0.3,10.0.0.2', client: '192.0.2.1' },
    { list: '192.0.2.9, 192.0.2.1 ,\t10.0.0.2', client: '192.0.2.1' },
    { list: '10.0.0.3, 10.0.0.2', client: '10.0.0.3' }, // all of them are ours: the farthest
    { list: 'unknown', client: peer },
    { list: '192.0.2.1, unknown', client: peer },
    { list: '192.0.2.1, unknown, 10.0.0.2', client: '10.0.0.2' },
    { list: '192.0.2.1,', client: peer },
    { list: ',192.0.2.1', client: '192.0.2.1' },
    { list: ',', client: peer },
    { list: ',10.0.0.2', client: '10.0.0.2' },
    { list: '192.0.2.1:5678', client: '192.0.2.1' },
    { list: '192.0.2.1:99999999', client: peer },
    { list: '192.0.2.1, 10.0.0.2:80', client: '192.0.2.1' },
    { list: '2001:db8::1', client: '2001:db8::1' },
    { list: '2001:DB8:0:0::1', client: '2001:db8::1' },
    { list: '[2001:db8::1]', client: '2001:db8::1' },
    { list: '[2001:db8::1]:443', client: '2001:db8::1' },
    { list: '192.0.2.1, [fd00::7]:443', client: '192.0.2.1' },
    { list: '[192.0.2.1]', client: peer },
    { list: '::ffff:192.0.2.1', client: '192.0.2.1' },
    { list: '192.0.2.1, ::ffff:10.0.0.2', client: '192.0.2.1' },
    { list: '192.0.2.01', client: peer },
    { list: '192.0.2', client: peer },
    { list: 'for=192.0.2.1', client: peer },
    { list: `192.0.2.1, ${'1'.repeat(100)}`, client: peer },
  ])('by $list is $client', ({ list, client }) => {
    expect(searchClient(list, peer, trusted)).toBe(client);
  });

  test('is the first from the right that is not trusted, as a plain reading of the list has it', () => {
    const address = fc.oneof(
      fc.ipV4(),
      fc.ipV6(),
      fc.constantFrom('10.1.2.3', 'fd00::1', '127.0.0.1', '192.0.2.1', 'unknown', '', '10.0.0.4:80', '[fd00::2]:80'),
    );
    const separator = fc.constantFrom(',', ', ', ' ,', ' , ');
    fc.assert(
      fc.property(fc.array(address, { maxLength: 8 }), separator, (entries, between) => {
        expect(searchClient(entries.join(between), peer, trusted)).toBe(naiveSearch(entries));
      }),
    );
  });

  test('is searched for in so many entries at most', () => {
    const list = (hops: number) => `192.0.2.1${', 10.0.0.2'.repeat(hops)}`;
    expect(searchClient(list(hopsMax - 1), peer, trusted)).toBe('192.0.2.1');
    expect(searchClient(list(hopsMax), peer, trusted)).toBe('10.0.0.2');
  });
});

function naiveSearch(entries: readonly string[]): string {
  let client = peer;
  for (const entry of entries.toReversed()) {
    const plain = entry.replace(/^\[(.*)\](:\d+)?$/, '$1').replace(/^([\d.]+):\d+$/, '$1');
    if (isIP(plain) === 0) break;
    client = canonicalAddress(plain)!;
    if (!containsAddress(trusted, client)) break;
  }
  return client;
}

describe('an address has one way to be written', () => {
  test.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['0:0:0:0:0:0:0:1', '::1'],
    ['2001:0db8:0000:0000:0000:ff00:0042:8329', '2001:db8::ff00:42:8329'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'], // one group is not shortened
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'], // the longest run is
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'], // of equals the first
    ['FE80::1%eth0', 'fe80::1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::ffff:c000:201', '192.0.2.1'],
    ['1.2.3', undefined],
    ['1:2:3', undefined],
    ['', undefined],
  ])('%s is %s', (text, canonical) => {
    expect(canonicalAddress(text)).toBe(canonical);
  });

  test('as URLs write it', () => {
    fc.assert(
      fc.property(fc.ipV6(), (address) => {
        const canonical = canonicalAddress(address)!;
        if (canonical.includes(':')) expect(`[${canonical}]`).toBe(new URL(`http://[${address}]/`).hostname);
      }),
    );
  });
});

const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const here = { trustedProxies: ['127.0.0.0/8', '10.0.0.0/8'] };

async function startPair(t: TestContext, options: ProxyOptions = {}) {
  const heads: string[] = [];
  const target = await startRawTarget(t, (connection) =>
    connection.socket.on('data', (chunk: Buffer) => {
      heads.push(chunk.toString('latin1'));
      connection.send(answer);
    }),
  );
  const proxy = await startProxy(t, { pools: { blue: [target], green: [target] }, listener: here, ...options });
  return { proxy, heads, client: await proxy.connect() };
}

const forwarded = ['x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'forwarded'];
const heardOf = (head: string) => forwarded.map((name) => fieldOf(head, name));

describe('what a target hears of a client behind a proxy', () => {
  test.for([
    { says: '', hears: ['127.0.0.1', 'a', 'http', undefined] },
    { says: 'X-Forwarded-For: 192.0.2.1\r\n', hears: ['192.0.2.1, 127.0.0.1', 'a', 'http', undefined] },
    { says: 'x-forwarded-for: x\r\nX-FORWARDED-FOR:192.0.2.1\r\n', hears: ['x, 192.0.2.1, 127.0.0.1', 'a', 'http', undefined] },
    {
      says: 'X-Forwarded-For:\r\nX-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: \r\n',
      hears: ['192.0.2.1, 127.0.0.1', 'a', 'http', undefined],
    },
    { says: 'X-Forwarded-Host: shop.example\r\n', hears: ['127.0.0.1', 'shop.example', 'http', undefined] },
    { says: 'X-Forwarded-Host: a/b\r\n', hears: ['127.0.0.1', 'a', 'http', undefined] },
    { says: 'X-Forwarded-Host:\r\n', hears: ['127.0.0.1', 'a', 'http', undefined] },
    { says: 'X-Forwarded-Host: b\r\nX-Forwarded-Host: c\r\n', hears: ['127.0.0.1', 'a', 'http', undefined] },
    { says: 'X-Forwarded-Proto: https\r\n', hears: ['127.0.0.1', 'a', 'https', undefined] },
    { says: 'X-Forwarded-Proto: HTTPS\r\n', hears: ['127.0.0.1', 'a', 'https', undefined] },
    { says: 'X-Forwarded-Proto: ftp\r\n', hears: ['127.0.0.1', 'a', 'http', undefined] },
    { says: 'X-Forwarded-Proto: https, http\r\n', hears: ['127.0.0.1', 'a', 'http', undefined] },
    { says: 'X-Forwarded-Proto: https\r\nX-Forwarded-Proto: https\r\n', hears: ['127.0.0.1', 'a', 'http', undefined] },
    { says: 'X_Forwarded_For: 192.0.2.1\r\nX_Forwarded_Proto: https\r\n', hears: ['127.0.0.1', 'a', 'http', undefined] },
    { says: 'Forwarded: for=192.0.2.1;proto=https\r\n', hears: ['127.0.0.1', 'a', 'http', undefined] },
    {
      says: 'Connection: X-Forwarded-For, x-forwarded-proto, X-Forwarded-Host\r\nX-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\n',
      hears: ['192.0.2.1, 127.0.0.1', 'a', 'https', undefined],
    },
  ])('is what the proxy says, completed, if it is trusted: $says', async ({ says, hears }, t) => {
    const { client, heads } = await startPair(t);
    await client.ask(`GET / HTTP/1.1\r\nHost: a\r\n${says}\r\n`);
    expect(heardOf(heads[0]!)).toEqual(hears);
  });

  test('is nothing of what a stranger says', async (t) => {
    const { client, heads, proxy } = await startPair(t, { listener: { trustedProxies: ['192.0.2.0/24'] } });
    const lies = 'X-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: bank.example\r\nForwarded: for=10.0.0.1\r\n';
    await client.ask(`GET / HTTP/1.1\r\nHost: a\r\n${lies}Connection: X-Forwarded-For\r\n\r\n`);
    expect(heardOf(heads[0]!)).toEqual(['127.0.0.1', 'a', 'http', undefined]);
    expect(proxy.lines[0]!.client).toBe('127.0.0.1');
  });

  test('changes from request to request of one connection, and with the revision', async (t) => {
    const { client, heads, proxy } = await startPair(t);
    const ask = (address: string) => client.ask(`GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: ${address}\r\n\r\n`);
    await ask('192.0.2.1');
    await ask('192.0.2.2, 10.0.0.2');
    await client.ask('GET / HTTP/1.1');
    proxy.apply({ listener: {} });
    await ask('192.0.2.3');
    await ask('192.0.2.4');
    proxy.apply({ listener: here });
    await ask('192.0.2.5');
    proxy.apply({ listener: {} });
    await ask('192.0.2.6');
    const expected = ['192.0.2.1', '192.0.2.2', '127.0.0.1', '127.0.0.1', '127.0.0.1', '192.0.2.5', '127.0.0.1'];
    expect(proxy.lines.map((line) => line.client)).toEqual(expected);
    expect(heads.map((head) => fieldOf(head, 'x-forwarded-for'))).toEqual([
      '192.0.2.1, 127.0.0.1',
      '192.0.2.2, 10.0.0.2, 127.0.0.1',
      '127.0.0.1',
      '127.0.0.1',
      '127.0.0.1',
      '192.0.2.5, 127.0.0.1',
      '127.0.0.1',
    ]);
  });

  test('is told of a head that could not be read only by the connection', async (t) => {
    const { client, proxy } = await startPair(t);
    await client.ask('GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n');
    await client.ask('GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.1\r\nbad\r\n\r\n');
    expect(proxy.lines.map((line) => [line.cause, line.client])).toEqual([
      ['', '192.0.2.1'],
      ['malformed_request', '127.0.0.1'],
    ]);
  });
});

describe('a client behind a trusted proxy', () => {
  const from = (address: string, more = '') => `GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: ${address}\r\n${more}\r\n`;

  test('is whom overrides by network match', async (t) => {
    const overrides: Override[] = [{ match: { ...anything, clients: ['192.0.2.0/24'], percent: undefined }, poolId: 'green' }];
    const { client, proxy } = await startPair(t, { service: { overrides } });
    for (const address of ['192.0.2.1', '198.51.100.1', '192.0.2.1, 10.0.0.2']) await client.ask(from(address));
    expect(proxy.lines.map(({ pool }) => pool)).toEqual(['green', 'blue', 'green']);
  });

  test('gets cookies for encrypted connections only where the proxy says that its own is', async (t) => {
    const sticky: Sticky = {
      key: { from: 'own', cookie: 'sluice_id' },
      target: false,
      onShrink: 'move',
      maxAgeMs: 86_400_000,
      cookiePath: '/',
      sameSite: 'lax',
      secure: 'auto',
    };
    const signingKeys = [{ id: 'test', secret: Buffer.alloc(32, 'test').toString('base64url') }];
    const { client } = await startPair(t, { service: { sticky }, surroundings: { signingKeys } });
    const cookies = [];
    for (const proto of ['https', 'http'])
      cookies.push((await client.ask(from('192.0.2.1', `X-Forwarded-Proto: ${proto}\r\n`))).field('set-cookie'));
    expect(cookies.map((cookie) => cookie?.includes('; Secure'))).toEqual([true, false]);
  });
});
