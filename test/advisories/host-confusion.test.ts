/**
 * Class: Host confusion: two hosts, a Host and an absolute form that disagree, ports, user information, commas, zones, dots and case.
 *
 * The attacker wants the proxy to route by one host and the target, or a cache, to answer for another.
 *
 * Sluice refuses more than one Host and what is no host and port (RFC 9112 section 3.2). There is one authority per request: it is matched
 * (lower case, without port and final dot), and the target gets the same, byte for byte, in Host and in X-Forwarded-Host.
 */
import { expect, test } from 'vitest';
import { attack, expectRefused, startSite, valuesOf } from './support.ts';

test.for([
  ['two hosts', 'GET / HTTP/1.1\r\nHost: shop.example\r\nHost: evil.example\r\n\r\n'],
  ['the same host twice', 'GET / HTTP/1.1\r\nHost: shop.example\r\nHost: shop.example\r\n\r\n'],
  ['no host', 'GET / HTTP/1.1\r\n\r\n'],
  ['an empty host', 'GET / HTTP/1.1\r\nHost:\r\n\r\n'],
  ['an absolute form without Host', 'GET http://shop.example/ HTTP/1.1\r\n\r\n'],
  ['an absolute form with two hosts', 'GET http://shop.example/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n'],
  ['user information in Host', 'GET / HTTP/1.1\r\nHost: shop.example@evil.example\r\n\r\n'],
  ['user information in an absolute form', 'GET http://shop.example@evil.example/ HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['a backslash in an absolute form', 'GET http://shop.example\\@evil.example/ HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['another scheme', 'GET ftp://shop.example/ HTTP/1.1\r\nHost: shop.example\r\n\r\n'],
  ['an absolute form without a host', 'GET http:///x HTTP/1.1\r\nHost: shop.example\r\n\r\n'],
  ['a target that is neither', 'GET shop.example/ HTTP/1.1\r\nHost: shop.example\r\n\r\n'],
  ['an address as target', 'GET @evil.example/ HTTP/1.1\r\nHost: shop.example\r\n\r\n'],
  ['a list of hosts', 'GET / HTTP/1.1\r\nHost: shop.example, evil.example\r\n\r\n'],
  ['a port that is none', 'GET / HTTP/1.1\r\nHost: shop.example:80@evil\r\n\r\n'],
  ['a port with letters', 'GET / HTTP/1.1\r\nHost: shop.example:evil\r\n\r\n'],
  ['a port of six digits', 'GET / HTTP/1.1\r\nHost: shop.example:000080\r\n\r\n'],
  ['two ports', 'GET / HTTP/1.1\r\nHost: shop.example:80:81\r\n\r\n'],
  ['a path', 'GET / HTTP/1.1\r\nHost: shop.example/x\r\n\r\n'],
  ['a query', 'GET / HTTP/1.1\r\nHost: shop.example?x\r\n\r\n'],
  ['a fragment', 'GET / HTTP/1.1\r\nHost: shop.example#x\r\n\r\n'],
  ['white space', 'GET / HTTP/1.1\r\nHost: shop.example evil.example\r\n\r\n'],
  ['a tab', 'GET / HTTP/1.1\r\nHost: shop.example\tevil.example\r\n\r\n'],
  ['a zone', 'GET / HTTP/1.1\r\nHost: [fe80::1%25eth0]\r\n\r\n'],
  ['brackets that are not closed', 'GET / HTTP/1.1\r\nHost: [::1\r\n\r\n'],
  ['IPv6 without brackets', 'GET / HTTP/1.1\r\nHost: ::1\r\n\r\n'],
  ['bytes beyond ASCII', 'GET / HTTP/1.1\r\nHost: sh\xf6p.example\r\n\r\n'],
  ['a host on a folded line', 'GET / HTTP/1.1\r\nX: y\r\n Host: evil.example\r\nHost: shop.example\r\n\r\n'],
  ['a quote', 'GET / HTTP/1.1\r\nHost: "shop.example"\r\n\r\n'],
  ['angle brackets', 'GET / HTTP/1.1\r\nHost: <script>\r\n\r\n'],
  ['a percent sign by itself', 'GET / HTTP/1.1\r\nHost: shop%.example\r\n\r\n'],
  ['a longer name than there are', `GET / HTTP/1.1\r\nHost: ${'a.'.repeat(140)}example\r\n\r\n`],
] as const)('%s is refused', async ([, bytes], t) => {
  await expectRefused(await startSite(t), bytes);
});

/** Only `admin.example` has a route of its own; the catch-all is the victims'. */
const matches = [{ host: { kind: 'exact', value: 'admin.example' }, methods: ['POST'] }, { methods: ['GET'] }] as const;

test.for([
  ['as it is', 'POST /x HTTP/1.1\r\nHost: admin.example', 'admin.example'],
  ['in capitals', 'POST /x HTTP/1.1\r\nHost: ADMIN.Example', 'ADMIN.Example'],
  ["with the root's dot", 'POST /x HTTP/1.1\r\nHost: admin.example.', 'admin.example.'],
  ['with a port', 'POST /x HTTP/1.1\r\nHost: admin.example:8080', 'admin.example:8080'],
  ['with an empty port', 'POST /x HTTP/1.1\r\nHost: admin.example:', 'admin.example:'],
  ['with a dot and a port', 'POST /x HTTP/1.1\r\nHost: admin.example.:80', 'admin.example.:80'],
  ['in an absolute form against another Host', 'POST http://admin.example/x HTTP/1.1\r\nHost: other.example', 'admin.example'],
  ['in an absolute form in capitals', 'POST HTTP://ADMIN.EXAMPLE/x HTTP/1.1\r\nHost: other.example', 'ADMIN.EXAMPLE'],
] as const)('%s a host has its route, and the target is told of no other', async ([, head, authority], t) => {
  const { attacker, seen } = await attack(await startSite(t, { matches }), `${head}\r\nX-Forwarded-Host: evil.example\r\n\r\n`);
  expect(attacker.status).toBe(200);
  expect(seen.map(({ line }) => line)).toEqual(['POST /x']);
  expect(valuesOf(seen[0]!, 'host')).toEqual([authority]);
  expect(valuesOf(seen[0]!, 'x-forwarded-host')).toEqual([authority]);
});

test.for([
  ['a host that only ends with it', 'evil-admin.example'],
  ['a host that only begins with it', 'admin.example.evil'],
  ['two dots', 'admin.example..'],
  ['a percent-encoded letter: names are not decoded', '%61dmin.example'],
  ['a comma, which may stand in a name', 'admin.example,evil'],
] as const)('%s has not its route', async ([, host], t) => {
  const { attacker, seen } = await attack(await startSite(t, { matches }), `POST /x HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  expect(attacker.status).toBe(404);
  expect(seen).toEqual([]);
});

test('Host in an absolute form loses against it everywhere, on a connection that both use in turns', async (t) => {
  const { proxy, target } = await startSite(t);
  const client = await proxy.connect();
  for (let turn = 0; turn < 4; turn++) {
    const absolute = turn % 2 === 1;
    await client.ask(`GET ${absolute ? 'http://b.example' : ''}/${turn} HTTP/1.1\r\nHost: a.example\r\n\r\n`);
    const request = target.seen[turn]!;
    const expected = absolute ? ['b.example'] : ['a.example'];
    expect(request.line).toBe(`GET /${turn}`);
    expect(valuesOf(request, 'host')).toEqual(expected);
    expect(valuesOf(request, 'x-forwarded-host')).toEqual(expected);
  }
});
