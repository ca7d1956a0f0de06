/**
 * `node config/publish-reference.ts` writes the reference page to `docs/configuration.md`.
 * test/config/published.test.ts fails while the file is not current.
 */
import { writeFileSync } from 'node:fs';
import { referencePage } from './reference.ts';

export const referenceFile = new URL('../docs/configuration.md', import.meta.url);

if (import.meta.main) writeFileSync(referenceFile, referencePage());
