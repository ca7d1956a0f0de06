import { describe, expect, test } from 'vitest';
import { Http1ResponseHead } from '../../../proxy/http1/response-head.ts';
import { Framing } from '../../../proxy/message.ts';
import { fieldList, limits, parseAnswerText } from './reading.ts';

function parse(lines: readonly string[], toHead = false): { fault: string; head: Http1ResponseHead } {
  const head = new Http1ResponseHead();
  return { fault: parseAnswerText(head, `${lines.join('\r\n')}\r\n`, toHead), head };
}

const faultOf = (...lines: string[]): string => parse(lines).fault;

function accepted(...lines: string[]): Http1ResponseHead {
  const { fault, head } = parse(lines);
  expect(fault).toBe('');
  return head;
}

describe('RFC 9112 section 4: status line', () => {
  test.each([
    ['HTTP/1.1 200 OK', 200, 'OK'],
    ['HTTP/1.0 404 Not Found', 404, 'Not Found'],
    ['HTTP/1.1 200 ', 200, ''],
    // Many servers leave the reason out, and some the space before it.
    ['HTTP/1.1 200', 200, ''],
    ['HTTP/1.1 200  OK ', 200, ' OK '],
    ['HTTP/1.1 200 \x80\xff\t', 200, '\x80\xff\t'],
    ['HTTP/1.1 103 Early Hints', 103, 'Early Hints'],
    // RFC 9110 section 15: an unknown status is passed on; the client decides.
    ['HTTP/1.1 599 x', 599, 'x'],
    ['HTTP/1.1 999 x', 999, 'x'],
  ])('%j is %j %j', (line, status, reason) => {
    expect(accepted(line)).toMatchObject({ status, reason });
  });

  // oxfmt-ignore
  test.each([
    '', 'HTTP/1.1', 'HTTP/1.1 ', 'HTTP/1.1 20', 'HTTP/1.1 2000', 'HTTP/1.1 099 x', 'HTTP/1.1 000 x', 'HTTP/1.1 20a x', 'HTTP/1.1 +20 x',
    'HTTP/1.1  200 OK', 'HTTP/1.1\t200 OK', 'HTTP/1.1 200\tOK', 'HTTP/1.1 200OK', ' HTTP/1.1 200 OK', 'HTTP/1.1 2 0 OK', 'HTTP/1.1 2e1 OK',
    'http/1.1 200 OK', 'HTTP/1.2 200 OK', 'HTTP/2.0 200 OK', 'HTTP/0.9 200 OK', 'HTTP/1.10 200 OK', 'ICY 200 OK', 'RTSP/1.0 200 OK',
    'HTTP/1.1 200 a\0', 'HTTP/1.1 200 a\rb', 'HTTP/1.1 200 a\nb', 'HTTP/1.1 200 \x7f', 'HTTP/1.1 200 OK\r', 'HTTP/1.1 200\r',
    '\r\nHTTP/1.1 200 OK',
  ])('%j is refused', (line) => {
    expect(faultOf(line)).toBe('malformed_response');
    expect(faultOf(line, 'Content-Length: 0')).toBe('malformed_response');
  });
});

describe('RFC 9112 section 5: fields', () => {
  // oxfmt-ignore
  test.each([
    'Name : v', ' Name: v', ': v', 'Name', 'Na me: v', 'Name: a\rb', 'Name: a\nb', 'Name: a\0', 'X: a\r\n b', 'X:\r\n\tb', 'Name: v\r',
  ])('%j is refused: it could split the answer', (line) => {
    expect(faultOf('HTTP/1.1 200 OK', line)).toBe('malformed_response');
  });

  test('more than the limit are too many', () => {
    const fields = Array.from({ length: limits.fields }, () => 'a: b');
    expect(faultOf('HTTP/1.1 200 OK', ...fields)).toBe('');
    expect(faultOf('HTTP/1.1 200 OK', ...fields, 'a: b')).toBe('response_head_too_large');
  });

  test('what is between the target and us ends here', () => {
    const own = ['Connection: x-a', 'Keep-Alive: timeout=5', 'Proxy-Connection: x', 'TE: x', 'Upgrade: h2c', 'X-Sluice-Pool: b', 'X-A: 1'];
    const kept = ['Content-Length: 0', 'Date: x', 'Set-Cookie: a', 'Set-Cookie: b', 'Host: x', 'X-Forwarded-For: y'];
    const head = accepted('HTTP/1.1 200 OK', ...own, ...kept);
    expect(fieldList(head.fields)).toEqual(kept);
    expect(head).toMatchObject({ hasDate: true, keepAliveSeconds: 5 });
  });

  test.each([
    ['timeout=5', 5],
    ['max=100, timeout=15', 15],
    ['Timeout = "7"', 7],
    ['timeout=0', 0],
    ['max=5', -1],
    ['xtimeout=5', -1],
    ['timeout=-1', -1],
    ['', -1],
  ])('Keep-Alive: %j says %j seconds', (value, seconds) => {
    expect(accepted('HTTP/1.1 200 OK', `Keep-Alive: ${value}`).keepAliveSeconds).toBe(seconds);
  });
});

