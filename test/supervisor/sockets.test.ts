import { createServer } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import type { Listener } from '../../src/core/model.ts';
import { holdSockets } from '../../src/supervisor/sockets.ts';
import { aListener } from '../support/model.ts';

const listenerAt = (name: string, host: string, port = 0): Listener => aListener(name, { address: { host, port } });

/** Somebody else who listens; resolves with the port. */
async function listenOn(host: string, port = 0): Promise<number> {
  const server = createServer().listen(port, host);
  await new Promise((resolve, reject) => server.once('listening', resolve).once('error', reject));
  onTestFinished(() => void server.close());
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

test.each(['127.0.0.1', '0.0.0.0', '::1', '::'])('a socket on %s has its port before anybody listens', (host) => {
  const held = holdSockets([listenerAt('web', host), listenerAt('more', host)]);
  onTestFinished(() => held.close());
  expect(held.listeners.map(({ name, host: at }) => ({ name, at }))).toEqual([
    { name: 'web', at: host },
    { name: 'more', at: host },
  ]);
  expect(new Set(held.listeners.map(({ port }) => port).filter((port) => port > 0)).size).toBe(2);
  expect(new Set(held.descriptors).size).toBe(2);
});

test('where one address is taken, the message names it, and the others are free again', async () => {
  const taken = await listenOn('127.0.0.1');
  const probe = holdSockets([listenerAt('web', '127.0.0.1')]);
  const free = probe.listeners[0]!.port;
  probe.close();
  expect(() => holdSockets([listenerAt('web', '127.0.0.1', free), listenerAt('more', '127.0.0.1', taken)])).toThrow(
    `The proxy cannot listen on 127.0.0.1:${taken}: another program already does.`,
  );
  expect(await listenOn('127.0.0.1', free)).toBe(free);
});
