import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { expect, test } from 'vitest';
import { createAuthority } from '../support/certificates.ts';
import { eventually, startSluice, temporaryDirectory } from '../support/process.ts';
import { Peer } from '../support/raw-client.ts';
import { startApp } from './app.ts';

test('a certificate that is renewed on the disk is served soon, by both workers, and cuts nobody', async (t) => {
  const authority = createAuthority();
  const folder = temporaryDirectory(t);
  const write = (commonName: string): void => {
    const { cert, key } = authority.issue({ names: ['shop.example'], commonName });
    for (const [end, text] of [
      ['crt', cert],
      ['key', key],
    ] as const) {
      writeFileSync(join(folder, `new.${end}`), text);
      renameSync(join(folder, `new.${end}`), join(folder, `shop.${end}`));
    }
  };
  write('first');
  const app = await startApp(t, 'hello');
  const tls = { cert: join(folder, 'shop.crt'), key: join(folder, 'shop.key') };
  const document = {
    listeners: [{ name: 'web', address: '127.0.0.1:0', tls }],
    services: { demo: { pools: { only: { targets: [app.url] } } } },
  };
  const sluice = await startSluice(t, { document, workers: 2 });
  const port = Number(new URL(sluice.proxyUrl).port);
  const open = async (): Promise<{ peer: Peer; name: string }> => {
    const socket: TLSSocket = connect({ port, host: '127.0.0.1', ca: authority.cert, servername: 'shop.example' });
    t.onTestFinished(() => void socket.destroy());
    const peer = new Peer(socket);
    expect((await peer.ask('GET / HTTP/1.1')).status).toBe(200);
    return { peer, name: String(socket.getPeerCertificate().subject.CN) };
  };
  const before = await Promise.all(Array.from({ length: 6 }, open));
  expect(before.map(({ name }) => name)).toEqual(before.map(() => 'first'));

  write('second');
  const namesNow = async () => (await Promise.all(Array.from({ length: 6 }, open))).map(({ name }) => name);
  await eventually(namesNow, (names) => names.every((name) => name === 'second'));
  for (const { peer } of before) expect((await peer.ask('GET / HTTP/1.1')).status).toBe(200);
  expect(JSON.stringify(sluice.events())).not.toContain('PRIVATE KEY');
});
