/**
 * `node admin-api/publish-reference.ts` writes the reference page to `docs/admin-api.md`.
 * test/admin-api/reference.test.ts fails while the file is not current.
 */
import { writeFileSync } from 'node:fs';
import { referencePage } from './reference.ts';

export const referenceFile = new URL('../docs/admin-api.md', import.meta.url);

if (import.meta.main) writeFileSync(referenceFile, referencePage());
