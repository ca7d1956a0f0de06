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
  /** 1: exactly one of the properties is wanted. */
  readonly maxProperties?: number;
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

/** An object of the schema, and the path to it as people write it: `listeners[].timeouts`, `services.NAME.pools.NAME`; '' for the root. */
export interface SchemaObject {
  readonly path: string;
  readonly node: SchemaNode;
}

/** Every object with keys of its own, in the order of the schema. */
export function objectsOf(node: SchemaNode, path = ''): SchemaObject[] {
  const inner = Object.values(node.patternProperties ?? {}).flatMap((named) => objectsOf(named, `${path}.NAME`));
  const items = node.items === undefined ? [] : objectsOf(node.items, `${path}[]`);
  const branches = (node.anyOf ?? []).flatMap((branch) => objectsOf(branch, path));
  if (node.properties === undefined) return [...inner, ...items, ...branches];
  const members = Object.entries(node.properties).flatMap(([key, member]) => objectsOf(member, path === '' ? key : `${path}.${key}`));
  return [{ path, node }, ...members];
}
