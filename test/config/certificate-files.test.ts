import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:tls';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { readNamedFiles } from '../../config/certificate-files.ts';
import { readText, soon } from '../../config/file-access.ts';
import type { NamedFiles } from '../../src/core/named-files.ts';
import { createAuthority } from '../support/certificates.ts';

const root = createAuthority('Root');
const middle = root.subordinate('Middle');
const leaf = middle.issue({ names: ['shop.example'] });
const other = createAuthority('Other');

const authorities: NamedFiles = { kind: 'authorities', caFile: 'ca.pem', owner: '/o', caPointer: '/o/ca' };
const pair: NamedFiles = {
  kind: 'certificate',
  certFile: 's.crt',
  keyFile: 's.key',
  owner: '/o',
  certPointer: '/o/cert',
  keyPointer: '/o/key',
};

/** What is wrong, or what is used. */
async function judge(
  named: NamedFiles,
  ...texts: readonly string[]
): Promise<{ problem?: string | undefined; texts?: readonly string[]; warnings: readonly string[] }> {
  const { problems, texts: used, warnings } = await readNamedFiles(named, texts);
  expect(used === undefined).toBe(problems.length > 0);
  return used === undefined
    ? { problem: problems.map(({ pointer, message }) => `${pointer}: ${message}`).join('; '), warnings }
    : { texts: used, warnings };
}

const bom = 'ï»¿';
const cutOff = other.cert.slice(0, 200);

test.for([
  ['a byte order mark, as some editors write it', bom + root.cert, root.cert],
  [
    'carriage returns and words in between',
    `# Root\r\n${root.cert.replaceAll('\n', '\r\n')}\r\nCN = Other\r\n${other.cert}`,
    root.cert + other.cert,
  ],
  ['a key behind it', root.cert + root.key, root.cert],
] as const)('%s in a file of authorities is left out of what workers get', async ([, text, used]) => {
  expect(await judge(authorities, text)).toMatchObject({ texts: [used] });
});

test.for([
  ['whose end is missing', root.cert + cutOff, /certificate 2 in "ca\.pem" is cut off/],
  ['whose end is missing, before another', cutOff + root.cert, /certificate 1 in "ca\.pem" is cut off/],
  ['of which only the first line is there', `${root.cert}-----BEGIN CERTIFICATE-----`, /certificate 2 .* cut off/],
  ['that is alone and cut off', cutOff, /certificate 1 .* cut off/],
  ['of servers only', leaf.cert, /no certificate of an authority/],
  ['in binary', Buffer.from(root.cert.split('\n').slice(1, -2).join(''), 'base64').toString('latin1'), /openssl x509 -inform der/],
  ['in PKCS #12', '0\x82\x09\x00\x02\x01\x03\x30\x82', /openssl pkcs12/],
] as const)('a file of authorities with a certificate %s is refused', async ([, text, message]) => {
  expect((await judge(authorities, text)).problem).toMatch(message);
});

test.for([
  ['with byte order marks', bom + leaf.cert, bom + leaf.key, undefined],
  ['without those who signed it', leaf.cert, leaf.key, undefined],
  ['with who signed it', leaf.cert + middle.cert, leaf.key, undefined],
  ['with the root, which may be left out', leaf.cert + middle.cert + root.cert, leaf.key, undefined],
  ['with one that has nothing to do with it', leaf.cert + middle.cert + other.cert, leaf.key, /certificate 3 \("Other"\) has not signed/],
  ['twice', leaf.cert + leaf.cert + middle.cert, leaf.key, /certificate 2 \("shop.example"\) has not signed/],
] as const)('a chain %s is used', async ([, cert, key, warning]) => {
  const { problem, warnings } = await judge(pair, cert, key);
  expect(problem).toBe(undefined);
  expect(warnings).toEqual(warning === undefined ? [] : [expect.stringMatching(warning)]);
});

test.for([
  ['the server’s own is not first', middle.cert + leaf.cert, leaf.key, /belongs to certificate 2 in it, which must come first/],
  ['the key is cut off', leaf.cert, leaf.key.slice(0, 80), /the key in "s\.key" is cut off/],
  ['the key is PKCS #12', leaf.cert, '0\x82\x09\x00\x02\x01\x03\x30\x82', /openssl pkcs12/],
  ['the key is empty', leaf.cert, '', /it is empty/],
] as const)('a certificate is refused where %s', async ([, cert, key, message]) => {
  expect((await judge(pair, cert, key)).problem).toMatch(message);
});

test('an intermediate alone is an authority, and whom it has signed is trusted', async (t) => {
  const { texts } = await judge(authorities, middle.cert);
  const server = createServer({ cert: leaf.cert, key: leaf.key }, (socket) => socket.end());
  t.onTestFinished(() => void server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const port = (server.address() as AddressInfo).port;
  const socket = connect({ port, host: '127.0.0.1', ca: [...texts!], allowPartialTrustChain: true, servername: 'shop.example' });
  await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
  expect(socket.authorized).toBe(true);
});

test('a file without an end is read no further than a MiB', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-files-'));
  t.onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'a');
  const bytes = createHash('shake256', { outputLength: 1024 * 1024 + 1 }).digest();
  writeFileSync(path, bytes);
  expect(await readText(path)).toMatchObject({ ok: false, message: expect.stringMatching(/larger than 1 MiB/) });
  writeFileSync(path, bytes.subarray(1));
  expect(await readText(path)).toEqual({ ok: true, text: bytes.subarray(1).toString('latin1') });
  expect(await readText('/dev/zero')).toMatchObject({ ok: false, message: expect.stringMatching(/no ordinary file/) });
  // Says that it is empty, and is not.
  const pages = await readText('/proc/self/pagemap');
  expect(pages.ok ? '' : pages.message).toMatch(/larger than 1 MiB|cannot read/);
});

test('what does not answer is not waited for, nor begun a second time', async () => {
  const { promise, resolve } = Promise.withResolvers<string>();
  let begun = 0;
  const work = (): Promise<string> => {
    begun++;
    return promise;
  };
  expect([await soon('x', work, 1), await soon('x', work, 1), begun]).toEqual([undefined, undefined, 1]);
  resolve('late');
  expect(await soon('x', work, 60_000)).toBe('late');
  await promise;
  expect([await soon('x', work, 60_000), begun]).toEqual(['late', 2]);
});
