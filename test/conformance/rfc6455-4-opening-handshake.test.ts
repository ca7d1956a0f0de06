/** RFC 6455 section 4 and RFC 9110 section 7.8: the opening handshake of a WebSocket, and of other protocols. */
import { expect, test } from 'vitest';
import { get, head, ok, smuggled, sees, seenByTarget, startPair } from './support.ts';

const fields = [
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Protocol: a, b',
  'Origin: http://a',
];
const handshake = get('Connection: keep-alive, Upgrade', 'Upgrade: websocket', ...fields);
const switching = (protocol: string): string => head('HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', `Upgrade: ${protocol}`);

test('4.1: what it consists of reaches the target, and everything behind the 101 goes both ways', async (t) => {
  const { client, target } = await startPair(t);
  client.send(handshake);
  const peer = await target.peer(0);
  const sent = await peer.contains('\r\n\r\n');
  expect(sent).toMatch(/^connection: Upgrade\r$/im);
  expect(sent).toMatch(/^upgrade: websocket\r$/im);
  for (const line of fields) expect(sent.toLowerCase()).toContain(`\r\n${line.toLowerCase()}\r\n`);
  peer.send(`${switching('websocket')}\x81\x02hi`);
  const heard = await client.contains('hi');
  expect(heard).toMatch(/^HTTP\/1\.1 101 /);
  client.send('\x81\x82\0\0\0\0ho');
  await peer.contains('ho');
});

test.for(['426 Upgrade Required', '200 OK'])(
  '4.2.2: answered %s, it is over: nothing that came behind it reaches the target',
  async (status, t) => {
    const { client, target } = await startPair(t);
    client.send(handshake + smuggled);
    const peer = await target.peer(0);
    await peer.contains('\r\n\r\n');
    peer.send(head(`HTTP/1.1 ${status}`, 'Sec-WebSocket-Version: 13', 'Content-Length: 0'));
    expect(await client.ended).toBe('fin');
    expect(client.text).toContain(`HTTP/1.1 ${status}\r\n`);
    await peer.ended;
    expect(peer.text).not.toContain('smuggled');
  },
);

test.for(['h2c', 'echo', 'websocket, echo', 'websocketx'])(
  '9110-7.8: a switch to %j, which nobody asked for, is answered 502',
  async (protocol, t) => {
    const { client, target } = await startPair(t);
    client.send(handshake);
    const peer = await target.peer(0);
    await peer.contains('\r\n\r\n');
    peer.send(`${switching(protocol)}secret`);
    expect((await client.answer()).field('proxy-status')).toContain('details="upgrade_failed"');
    expect(await client.ended).toBe('fin');
    await peer.ended;
    expect(client.text).not.toContain('secret');
  },
);

test('a switch that the client did not ask for in a way that counts is not passed on', async (t) => {
  const { client, target } = await startPair(t);
  client.send(get('Upgrade: websocket', ...fields));
  const peer = await target.peer(0);
  await peer.contains('\r\n\r\n');
  expect(seenByTarget(peer)).not.toMatch(/^upgrade/im);
  peer.send(switching('websocket'));
  expect((await client.answer()).status).toBe(502);
  await peer.ended;
  client.send(get());
  const next = await target.peer(1);
  await next.contains('\r\n\r\n');
  next.send(ok);
  expect((await client.answer()).body).toBe('ok');
});

test('of several protocols the target may choose any', async (t) => {
  const { client, target } = await startPair(t);
  client.send(get('Connection: Upgrade', 'Upgrade: first/1, SECOND'));
  const peer = await target.peer(0);
  await peer.contains('\r\n\r\n');
  peer.send(`${switching('second')}hello`);
  await sees(({ text }) => text.slice(-5), client, 'hello');
  expect(client.text).toMatch(/^HTTP\/1\.1 101 /);
});
