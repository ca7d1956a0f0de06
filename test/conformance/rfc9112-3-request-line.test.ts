/** RFC 9112 sections 2.2 and 3: where a request begins, its line, and what it is about. */
import { describe, test } from 'vitest';
import { head, isRefused, play } from './support.ts';

describe('2.2: before a request', () => {
  test.for([
    ['one empty line is ignored', '\r\n'],
    ['two empty lines are ignored', '\r\n\r\n'],
  ] as const)('%s', ([, before], t) =>
    play(t, { sends: `${before}${head('GET / HTTP/1.1', 'Host: a')}`, gets: head('GET / HTTP/1.1', 'host: a') }),
  );

  test.for([
    ['three empty lines are not', '\r\n\r\n\r\n'],
    ['a bare line feed is not an empty line', '\n'],
    ['a bare carriage return is not an empty line', '\r'],
    ['a blank is not ignored', ' '],
    ['a NUL is not ignored', '\0'],
  ] as const)('%s', ([, before], t) => isRefused(t, `${before}${head('GET / HTTP/1.1', 'Host: a')}`, 'malformed_request'));

  test.for([
    ['a bare line feed ends no line of a head', 'GET / HTTP/1.1\nHost: a\n\n'],
    ['nor the first one', 'GET / HTTP/1.1\nHost: a\r\n\r\n'],
    ['nor the last one', 'GET / HTTP/1.1\r\nHost: a\r\n\n'],
    ['nor does a bare carriage return', 'GET / HTTP/1.1\rHost: a\r\n\r\n'],
    ['blanks between the request line and the first field are refused', 'GET / HTTP/1.1\r\n Host: a\r\nHost: b\r\n\r\n'],
    ['a tab there as well', 'GET / HTTP/1.1\r\n\tX: a\r\nHost: b\r\n\r\n'],
    ['a line of blanks there as well', 'GET / HTTP/1.1\r\n \r\nHost: b\r\n\r\n'],
  ] as const)('%s', ([, sends], t) => isRefused(t, sends, 'malformed_request'));
});

describe('3: the request line', () => {
  test.for([
    'GET  / HTTP/1.1',
    'GET /  HTTP/1.1',
    'GET\t/ HTTP/1.1',
    'GET /\tHTTP/1.1',
    ' GET / HTTP/1.1',
    'GET / HTTP/1.1 ',
    'GET /a b HTTP/1.1',
    'GET',
    'GET /',
    'GET  HTTP/1.1',
    '/ HTTP/1.1',
    'G(T / HTTP/1.1',
    'GET / HTTP/1.1\r',
    'GET\0 / HTTP/1.1',
    'GET / HTTP/1.1\0',
    'GET /\x0b HTTP/1.1',
    'GET /\x0c HTTP/1.1',
    'GET\xa0/ HTTP/1.1',
    'GET /\x85 HTTP/1.1',
  ])('has one space between its parts and nothing else: %j is refused', (line, t) =>
    isRefused(t, head(line, 'Host: a'), 'malformed_request'),
  );

  test.for([
    ['http/1.1', 'malformed_request'],
    ['Http/1.1', 'malformed_request'],
    ['HTTP/1.', 'malformed_request'],
    ['HTTP/1.01', 'malformed_request'],
    ['HTTP/01.1', 'malformed_request'],
    ['HTTP/1,1', 'malformed_request'],
    ['HTTP/+1.1', 'malformed_request'],
    ['HTTP /1.1', 'malformed_request'],
    ['HTTPS/1.1', 'malformed_request'],
    ['HTTP/a.b', 'malformed_request'],
    ['ICY/1.1', 'malformed_request'],
    ['HTTP/0.9', 'version_unsupported'],
    ['HTTP/1.2', 'version_unsupported'],
    ['HTTP/2.0', 'version_unsupported'],
    ['HTTP/3.0', 'version_unsupported'],
  ] as const)('2.3: the version is HTTP/1.1 or HTTP/1.0, in capitals: %s is not', ([version, cause], t) =>
    isRefused(t, head(`GET / ${version}`, 'Host: a'), cause),
  );

  test("2.3: the preface of an HTTP/2 connection is a version that isn't spoken here", (t) =>
    isRefused(t, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'version_unsupported'));

  test.for([
    ['one that is never complete', `GET /${'x'.repeat(3000)}`],
    ['one that is complete', head(`GET /${'x'.repeat(3000)} HTTP/1.1`, 'Host: a')],
    ['one without an end to its method', 'X'.repeat(3000)],
  ] as const)('a request line that is too long is answered 414: %s', ([, sends], t) =>
    isRefused(t, sends, 'uri_too_long', { limits: { headBytes: 2000 } }),
  );

  test('recipients should take lines of 8000 octets: so it is passed on', (t) =>
    play(t, {
      sends: head(`GET /${'x'.repeat(8000)} HTTP/1.1`, 'Host: a'),
      gets: head(`GET /${'x'.repeat(8000)} HTTP/1.1`, 'host: a'),
    }));
});

