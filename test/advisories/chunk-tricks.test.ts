/**
 * Class: tricks in the chunked coding: sizes that overflow or that parsers read differently, white space, line feeds in extensions and
 * between chunks ("funky chunks": CVE-2025-22871 in Go's net/http, CVE-2025-53643 in aiohttp's trailers; CVE-2013-2028 in nginx for sizes).
 *
 * The attacker wants proxy and target to see the end of a chunk, a body or a trailer section in different places.
 *
 * Sluice takes the coding off by the letter of RFC 9112 section 7.1 and writes chunks of its own: neither sizes nor extensions of the
 * client's reach the target. What is malformed ends the request: the target sees a body that never ends, and its connection closed.
 */
import { expect, test } from 'vitest';
import { attack, startSite } from './support.ts';

const head = 'POST /attack HTTP/1.1\r\nHost: shop.example\r\nTransfer-Encoding: chunked\r\n\r\n';
const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: shop.example\r\n\r\n';

test.for([
  ['a size of more digits than count exactly', '10000000000000005\r\nhello\r\n0\r\n\r\n'],
  ['a size that overflows 64 bits to 5', '10000000000000000000000000000005\r\nhello\r\n0\r\n\r\n'],
  ['a size with a sign', '+5\r\nhello\r\n0\r\n\r\n'],
  ['a negative size', '-1\r\nhello\r\n0\r\n\r\n'],
  ['a size with 0x', '0x5\r\nhello\r\n0\r\n\r\n'],
  ['a size with an underscore', '0_5\r\nhello\r\n0\r\n\r\n'],
  ['white space before a size', ' 5\r\nhello\r\n0\r\n\r\n'],
  ['white space behind a size', '5 \r\nhello\r\n0\r\n\r\n'],
  ['a tab behind a size', '5\t\r\nhello\r\n0\r\n\r\n'],
  ['an empty size', '\r\nhello\r\n0\r\n\r\n'],
  ['a line feed alone behind a size', `5\nhello\r\n0\r\n\r\n${smuggled}`],
  ['a carriage return alone behind a size', '5\rhello\r\n0\r\n\r\n'],
  ['two carriage returns behind a size', '5\r\r\nhello\r\n0\r\n\r\n'],
  ['a line feed in an extension', `5;\nxhello\r\n0\r\n\r\n${smuggled}`],
  ['a line feed in a quoted extension', `5;a="\n"\r\nhello\r\n0\r\n\r\n${smuggled}`],
  ['a carriage return in an extension', `5;a\rb\r\nhello\r\n0\r\n\r\n`],
  ['NUL in an extension', '5;a\0\r\nhello\r\n0\r\n\r\n'],
  ['an extension that is none', '5;\r\nhello\r\n0\r\n\r\n'],
  ['two bytes that are no CRLF behind a chunk', `5\r\nhelloXX0\r\n\r\n${smuggled}`],
  ['a line feed alone behind a chunk', `5\r\nhello\n0\r\n\r\n`],
  ['more data than the size says', '5\r\nhello, world\r\n0\r\n\r\n'],
  ['a trailer section that ends with line feeds', `0\r\nX: 1\n\n${smuggled}`],
  ['a last chunk that ends with a line feed', `0\n\n${smuggled}`],
  ['a folded trailer', `0\r\nX: 1\r\n y\r\n\r\n`],
  ['a trailer with a space before the colon', `0\r\nX : 1\r\n\r\n`],
  ['a trailer about the length', `0\r\nContent-Length: ${smuggled.length}\r\n\r\n${smuggled}`],
  ['a trailer about the coding', `0\r\nTransfer-Encoding: chunked\r\n\r\n${smuggled}`],
] as const)('%s is refused, and the target never sees the end of that body', async ([, body], t) => {
  const { attacker, seen } = await attack(await startSite(t), head + body);
  expect(attacker.status).toBe(400);
  expect(attacker.field('connection')).toBe('close');
  expect(seen).toEqual([]);
});

test('extensions end here; data, however it was cut into chunks, arrives as it was sent', async (t) => {
  const site = await startSite(t);
  const { seen } = await attack(site, `${head}5;a=b;c="d"\r\nhello\r\n000001\r\n!\r\n0;last\r\n\r\n`);
  expect(seen.map(({ body }) => body)).toEqual(['hello!']);
  expect(site.target.bytes.join('')).not.toMatch(/;a=b|;last/);
});

test('trailers that could change the request do not reach the target, whatever their spelling; others stay trailers', async (t) => {
  const forbidden = ['Host: evil', 'Authorization: x', 'Cookie: a=b', 'X-Forwarded-For: 1.2.3.4', 'x_forwarded_for: 1.2.3.4', 'Expect: x'];
  const own = ['X-Sluice-Pool: green', 'X_Sluice_Pool: green', 'Content_Length: 5', 'Forwarded: for=1.2.3.4', 'TE: x', 'Via: x'];
  const { seen } = await attack(await startSite(t), `${head}0\r\n${[...forbidden, ...own, 'X-Checksum: 1'].join('\r\n')}\r\n\r\n`);
  expect(seen[0]!.trailers).toEqual(['X-Checksum: 1']);
  expect(seen[0]!.fields.some((line) => line.startsWith('X-Checksum'))).toBe(false);
});

test('extensions and trailers without end are refused at their limits', async (t) => {
  const site = await startSite(t);
  for (const body of [`1;${'a'.repeat(300)}`, `0\r\nX: ${'a'.repeat(40_000)}`, `0\r\n${'X: 1\r\n'.repeat(200)}\r\n`]) {
    const { attacker, seen } = await attack(site, head + body);
    expect(attacker.status).toBe(400);
    expect(seen).toEqual([]);
  }
});
