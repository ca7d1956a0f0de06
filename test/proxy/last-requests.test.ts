import { expect, test } from 'vitest';
import { startProxy } from '../support/data-plane.ts';
import { startTarget } from '../support/target.ts';

const upload = (version: string, lines: string) => `POST / HTTP/${version}\r\nHost: a\r\n${lines}Content-Length: 3000000\r\n\r\n`;

/** What nginx, urllib and ab send is 1.0, or asks for the end of the connection. */
test.for([
  ['is too large', upload('1.1', 'Connection: close\r\n'), 413],
  ['is too large, in HTTP/1.0', upload('1.0', ''), 413],
  ['wants what nobody does', upload('1.1', 'Connection: close\r\nExpect: miracles\r\n'), 417],
  ['is not HTTP', 'POST /a HTTP/1.1\r\nConnection: close\r\nContent-Length: 3000000\r\n\r\n', 400],
] as const)('a last request that %s is refused so that its body may still come', async ([, head, status], t) => {
  const target = await startTarget(t, (_incoming, outgoing) => outgoing.end());
  const proxy = await startProxy(t, { pools: { blue: [target] }, limits: { bodyBytes: 10 } });
  const client = await proxy.connect();
  client.socket.allowHalfOpen = true;
  client.send(head);
  expect((await client.answer()).status).toBe(status);
  // It stays to hear the rest: what comes to a closed connection resets it, and could take the answer with it.
  expect(proxy.report().connections).toBe(1);
  client.end();
});

test('a last request with a body may be followed by an empty line, as old clients do', async (t) => {
  const target = await startTarget(t, (incoming, outgoing) => incoming.resume().on('end', () => outgoing.end('thanks')));
  const proxy = await startProxy(t, { pools: { blue: [target] } });
  const client = await proxy.connect();
  client.socket.allowHalfOpen = true;
  client.send('POST / HTTP/1.0\r\nHost: a\r\nContent-Length: 2\r\n\r\nab');
  expect((await client.answer()).body).toBe('thanks');
  expect(proxy.report().connections).toBe(1);
  client.end();
});

test('a last request without a body is answered, and its connection is closed at once', async (t) => {
  const target = await startTarget(t, (_incoming, outgoing) => outgoing.end('bye'));
  const proxy = await startProxy(t, { pools: { blue: [target] } });
  const client = await proxy.connect();
  client.socket.allowHalfOpen = true;
  client.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  expect((await client.answer()).body).toBe('bye');
  expect(await client.ended).toBe('fin');
  // Nobody waits for the client's own end.
  expect(proxy.report().connections).toBe(0);
});