describe('3.2: the request target', () => {
  test.for([
    ['3.2.1: the origin form passes as it is', 'GET /a/../%2e%2E//b?c=d?e&%zz HTTP/1.1', 'GET /a/../%2e%2E//b?c=d?e&%zz HTTP/1.1', 'a'],
    ['3.2.1: also where it begins with two slashes', 'GET //other.example/ HTTP/1.1', 'GET //other.example/ HTTP/1.1', 'a'],
    [
      "3.2.2: the absolute form becomes the origin form, and its authority is Host's",
      'GET http://b:81/c?d HTTP/1.1',
      'GET /c?d HTTP/1.1',
      'b:81',
    ],
    ['3.2.2: its scheme may be in capitals', 'GET HTTP://b/ HTTP/1.1', 'GET / HTTP/1.1', 'b'],
    ['3.2.2: an empty path becomes /', 'GET http://b HTTP/1.1', 'GET / HTTP/1.1', 'b'],
    ['3.2.2: also before a query', 'GET http://b?c HTTP/1.1', 'GET /?c HTTP/1.1', 'b'],
    ['3.2.2: another colon, and an at sign, in the path are the path', 'GET http://b/c:d@e HTTP/1.1', 'GET /c:d@e HTTP/1.1', 'b'],
    ['3.2.2: an address in brackets', 'GET http://[::1]:81/c HTTP/1.1', 'GET /c HTTP/1.1', '[::1]:81'],
    ['3.2.4: OPTIONS * passes as it is', 'OPTIONS * HTTP/1.1', 'OPTIONS * HTTP/1.1', 'a'],
    ['3.2.4: OPTIONS of an authority alone is OPTIONS *', 'OPTIONS http://b:81 HTTP/1.1', 'OPTIONS * HTTP/1.1', 'b:81'],
    ['3.2.4: OPTIONS of a path is that', 'OPTIONS http://b/ HTTP/1.1', 'OPTIONS / HTTP/1.1', 'b'],
  ] as const)('%s', ([, line, passed, host], t) =>
    play(t, { sends: head(line, 'Host: a', 'X: 1'), gets: head(passed, `host: ${host}`, 'X: 1') }),
  );

  test.for([
    ['3.2.3: the authority form belongs to CONNECT', 'GET a:80 HTTP/1.1'],
    ['3.2.3: also without a port', 'GET a HTTP/1.1'],
    ['3.2.4: * belongs to OPTIONS', 'GET * HTTP/1.1'],
    ['3.2.4: and stands alone', 'OPTIONS *a HTTP/1.1'],
    ['3.2.1: a path begins with a slash', 'GET a/b HTTP/1.1'],
    ['3.2.1: not with a backslash', 'GET \\a HTTP/1.1'],
    ['3.2.1: nor with a question mark', 'GET ?a HTTP/1.1'],
    ['3.2: a fragment is never sent', 'GET /a#b HTTP/1.1'],
    ['3.2.2: another scheme is none that is served', 'GET ftp://b/ HTTP/1.1'],
    ['3.2.2: nor is a file', 'GET file:///etc/passwd HTTP/1.1'],
    ['3.2.2: an authority has a host', 'GET http:///a HTTP/1.1'],
    ['3.2.2: also where it has a port', 'GET http://:80/a HTTP/1.1'],
    ['9110-4.2.4: user info is not taken', 'GET http://user@b/ HTTP/1.1'],
    ['9110-4.2.4: with a password even less', 'GET http://b:80@c/ HTTP/1.1'],
    ['3.2.2: an authority ends before a backslash', 'GET http://b\\@c/ HTTP/1.1'],
    ['3.2.2: a port is a number', 'GET http://b:8o/ HTTP/1.1'],
    ['3.2.2: brackets are closed', 'GET http://[::1/ HTTP/1.1'],
    ['3.2.2: a scheme has two slashes', 'GET http:/b/ HTTP/1.1'],
  ] as const)('%s: %s is refused', ([, line], t) => isRefused(t, head(line, 'Host: a'), 'malformed_request'));
});