describe('RFC 9112 section 6.3: how long the body is', () => {
  const none = { framing: Framing.none, untilClose: false };
  const untilClose = { framing: Framing.stream, untilClose: true, persistent: false };
  const chunked = { framing: Framing.stream, untilClose: false, persistent: true };
  const fiveBytes = { framing: Framing.length, contentLength: 5, untilClose: false, persistent: true };

  test.each<[string, string[], object]>([
    ['200', [], untilClose],
    ['200', ['Content-Length: 0'], { ...none, persistent: true }],
    ['200', ['Content-Length: 5'], fiveBytes],
    ['200', ['Transfer-Encoding: Chunked'], chunked],
    ['205', [], untilClose],
    ['404', ['Content-Length: 5'], fiveBytes],
    ['100', [], none],
    ['103', ['Content-Length: 5'], none],
    ['103', ['Transfer-Encoding: chunked'], none],
    ['204', [], { ...none, persistent: true }],
    ['204', ['Content-Length: 5'], { ...none, persistent: true }],
    ['204', ['Transfer-Encoding: chunked'], { ...none, persistent: true }],
    ['304', [], { ...none, persistent: true }],
    ['304', ['Content-Length: 5'], { ...none, persistent: true, fields: 'Content-Length: 5\r\n' }],
    ['304', ['Transfer-Encoding: chunked'], { ...none, persistent: true }],
  ])('a %s with %j', (status, lines, expected) => {
    expect(accepted(`HTTP/1.1 ${status} x`, ...lines)).toMatchObject(expected);
  });

  test.each([[[]], [['Content-Length: 5']], [['Transfer-Encoding: chunked']]])('an answer to HEAD with %j has none', (lines) => {
    const { fault, head } = parse(['HTTP/1.1 200 OK', ...lines], true);
    expect(fault).toBe('');
    expect(head).toMatchObject({ ...none, persistent: true });
    expect(head.fields).toBe(lines.includes('Content-Length: 5') ? 'Content-Length: 5\r\n' : '');
  });

  test.each(['103', '204'])('RFC 9110 section 8.6: a %s says no length', (status) => {
    expect(accepted(`HTTP/1.1 ${status} x`, 'A: 1', 'CONTENT-length: 5', 'B: content-length: 6').fields).toBe(
      'A: 1\r\nB: content-length: 6\r\n',
    );
  });

  test.each([
    [['Content-Length: 5', 'Content-Length: 5']],
    [['Content-Length: 5, 5']],
    [['Content-Length:']],
    [['Content-Length: -1']],
    [['Content-Length: 18446744073709551621']],
    [['Content-Length: 5', 'Transfer-Encoding: chunked']],
    [['Transfer-Encoding: chunked', 'Content-Length: 5']],
    [['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked']],
    [['Transfer-Encoding: gzip']],
    [['Transfer-Encoding: identity']],
    [['Transfer-Encoding: chunked, gzip']],
    [['Transfer-Encoding: chunked\t']],
    [['Transfer-Encoding:']],
  ])('%j is refused', (lines) => {
    expect(faultOf('HTTP/1.1 200 OK', ...lines)).toBe('malformed_response');
    // Where there is no body these mean nothing, but a target that says them is not to be trusted either.
    expect(parse(['HTTP/1.1 204 x', ...lines], true).fault).toBe('malformed_response');
  });

  test('another coding before the chunks is not known', () => {
    expect(faultOf('HTTP/1.1 200 OK', 'Transfer-Encoding: gzip, chunked')).toBe('response_coding_unknown');
  });

  test('HTTP/1.0 has no transfer codings', () => {
    expect(faultOf('HTTP/1.0 200 OK', 'Transfer-Encoding: chunked')).toBe('malformed_response');
  });
});

describe('RFC 9112 section 9.3: whether the connection is used again', () => {
  test.each<[string, string[], boolean]>([
    ['HTTP/1.1 200 OK', [], true],
    ['HTTP/1.1 200 OK', ['Connection: close'], false],
    ['HTTP/1.1 200 OK', ['Connection: x', 'connection: keep-alive, CLOSE'], false],
    ['HTTP/1.1 200 OK', ['Connection: close\xa0'], true],
    ['HTTP/1.1 200 OK', ['Proxy-Connection: close'], true],
    ['HTTP/1.0 200 OK', [], false],
    ['HTTP/1.0 200 OK', ['Connection: keep-alive'], true],
    ['HTTP/1.0 200 OK', ['Connection: keep-alive, close'], false],
  ])('%j with %j: %j', (line, lines, persistent) => {
    expect(accepted(line, 'Content-Length: 1', ...lines).persistent).toBe(persistent);
  });

  test('an interim answer that says it is the last contradicts itself (RFC 9110 section 15.2)', () => {
    expect(faultOf('HTTP/1.1 103 x', 'Connection: close')).toBe('malformed_response');
    expect(faultOf('HTTP/1.0 100 Continue')).toBe('malformed_response');
    expect(faultOf('HTTP/1.1 101 x', 'Connection: upgrade', 'Upgrade: websocket')).toBe('');
  });
});
