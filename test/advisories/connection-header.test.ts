/**
 * Class: abuse of the Connection field: by naming a field there, a client has the proxy take it out (CVE-2022-31813 in Apache httpd, whose
 * X-Forwarded-* fields could be removed so).
 *
 * The attacker wants the target not to see who asks, or not to see what another proxy said of him.
 *
 * Sluice takes listed fields out first and adds its own afterwards. What a request means nothing without (Host, lengths, credentials,
 * cookies) stays whatever is listed. Other end-to-end fields of the client's own are his to remove (RFC 9110 section 7.6.1): a target must not
 * take the absence of a field for a proof of anything.
 */
import { expect, test } from 'vitest';
import { attack, startSite, valuesOf } from './support.ts';

test('a client cannot remove what the proxy says of him', async (t) => {
  const listed = 'close, X-Forwarded-For, X-Forwarded-Host, X-Forwarded-Proto, x_forwarded_for, Via, Host, Forwarded';
  const { seen } = await attack(await startSite(t), `GET / HTTP/1.1\r\nHost: shop.example\r\nConnection: ${listed}\r\n\r\n`);
  expect(valuesOf(seen[0]!, 'x-forwarded-for')).toEqual(['127.0.0.1']);
  expect(valuesOf(seen[0]!, 'x-forwarded-host')).toEqual(['shop.example']);
  expect(valuesOf(seen[0]!, 'x-forwarded-proto')).toEqual(['http']);
  expect(valuesOf(seen[0]!, 'host')).toEqual(['shop.example']);
  expect(valuesOf(seen[0]!, 'via')).toEqual(['1.1 sluice']);
});

test('nor what the request means nothing without', async (t) => {
  const kept = ['Authorization: Basic eDp5', 'Cookie: a=b', 'Content-Length: 5', 'Cache-Control: no-store'];
  const listed = 'Authorization, cookie, CONTENT-LENGTH, cache-control, keep-alive';
  const { seen } = await attack(
    await startSite(t),
    `POST / HTTP/1.1\r\nHost: shop.example\r\nConnection: ${listed}\r\n${kept.join('\r\n')}\r\n\r\nhello`,
  );
  expect(seen[0]!.fields).toEqual(expect.arrayContaining(kept));
  expect(seen[0]!.body).toBe('hello');
});

test('what he may remove is removed in every line and case, before routes look at it', async (t) => {
  const matches = [{ headers: [{ name: 'x-beta', value: '1' }], methods: ['POST'] }, { methods: ['GET'] }];
  const site = await startSite(t, { matches });
  const { attacker } = await attack(site, 'POST / HTTP/1.1\r\nHost: shop.example\r\nX-Beta: 1\r\nConnection: x-BETA\r\n\r\n');
  expect(attacker.status).toBe(404);
  const { seen } = await attack(
    site,
    'GET / HTTP/1.1\r\nHost: a\r\nx-a: 1\r\nConnection: X-A\r\nX-A: 2\r\nConnection: ,x-b\t,\r\nX-B: 3\r\n\r\n',
  );
  expect(seen[0]!.fields.filter((line) => /^x-[ab]:/i.test(line))).toEqual([]);
});

test('a target cannot remove or forge what the proxy says of an answer', async (t) => {
  const site = await startSite(t, { debugHeaders: true });
  const client = await site.proxy.connect();
  const answer = await client.ask(
    'GET / HTTP/1.1\r\nHost: a\r\nConnection: x-sluice-pool, x-sluice-revision, via\r\nX-Sluice-Pool: evil\r\n\r\n',
  );
  expect(answer.field('x-sluice-pool')).toBe('blue');
  expect(answer.field('x-sluice-revision')).toBe('1');
  expect(answer.field('via')).toBe('1.1 sluice');
});
