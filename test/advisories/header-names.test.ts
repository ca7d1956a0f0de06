/**
 * Class: field names that are read differently: a space, NUL or control character in or behind a name, names with `_` that CGI, WSGI, PHP
 * and Rack read as `-`, bytes beyond ASCII that fold to letters.
 *
 * The attacker wants a field to pass the proxy as an unknown one and to arrive as one that the target trusts.
 *
 * Sluice refuses names that are no tokens (RFC 9110 section 5.1). Names with `_` are legal and pass, but for those that would read as a field
 * that is ours or about framing: these are taken out, and mean nothing to the proxy either.
 */
import { expect, test } from 'vitest';
import { attack, expectRefused, startSite } from './support.ts';

const get = 'GET /attack HTTP/1.1\r\nHost: shop.example\r\n';

test.for([
  ['a space before the colon', 'X-Forwarded-For : 1.2.3.4'],
  ['a space in the name', 'X-Forwarded For: 1.2.3.4'],
  ['a space before the name', ' X-Forwarded-For: 1.2.3.4'],
  ['a tab before the colon', 'X-Forwarded-For\t: 1.2.3.4'],
  ['NUL in the name', 'X-Forwarded\0-For: 1.2.3.4'],
  ['NUL in the value', 'X-A: 1\0'],
  ['no name', ': 1.2.3.4'],
  ['no colon', 'X-Forwarded-For'],
  ['a name beyond ASCII', 'X-Forwarded-\xc5\xbf: 1.2.3.4'],
  ['a soft hyphen', 'X-Forwarded\xadFor: 1.2.3.4'],
  ['brackets', '(X-Forwarded-For): 1.2.3.4'],
  ['DEL in the value', 'X-A: \x7f'],
  ['a vertical tab behind the name', 'X-Forwarded-For\x0b: 1'],
  ['a carriage return in the value', 'X-A: 1\rX-Forwarded-For: 1.2.3.4'],
  ['a line feed in the value', 'X-A: 1\nX-Forwarded-For: 1.2.3.4'],
] as const)('%s is refused', async ([, line], t) => {
  await expectRefused(await startSite(t), `${get}${line}\r\n\r\n`);
});

test.for([
  'X_Forwarded_For: 1.2.3.4',
  'X-Forwarded_For: 1.2.3.4',
  'x_forwarded_host: evil',
  'X_FORWARDED_PROTO: https',
  'Forwarded: for=1.2.3.4',
  'X_Sluice_Pool: green',
  'X-Sluice_Mirror: 1',
  'x-sluice-anything: 1',
  'Content_Length: 7',
  'Transfer_Encoding: chunked',
  'Http2_Settings: AAMAAABkAAQAAP__',
  'Proxy_Connection: close',
] as const)('%s does not reach the target in any spelling, and changes nothing here', async (line, t) => {
  const { attacker, seen } = await attack(await startSite(t), `${get}${line}\r\n\r\n`);
  expect(attacker.status).toBe(200);
  const [name, value] = line.split(': ') as [string, string];
  const arrived = seen[0]!.fields.filter((field) => cgiName(field.slice(0, field.indexOf(':'))) === cgiName(name));
  expect(arrived.filter((field) => field.endsWith(`: ${value}`))).toEqual([]);
});

test('other names with an underscore pass as they are', async (t) => {
  const { seen } = await attack(await startSite(t), `${get}X_Tenant: 7\r\nX-Tenant: 8\r\n\r\n`);
  expect(seen[0]!.fields).toEqual(expect.arrayContaining(['X_Tenant: 7', 'X-Tenant: 8']));
});

test('a field that only looks like one of a route does not choose that route', async (t) => {
  const site = await startSite(t, {
    matches: [{ headers: [{ name: 'x-beta', value: '1' }] }, { path: { kind: 'prefix', value: '/victim' } }],
  });
  for (const line of ['x_beta: 1', 'xx-beta: 1', 'x-beta: 1, 1']) {
    const refused = await (await site.proxy.connect()).ask(`${get}${line}\r\n\r\n`);
    expect(refused.status).toBe(404);
  }
});

/** How CGI names the variable of a field (RFC 3875 section 4.1.18). */
function cgiName(name: string): string {
  return name.toUpperCase().replaceAll('-', '_');
}
