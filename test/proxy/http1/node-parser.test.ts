import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { expect, test } from 'vitest';
import { nodeReadsRequests } from './node-parser.ts';
import { bytes } from './reading.ts';

/** The differential tests ask Node's parser directly; this shows that they ask what a real server would be asked. */
test.each([
  'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
  'QUERY /a?b HTTP/1.1\r\nHost: a\r\n\r\nM-SEARCH * HTTP/1.1\r\nHost: a\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET /2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\nx: y\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3 \r\nabc\r\n0\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n',
  'GET / HTTP/1.1\r\nHost : a\r\n\r\n',
  'GET / HTTP/1.1\nHost: a\n\n',
  'GET / HTTP/1.0\r\n\r\nGET / HTTP/1.0\r\n\r\n',
  'GET / HTTP/3.0\r\nHost: a\r\n\r\n',
])('Node reads %j the same with and without a server around it', async (text) => {
  const starts: string[] = [];
  let rejected = '';
  const server = createServer((request, response) => {
    starts.push(`${request.method} ${request.url}`);
    request.resume();
    request.on('end', () => response.end());
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    rejected = `rejected: ${error.code}`;
    socket.destroy();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  client.on('error', () => {});
  client.resume();
  client.end(bytes(text));
  await once(client, 'close');
  server.close();

  const reading = nodeReadsRequests(bytes(text));
  expect(starts).toEqual(reading.messages.map(({ start }) => start));
  expect(rejected).toBe(reading.end.startsWith('rejected') ? reading.end : '');
});
