import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { referenceFile } from '../../admin-api/publish-reference.ts';
import { referencePage } from '../../admin-api/reference.ts';

test('docs/admin-api.md is what the code says (otherwise run: node admin-api/publish-reference.ts)', () => {
  expect(readFileSync(referenceFile, 'utf8')).toBe(referencePage());
});
