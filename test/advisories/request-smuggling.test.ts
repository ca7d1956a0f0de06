/**
 * Class: request smuggling by framing: CL.TE, TE.CL, TE.TE, CL.0, 0.CL and repeated or odd lengths (CVE-2019-18277 in HAProxy,
 * CVE-2021-40346 in HAProxy, CVE-2022-26377 in Apache httpd's mod_proxy_ajp).
 *
 * The attacker wants the proxy and the target to disagree about where his request ends, so that what is left over becomes the beginning of
 * somebody else's request on the same connection to the target.
 *
 * Sluice refuses what has two lengths or an odd one, takes the coding off and writes lengths and chunks anew, so that the target is told
 * what the proxy has understood, and nothing else.
 */
import { expect, test } from 'vitest';
import { attack, expectRefused, startSite, valuesOf } from './support.ts';

const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: shop.example\r\n\r\n';
const post = 'POST /attack HTTP/1.1\r\nHost: shop.example\r\n';
const chunkedSmuggled = `${smuggled.length.toString(16)}\r\n${smuggled}\r\n0\r\n\r\n`;

test.for([
  ['CL.TE', `${post}Content-Length: ${5 + smuggled.length}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`],
  ['TE.CL', `${post}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n${chunkedSmuggled}`],
  ['the same length twice', `${post}Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello`],
  ['two lengths that differ', `${post}Content-Length: 0\r\nContent-Length: ${smuggled.length}\r\n\r\n${smuggled}`],
  ['a list of lengths', `${post}Content-Length: 0, ${smuggled.length}\r\n\r\n${smuggled}`],
  ['a list of the same length', `${post}Content-Length: 5, 5\r\n\r\nhello`],
  ['a signed length', `${post}Content-Length: +${smuggled.length}\r\n\r\n${smuggled}`],
  ['a negative length', `${post}Content-Length: -1\r\n\r\n${smuggled}`],
  ['a hexadecimal length', `${post}Content-Length: 0x10\r\n\r\n${smuggled}`],
  ['a length with a fraction', `${post}Content-Length: 5.0\r\n\r\nhello`],
  ['a length that overflows 64 bits to 0', `${post}Content-Length: 18446744073709551616\r\n\r\n${smuggled}`],
  [
    'a length that overflows 32 bits, and more digits than can be counted',
    `${post}Content-Length: 0000000000004294967296\r\n\r\n${smuggled}`,
  ],
  ['an empty length', `${post}Content-Length: \r\n\r\n${smuggled}`],
  ['a length behind a vertical tab', `${post}Content-Length: \x0b5\r\n\r\nhello`],
  ['a length on a folded line', `${post}Content-Length:\r\n 5\r\n\r\nhello`],
  ['0.CL: the length behind a space', `${post}Content-Length : ${smuggled.length}\r\n\r\n${smuggled}`],
  ['0.CL: the length on a line that looks folded', `${post}X: y\r\n Content-Length: ${smuggled.length}\r\n\r\n${smuggled}`],
  ['0.CL: the length behind a bare line feed', `${post}X: y\nContent-Length: ${smuggled.length}\r\n\r\n${smuggled}`],
  ['0.CL: the length behind a bare carriage return', `${post}X: y\rContent-Length: ${smuggled.length}\r\n\r\n${smuggled}`],
  ['0.CL: the length behind NUL', `${post}X: y\0\r\nContent-Length: ${smuggled.length}\r\n\r\n${smuggled}`],
  ['TE.TE: a coding and another', `${post}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n${chunkedSmuggled}`],
  ['TE.TE: another and a coding', `${post}Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n${chunkedSmuggled}`],
  ['TE.TE: twice the same', `${post}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n${chunkedSmuggled}`],
  ['TE.TE: unknown', `${post}Transfer-Encoding: xchunked\r\n\r\n${chunkedSmuggled}`],
  ['TE.TE: a list that ends otherwise', `${post}Transfer-Encoding: chunked, identity\r\n\r\n${chunkedSmuggled}`],
  ['TE.TE: a quoted coding', `${post}Transfer-Encoding: "chunked"\r\n\r\n${chunkedSmuggled}`],
  ['TE.TE: a coding with a parameter', `${post}Transfer-Encoding: chunked;q=1\r\n\r\n${chunkedSmuggled}`],
  ['TE.TE: behind a vertical tab', `${post}Transfer-Encoding: \x0bchunked\r\n\r\n${chunkedSmuggled}`],
  ['TE.TE: before a tab', `${post}Transfer-Encoding: chunked\t\r\n\r\n${chunkedSmuggled}`],
  ['TE.TE: behind NUL', `${post}Transfer-Encoding: \0chunked\r\n\r\n${chunkedSmuggled}`],
  ['TE.TE: a space before the colon', `${post}Transfer-Encoding : chunked\r\n\r\n${chunkedSmuggled}`],
  ['TE.TE: a folded value', `${post}Transfer-Encoding:\r\n chunked\r\n\r\n${chunkedSmuggled}`],
  ['TE.TE: a folded name', `${post}Transfer-Encoding\r\n: chunked\r\n\r\n${chunkedSmuggled}`],
  ['TE.TE: an empty coding', `${post}Transfer-Encoding:\r\n\r\n${chunkedSmuggled}`],
  ['a coding in HTTP/1.0', `POST /attack HTTP/1.0\r\nHost: shop.example\r\nTransfer-Encoding: chunked\r\n\r\n${chunkedSmuggled}`],
] as const)('%s is refused', async ([, bytes], t) => {
  await expectRefused(await startSite(t), bytes);
});

test.for([
  ['CL.0: a body on GET', `GET /attack HTTP/1.1\r\nHost: shop.example\r\nContent-Length: ${smuggled.length}\r\n\r\n${smuggled}`],
  ['CL.0: a body of a length', `${post}Content-Length: ${smuggled.length}\r\n\r\n${smuggled}`],
  ['a body in chunks', `${post}Transfer-Encoding: chunked\r\n\r\n${chunkedSmuggled}`],
  ['a length with leading zeros', `${post}Content-Length: 00${smuggled.length}\r\n\r\n${smuggled}`],
] as const)('%s that looks like a request is one body to the target', async ([, bytes], t) => {
  const { seen } = await attack(await startSite(t), bytes);
  expect(seen.map(({ body }) => body)).toEqual([smuggled]);
});

test('a length in the name of a field that CGI would read as one does not reach the target', async (t) => {
  const { seen } = await attack(await startSite(t), `${post}Content_Length: 5\r\nTransfer_Encoding: chunked\r\nCONTENT_LENGTH: 7\r\n\r\n`);
  expect(seen.map(({ body }) => body)).toEqual(['']);
  expect(seen[0]!.fields.filter((line) => /content|transfer/i.test(line))).toEqual([]);
});

test('what a target is told of a length is what was understood, once', async (t) => {
  const { seen } = await attack(
    await startSite(t),
    `${post}content-length:  5\t\r\nconnection: content-length, transfer-encoding\r\n\r\nhello`,
  );
  expect(valuesOf(seen[0]!, 'content-length')).toEqual(['5']);
  expect(seen[0]!.body).toBe('hello');
});

test('a request behind an honest one is a request of its own: routed, counted and logged', async (t) => {
  const site = await startSite(t);
  const { seen } = await attack(site, `${post}Content-Length: 5\r\n\r\nhello${smuggled}`);
  expect(seen.map(({ line }) => line)).toEqual(['POST /attack', 'GET /smuggled']);
  expect(site.proxy.lines.filter(({ path }) => path === '/smuggled').length).toBe(1);
});
