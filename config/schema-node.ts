import type { TSchema } from 'typebox';
import type { Json } from '../src/core/json.ts';

/** The part of JSON Schema that our schema uses. */
export interface SchemaNode {
  readonly type?: string;
  readonly const?: Json;
  readonly anyOf?: readonly SchemaNode[];
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly patternProperties?: Readonly<Record<string, SchemaNode>>;
  readonly required?: readonly string[];
  readonly items?: SchemaNode;
  readonly minItems?: number;
  readonly minProperties?: number;
  readonly minLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly pattern?: string;
  readonly description?: string;
  readonly default?: Json;
}

/** The schema as the plain JSON that is published, without what TypeBox attaches for its own use. */
export function plainSchema(schema: TSchema): SchemaNode {
  return JSON.parse(JSON.stringify(schema));
}
