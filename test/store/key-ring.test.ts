import { chmodSync, copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { signingKeysMax, StoreError, type KeyRing } from '../../src/control/ports.ts';
import { openKeyFile } from '../../src/store/key-file.ts';
import { MemoryKeyRing } from '../../src/store/memory-key-ring.ts';
import { TestLog } from '../control/support.ts';
import { temporaryDirectory } from './support.ts';

const rings: readonly [string, () => Promise<KeyRing>][] = [
  ['in a file', () => openKeyFile(temporaryDirectory(), new TestLog())],
  ['in memory', async () => new MemoryKeyRing()],
];

/** Makes a key that signs. */
async function rotate(ring: KeyRing): Promise<void> {
  await ring.promote(await ring.announce());
}

describe.each(rings)('a key ring %s', (_, open) => {
  test('has one key of 32 bytes at first', async () => {
    const [key, ...others] = (await open()).keys();
    expect(others).toEqual([]);
    expect(key).toEqual({ id: expect.stringMatching(/^[\w-]{4}$/), secret: expect.stringMatching(/^[\w-]{43}$/) });
    expect(Buffer.from(key!.secret, 'base64url')).toHaveLength(32);
  });

  test('has keys that nobody else has', async () => {
    expect((await open()).keys()).not.toEqual((await open()).keys());
  });

  test(`signs with a new key after a rotation, and takes the last ${signingKeysMax}`, async () => {
    const ring = await open();
    const seen = [...ring.keys()];
    for (let rotation = 1; rotation <= signingKeysMax + 1; rotation++) {
      await rotate(ring);
      seen.unshift(ring.keys()[0]!);
      expect(ring.keys()).toEqual(seen.slice(0, signingKeysMax));
    }
    expect(new Set(seen.map(({ id }) => id)).size).toBe(signingKeysMax + 2);
  });

  test('has a new key that only verifies until it is said to sign', async () => {
    const ring = await open();
    for (let turn = 0; turn < 2; turn++) await rotate(ring);
    const before = ring.keys();
    const id = await ring.announce();
    const [first, second, ...others] = ring.keys();
    expect([first, second!.id, others]).toEqual([before[0], id, before.slice(1)]);
    await ring.promote(id);
    expect(ring.keys()).toEqual([second, ...before]);
  });

  test('that announces more keys than it has room for still signs with the one that it has', async () => {
    const ring = await open();
    const [signing] = ring.keys();
    const ids: string[] = [];
    for (let turn = 0; turn < signingKeysMax + 1; turn++) ids.unshift(await ring.announce());
    expect(ring.keys().map(({ id }) => id)).toEqual([signing!.id, ...ids.slice(0, signingKeysMax - 1)]);
    await expect(ring.promote(ids.at(-1)!)).rejects.toThrow('has been announced');
  });
});

test('a key ring in memory takes keys that it is given', () => {
  const keys = new MemoryKeyRing().keys();
  expect(new MemoryKeyRing(keys).keys()).toEqual(keys);
});

describe('the key file', () => {
  test('is one line per key, the one that signs first, for the eyes of one user', async () => {
    const directory = join(temporaryDirectory(), 'made', 'on', 'demand');
    const ring = await openKeyFile(directory, new TestLog());
    await rotate(ring);
    const file = join(directory, 'signing-keys');
    expect(readFileSync(file, 'utf8')).toBe(
      ring
        .keys()
        .map(({ id, secret }) => `${id} ${secret}\n`)
        .join(''),
    );
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(directory)).toEqual(['signing-keys']);
  });

  test('gives the same keys after a restart, and on a machine that it was copied to', async () => {
    const [here, there] = [temporaryDirectory(), temporaryDirectory()];
    const ring = await openKeyFile(here, new TestLog());
    await rotate(ring);
    copyFileSync(join(here, 'signing-keys'), join(there, 'signing-keys'));
    expect((await openKeyFile(here, new TestLog())).keys()).toEqual(ring.keys());
    expect((await openKeyFile(there, new TestLog())).keys()).toEqual(ring.keys());
  });

  test.each([
    { mode: 0o600, says: undefined },
    { mode: 0o400, says: undefined },
    { mode: 0o640, says: '0640' },
    { mode: 0o604, says: '0604' },
    { mode: 0o620, says: '0620' },
  ])('of mode $mode is warned of as $says', async ({ mode, says }) => {
    const directory = temporaryDirectory();
    await openKeyFile(directory, new TestLog());
    const file = join(directory, 'signing-keys');
    chmodSync(file, mode);
    const log = new TestLog();
    const ring = await openKeyFile(directory, log);
    expect(log.lines.map(({ level, fields }) => [level, fields])).toEqual(says === undefined ? [] : [['warn', { file, mode: says }]]);
    // What is saved next is ours alone again.
    await ring.announce();
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  test('says where it is, for who has to copy it', async () => {
    const directory = temporaryDirectory();
    expect((await openKeyFile(directory, new TestLog())).file).toBe(join(directory, 'signing-keys'));
    expect(new MemoryKeyRing().file).toBeUndefined();
  });

  test('has a key that only verifies in its place after a restart, too', async () => {
    const directory = temporaryDirectory();
    const ring = await openKeyFile(directory, new TestLog());
    await ring.announce();
    expect((await openKeyFile(directory, new TestLog())).keys()).toEqual(ring.keys());
  });

  test('may have come by an editor that ends lines in its own way', async () => {
    const directory = temporaryDirectory();
    const keys = (await openKeyFile(directory, new TestLog())).keys();
    const file = join(directory, 'signing-keys');
    writeFileSync(file, `\r\n${readFileSync(file, 'utf8').replace(' ', '\t').replace('\n', '\r\n')}\r\n`);
    expect((await openKeyFile(directory, new TestLog())).keys()).toEqual(keys);
  });

  test('is whole whatever a crash has left beside it, and nobody else may read what comes of that', async () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, 'signing-keys.new'), 'half a k', { mode: 0o666 });
    const ring = await openKeyFile(directory, new TestLog());
    expect((await openKeyFile(directory, new TestLog())).keys()).toEqual(ring.keys());
    expect(statSync(join(directory, 'signing-keys')).mode & 0o777).toBe(0o600);
  });

  const key = `AbC_ ${'A'.repeat(43)}`;
  test.each([
    ['', 'it has no key'],
    ['\n\n', 'it has no key'],
    ['AbC_', 'line 1 is not a key: "id secret" of 4 and 43 characters was expected'],
    [`${key}\n${key.slice(0, -1)}\n`, 'line 2 is not a key: "id secret" of 4 and 43 characters was expected'],
    [`${key}A`, 'line 1 is not a key: "id secret" of 4 and 43 characters was expected'],
    // The last character has two bits to spare: another one would be another way to write the same key.
    [`${key.slice(0, -1)}B`, 'line 1 is not a key: "id secret" of 4 and 43 characters was expected'],
    [`${key} # ours`, 'line 1 is not a key: "id secret" of 4 and 43 characters was expected'],
    [`${key}\n${key}`, 'line 2 has the same id as a line above it'],
  ])('that says %j is refused: %s', async (text, finding) => {
    const directory = temporaryDirectory();
    const file = join(directory, 'signing-keys');
    writeFileSync(file, text);
    const failure = await failureOf(openKeyFile(directory, new TestLog()));
    expect(failure.message).toBe(
      `${file} is damaged (${finding}). Copy it anew from another machine or a backup; or remove it, and clients are given new cookies.`,
    );
    expect(readFileSync(file, 'utf8')).toBe(text);
  });

  test('that is a directory is refused', async () => {
    const directory = temporaryDirectory();
    mkdirSync(join(directory, 'signing-keys'));
    expect((await failureOf(openKeyFile(directory, new TestLog()))).message).toMatch(
      /signing-keys cannot be read \(EISDIR.*\)\. Make it a file that the user who runs Sluice may read\.$/,
    );
  });

  test('in a directory that is a file is refused', async () => {
    const file = join(temporaryDirectory(), 'file');
    writeFileSync(file, '');
    for (const directory of [file, join(file, 'below')]) {
      expect((await failureOf(openKeyFile(directory, new TestLog()))).message).toBe(
        `The data directory ${directory} cannot be used: it, or something above it, is a file. Remove the file or choose another dataDir.`,
      );
    }
  });

  test('that cannot be saved leaves the keys as they were', async () => {
    const directory = temporaryDirectory();
    const ring = await openKeyFile(directory, new TestLog());
    const before = ring.keys();
    rmSync(directory, { recursive: true });
    expect((await failureOf(ring.announce())).message).toMatch(
      /signing-keys cannot be saved \(ENOENT.*\)\. Make its directory writable for the user that runs Sluice, or choose another dataDir\.$/,
    );
    expect(ring.keys()).toBe(before);
  });
});

async function failureOf(promise: Promise<unknown>): Promise<StoreError> {
  try {
    await promise;
  } catch (cause) {
    if (cause instanceof StoreError) return cause;
    throw cause;
  }
  throw new Error('it did not fail');
}
