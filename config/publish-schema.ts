/**
 * The JSON Schema that editors use: `node config/publish-schema.ts` writes it to `config/sluice.schema.json`.
 * test/config/published.test.ts fails while the file is not current.
 */
import { writeFileSync } from 'node:fs';
import { plainSchema } from './schema-node.ts';
import { ConfigSchema } from './schema.ts';

export const schemaFile = new URL('./sluice.schema.json', import.meta.url);

export function publishedSchema(): string {
  const schema = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: 'https://sluice.example/schema/config.json',
    title: 'Sluice configuration',
    ...plainSchema(ConfigSchema),
  };
  return `${JSON.stringify(schema, null, 2)}\n`;
}

if (import.meta.main) writeFileSync(schemaFile, publishedSchema());
