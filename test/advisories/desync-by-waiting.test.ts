/**
 * Class: desynchronisation by waiting: `Expect: 100-continue` and early answers, where one side believes that a body still comes and the other
 * that it does not (the Expect-based attacks published in 2025; CVE-2022-42252-like mix-ups of bodies and requests).
 *
 * The attacker wants the body that he never sent, or sent late, to be read as a request, or somebody's request to be read as his body.
 *
 * Sluice takes `100-continue` in this one spelling or refuses it. A client that was answered without having been told to go on is told
 * `Connection: close`, and nothing of what follows is read as a request. A target that has answered early never gets another request on that
 * connection.
 */
import { expect, test } from 'vitest';
import { startProxy } from '../support/data-plane.ts';
import { startRawTarget } from '../support/target.ts';
import { expectRefused, startSite } from './support.ts';

const expecting = 'POST /attack HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 60\r\nExpect: 100-continue\r\n\r\n';
const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: shop.example\r\n\r\n';

test.for([
  'y 100-continue',
  '100-continue, 100-continue',
  '100-continue\r\nExpect: 100-continue',
  '100-continue;x',
  '100-continu',
  'x',
  '200-ok',
])('Expect: %s is refused', async (expectation, t) => {
  const head = `POST /attack HTTP/1.1\r\nHost: shop.example\r\nContent-Length: ${smuggled.length}\r\nExpect: ${expectation}\r\n\r\n`;
  await expectRefused(await startSite(t), head + smuggled, 417);
});

test('an answer without leave to go on is the last on both connections; what follows is no request', async (t) => {
  const target = await startRawTarget(t, (peer, index) => {
    peer.socket.on('data', () => peer.send(`HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n${index}`));
  });
  const proxy = await startProxy(t, { pools: { blue: [target] } });
  const attacker = await proxy.connect();
  const answer = await attacker.ask(expecting);
  expect(answer.field('connection')).toBe('close');
  attacker.send(smuggled + smuggled);
  await attacker.ended;
  expect(attacker.text.split('HTTP/1.1 ').length).toBe(2);
  const first = await target.peer(0);
  await first.ended;
  expect(first.text).not.toContain('smuggled');
  expect((await (await proxy.connect()).ask('GET /victim HTTP/1.1')).body).toBe('1');
  expect(proxy.lines.map(({ path }) => path)).toEqual(['/attack', '/victim']);
});

test('an early answer to an upload, then its rest: the rest is no request, and reaches nobody', async (t) => {
  const target = await startRawTarget(t, (peer, index) => {
    peer.socket.once('data', () => peer.send(`HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n${index}`));
  });
  const proxy = await startProxy(t, { pools: { blue: [target] } });
  const attacker = await proxy.connect();
  attacker.send(`POST /attack HTTP/1.1\r\nHost: shop.example\r\nContent-Length: ${smuggled.length}\r\n\r\n`);
  expect((await attacker.answer()).body).toBe('0');
  attacker.send(`${smuggled}GET /next HTTP/1.1\r\nHost: shop.example\r\n\r\n`);
  expect((await attacker.answer()).body).toBe('1');
  expect((await target.peer(0)).text).not.toContain('smuggled');
  expect((await target.peer(1)).text).toMatch(/^GET \/next /);
  expect(proxy.lines.map(({ path }) => path)).toEqual(['/attack', '/next']);
});

test('leave that comes too late, behind the answer, ends the connection to the target', async (t) => {
  const target = await startRawTarget(t, (peer, index) => {
    const late = index === 0 ? 'HTTP/1.1 100 Continue\r\n\r\n' : '';
    peer.socket.on('data', () => peer.send(`HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n${index}${late}`));
  });
  const proxy = await startProxy(t, { pools: { blue: [target] } });
  const client = await proxy.connect();
  expect((await client.ask('GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n')).body).toBe('0');
  expect((await client.ask('GET /victim HTTP/1.1')).body).toBe('1');
});

test('HEAD that was told to go on has no body all the same', async (t) => {
  const target = await startRawTarget(t, (peer) => {
    peer.socket.on('data', (bytes: Buffer) => {
      const text = bytes.toString('latin1');
      if (text.startsWith('HEAD')) peer.send('HTTP/1.1 100 Continue\r\n\r\n');
      else peer.send(`HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n${text === 'hello' ? '' : 'other'}`);
    });
  });
  const proxy = await startProxy(t, { pools: { blue: [target] } });
  const client = await proxy.connect();
  client.send('HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n');
  expect((await client.answer('HEAD')).status).toBe(100);
  client.send('hello');
  expect((await client.answer('HEAD')).status).toBe(200);
  expect((await client.ask('GET /victim HTTP/1.1')).body).toBe('other');
  expect(target.accepted).toBe(1);
});
