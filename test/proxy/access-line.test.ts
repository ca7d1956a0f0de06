import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { type AccessLine, formatAccessLine } from '../../proxy/access-line.ts';

const line: AccessLine = {
  client: '192.0.2.1',
  method: 'GET',
  host: 'shop.example',
  target: '/cart?token=secret',
  status: 200,
  bytes: 120,
  bytesReceived: 70,
  durationMs: 1.23456,
  service: 'shop',
  pool: 'blue',
  targetId: 'b1',
  revision: 7,
  decision: 'split',
  cause: '',
  rescued: '',
  rescuedBy: '',
  requestId: '7f',
  traceId: '7f',
};

test('a line is JSON, tells everything, and leaves the query out', () => {
  expect(JSON.parse(formatAccessLine(line, '2026-01-02T03:04:05.678Z'))).toEqual({
    time: '2026-01-02T03:04:05.678Z',
    client: '192.0.2.1',
    method: 'GET',
    host: 'shop.example',
    path: '/cart',
    status: 200,
    bytes: 120,
    ms: 1.235,
    service: 'shop',
    pool: 'blue',
    target: 'b1',
    revision: 7,
    decision: 'split',
    cause: '',
    requestId: '7f',
  });
});

test('of a connection that was upgraded it tells the bytes of both directions', () => {
  expect(JSON.parse(formatAccessLine({ ...line, status: 101 }, 'now'))).toMatchObject({ bytes: 120, received: 70 });
});

test('a trace that is called like its request is not named twice, and nothing is named that has no name', () => {
  const namesIn = (changes: Partial<AccessLine>) => {
    const { requestId, traceId } = JSON.parse(formatAccessLine({ ...line, ...changes }, 'now')) as Partial<AccessLine>;
    return { requestId, traceId };
  };
  expect(namesIn({})).toEqual({ requestId: '7f' });
  expect(namesIn({ traceId: '8a' })).toEqual({ requestId: '7f', traceId: '8a' });
  expect(namesIn({ traceId: '' })).toEqual({ requestId: '7f' });
  expect(namesIn({ requestId: '', traceId: '' })).toEqual({});
});

test.each(['a"b', 'a\\b', 'a\nb', 'a\u007fb', 'grün'])('what a client sends cannot break a line: %j', (host) => {
  const text = formatAccessLine({ ...line, host }, 'now');
  expect(text).not.toMatch(/[\n\r]/);
  expect((JSON.parse(text) as { host: string }).host).toBe(host);
});

test('docs/access-log.md names every field, in the order of the line', () => {
  const page = readFileSync(new URL('../../docs/access-log.md', import.meta.url), 'utf8');
  const documented = [...page.matchAll(/^\| (`.*?`) \|/gm)].flatMap(([, names]) =>
    [...names!.matchAll(/`(\w+)`/g)].map(([, name]) => name),
  );
  expect(documented).toEqual(
    Object.keys(JSON.parse(formatAccessLine({ ...line, status: 101, traceId: 'z', rescued: 'x', rescuedBy: 'y' }, 'now')) as object),
  );
});
