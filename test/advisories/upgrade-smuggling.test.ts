/**
 * Class: smuggling by upgrade: `Upgrade: h2c` opens a tunnel through which requests pass every route and rule; a WebSocket handshake that
 * the target refuses leaves a proxy that believes in the tunnel passing requests blindly.
 *
 * The attacker wants a connection to the target that the proxy no longer looks at.
 *
 * Sluice never passes h2c on (the request goes on without it), passes an upgrade only for GET without a body, and opens the tunnel only when
 * the target has answered 101. Nothing that the client sent behind the handshake leaves before.
 */
import { expect, test } from 'vitest';
import { startProxy } from '../support/data-plane.ts';
import { startRawTarget } from '../support/target.ts';
import { attack, startSite } from './support.ts';

const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: shop.example\r\n\r\n';
const webSocket =
  'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';

test.for([
  ['h2c', 'GET', 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n'],
  ['H2C without settings', 'GET', 'Connection: upgrade\r\nUpgrade: H2C\r\n'],
  ['h2c in a list', 'GET', 'Connection: upgrade\r\nUpgrade: websocket, h2c\r\n'],
  ['h2c on a second line', 'GET', 'Connection: upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c\r\n'],
  ['h2c with a version', 'GET', 'Connection: upgrade\r\nUpgrade: h2c/2.0\r\n'],
  ['an Upgrade that Connection does not list', 'GET', 'Upgrade: websocket\r\n'],
  ['an upgrade by POST', 'POST', webSocket],
] as const)('%s is passed on as a request like any other', async ([, method, lines], t) => {
  const { seen } = await attack(await startSite(t), `${method} /attack HTTP/1.1\r\nHost: shop.example\r\n${lines}\r\n`);
  expect(seen.map(({ line }) => line)).toEqual([`${method} /attack`]);
  expect(seen[0]!.fields.filter((line) => /^(upgrade|http2-settings|connection):/i.test(line))).toEqual([]);
});

test('h2c with a body: what stands in the body stays a body', async (t) => {
  const lines = `Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: ${smuggled.length}\r\n`;
  const { seen } = await attack(await startSite(t), `GET /attack HTTP/1.1\r\nHost: shop.example\r\n${lines}\r\n${smuggled}`);
  expect(seen.map(({ body }) => body)).toEqual([smuggled]);
});

const refusals = [
  'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
  'HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\nSec-WebSocket-Version: 13\r\n\r\n',
  'HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n',
];

test('a WebSocket that is refused is no tunnel: what the client sent behind it goes nowhere', async (t) => {
  const target = await startRawTarget(t, (peer, index) => peer.socket.once('data', () => peer.send(refusals[index]!)));
  const proxy = await startProxy(t, { pools: { blue: [target] } });
  const attackers = await Promise.all(refusals.map(() => proxy.connect()));
  for (const attacker of attackers) attacker.send(`GET /attack HTTP/1.1\r\nHost: shop.example\r\n${webSocket}\r\n${smuggled}`);
  for (const [index, attacker] of attackers.entries()) {
    await attacker.ended;
    attacker.end();
    expect(attacker.text).toContain('connection: close');
    const peer = await target.peer(index);
    await peer.ended;
    expect(peer.text).not.toContain('smuggled');
  }
  await proxy.checkBooks();
  expect(proxy.lines.map(({ path }) => path)).toEqual(['/attack', '/attack', '/attack']);
});

test('what stands behind the handshake waits for 101, and the path is the one that was routed', async (t) => {
  const target = await startRawTarget(t);
  const proxy = await startProxy(t, { pools: { blue: [target] } });
  const client = await proxy.connect();
  client.send(`GET /a/../b/..;/c HTTP/1.1\r\nHost: shop.example\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n${smuggled}`);
  const peer = await target.peer(0);
  await peer.contains('\r\n\r\n');
  expect(peer.text).toMatch(/^GET \/a\/\.\.\/b\/\.\.;\/c HTTP\/1\.1\r\n/);
  expect(peer.text).not.toContain('smuggled');
  peer.send('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n');
  await peer.contains(smuggled);
  client.end();
  peer.end();
});
