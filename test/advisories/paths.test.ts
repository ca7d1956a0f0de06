/**
 * Class: path confusion: dot segments, doubled slashes, encoded slashes and dots, backslashes, path parameters, which proxies and targets
 * resolve differently (CVE-2021-41773 in Apache httpd; "cache deception" and `/..;/` against Tomcat behind proxies).
 *
 * The attacker wants a path that passes a public route and that the target reads as an internal one.
 *
 * Sluice forwards the bytes that it got. For matching it resolves what RFC 3986 section 6.2.2 calls equal (encoded unreserved characters, dot
 * segments), so a route for `/admin` sees every spelling of `/admin` that the RFC knows. Spellings that only some targets know (`;`, `\`,
 * `//`, `%2f`) are other paths to it: a route is no substitute for access control at the target. docs/threat-model.md says so.
 */
import { expect, test } from 'vitest';
import { startSite } from './support.ts';

/** POST is only taken below /admin, GET everywhere. */
const matches = [{ path: { kind: 'prefix', value: '/admin' }, methods: ['POST'] }, { methods: ['GET'] }] as const;

async function ask(
  site: Awaited<ReturnType<typeof startSite>>,
  path: string,
): Promise<{ readonly isAdmin: boolean; readonly sent: string }> {
  const client = await site.proxy.connect();
  const { status } = await client.ask(`POST ${path} HTTP/1.1`);
  await client.ask(`GET ${path} HTTP/1.1`);
  client.end();
  return { isAdmin: status === 200, sent: site.target.seen.at(-1)!.line };
}

test.for([
  '/admin',
  '/admin/',
  '/admin/x',
  '/%61dmin',
  '/%61%64%6d%69%6e/x',
  '/public/../admin',
  '/public/%2e%2e/admin',
  '/public/%2E%2e/./admin',
  '/public/.%2e/admin/x?/../y',
  '/../../admin',
  '/./admin/.',
  '/a/b/../../admin/..;/',
  '/admin//x',
  '/admin/..;/public',
  '/admin/%2e%2e%2fpublic',
  '/admin/..\\public',
  '/admin?x=/../public',
])('%s is a path below /admin, and forwarded as it is', async (path, t) => {
  expect(await ask(await startSite(t, { matches }), path)).toEqual({ isAdmin: true, sent: `GET ${path}` });
});

test.for([
  '/administrator',
  '/Admin',
  '/public',
  '/admin/../public',
  '/admin/%2e%2e/public',
  '/admin/x/../../public',
  '/public/..%2fadmin',
  '/public/%2e%2e%2fadmin',
  '/public/..;/admin',
  '/public/..\\admin',
  '/public\\..\\admin',
  '/%2561dmin',
  '/public/%252e%252e/admin',
  '//admin',
  '/;/admin',
  '/admin;x',
  '/admin%00',
  '/admin%2f',
  '/%c0%ae%c0%ae/admin',
  '/?/admin',
])('%s is no path below /admin, and forwarded as it is', async (path, t) => {
  expect(await ask(await startSite(t, { matches }), path)).toEqual({ isAdmin: false, sent: `GET ${path}` });
});

test('an absolute form is matched and forwarded by its path, and by nothing else', async (t) => {
  const site = await startSite(t, { matches });
  expect(await ask(site, 'http://a.example/%61dmin?b')).toEqual({ isAdmin: true, sent: 'GET /%61dmin?b' });
  expect(await ask(site, 'http://a.example?/admin')).toEqual({ isAdmin: false, sent: 'GET /?/admin' });
  expect(await ask(site, 'http://a.example//admin')).toEqual({ isAdmin: false, sent: 'GET //admin' });
});

test('what is no path is refused', async (t) => {
  const site = await startSite(t);
  for (const path of ['admin', '*', '?x', '/a b', '/a#b', '/a\x80', '/a\0', '/a\tb', '']) {
    const client = await site.proxy.connect();
    expect((await client.ask(`GET ${path} HTTP/1.1`)).status).toBe(400);
  }
  expect(site.target.seen).toEqual([]);
});
