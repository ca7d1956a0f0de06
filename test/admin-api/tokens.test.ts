import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { readTokens } from '../../admin-api/tokens.ts';

/** Token settings whose files have these contents; null = no such file. */
function tokensWith(...contents: (string | null)[]) {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-tokens-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const settings = contents.map((content, index) => {
    const name = ['ci', 'ops', 'dev'][index]!;
    if (content !== null) writeFileSync(join(directory, name), content);
    return { name, role: 'operator' as const, tokenFile: join(directory, name) };
  });
  return { directory, settings };
}

test('secrets are read from their files, without the white space around them', async () => {
  const { settings } = tokensWith(' s3cret-of~ci/+=\n', '\uFEFFops\r\n');
  expect(await readTokens(settings)).toEqual({
    kind: 'read',
    tokens: [
      { name: 'ci', role: 'operator', secret: 's3cret-of~ci/+=' },
      { name: 'ops', role: 'operator', secret: 'ops' },
    ],
  });
});

test.each([
  { content: '', says: 'is empty. Write one there, for example the output of "openssl rand -hex 32".' },
  { content: ' \n', says: 'is empty. Write one there, for example the output of "openssl rand -hex 32".' },
  { content: 'two words', says: 'has white space or several lines in it, which cannot be sent. Write one word there.' },
  { content: 'one\ntwo\n', says: 'has white space or several lines in it, which cannot be sent. Write one word there.' },
  { content: 'geheimnisträger', says: 'has characters in it that cannot be sent. Use ASCII letters, digits and punctuation.' },
  { content: 'bell\u0007', says: 'has characters in it that cannot be sent. Use ASCII letters, digits and punctuation.' },
  { content: 'x'.repeat(4097), says: 'is longer than 4096 characters, which cannot be sent. Write a shorter one there.' },
])('a secret that no caller could show is refused with its file: it $says', async ({ content, says }) => {
  const { directory, settings } = tokensWith('fine', content);
  expect(await readTokens(settings)).toEqual({
    kind: 'unusable',
    message: `The secret of the admin token "ops" in ${directory}/ops ${says}`,
  });
});

test('a file that is not there is named', async () => {
  const { directory, settings } = tokensWith(null);
  expect(await readTokens(settings)).toEqual({
    kind: 'unusable',
    message: `The secret of the admin token "ci" cannot be read from ${directory}/ci (ENOENT). Write it there, or correct tokenFile.`,
  });
});

test('two tokens with one secret are refused: the second would act under the name of the first', async () => {
  const { directory, settings } = tokensWith('same', 'other', 'same\n');
  expect(await readTokens(settings)).toEqual({
    kind: 'unusable',
    message: `The admin tokens "ci" (${directory}/ci) and "dev" (${directory}/dev) have the same secret, so callers cannot be told apart. Give each its own.`,
  });
});
