import * as fc from 'fast-check';
import type { JsonObject } from '../../src/core/json.ts';
import type { SchemaNode } from '../../config/schema-node.ts';

/** Any JSON, with keys that tend to hurt. */
export const anyJsonObject = (): fc.Arbitrary<JsonObject> =>
  fc
    .dictionary(fc.oneof(fc.string(), fc.constantFrom('__proto__', 'constructor', 'services', 'routes', 'toString')), fc.jsonValue())
    .map((object): JsonObject => JSON.parse(JSON.stringify(object)));

/** Texts that the patterns of the schema accept; the readers behind them may be stricter. */
const texts = (pattern: string | undefined): fc.Arbitrary<string> =>
  pattern === undefined ? fc.constantFrom('', 'a', '/srv/token', 'ü') : fc.stringMatching(new RegExp(pattern), { maxLength: 24 });

/** Documents that have the shape of a schema, whatever they mean; with `noise`, some members are anything at all. */
export function documentsOf(node: SchemaNode, noise: fc.Arbitrary<unknown> | undefined): fc.Arbitrary<JsonObject> {
  // The root may be noise too, as a document from elsewhere may be anything.
  return valuesOf(node, noise) as fc.Arbitrary<JsonObject>;
}

function valuesOf(node: SchemaNode, noise: fc.Arbitrary<unknown> | undefined): fc.Arbitrary<unknown> {
  const clean = cleanValuesOf(node, noise);
  return noise === undefined ? clean : fc.oneof({ arbitrary: clean, weight: 12 }, { arbitrary: noise, weight: 1 });
}

function cleanValuesOf(node: SchemaNode, noise: fc.Arbitrary<unknown> | undefined): fc.Arbitrary<unknown> {
  if (node.const !== undefined) return fc.constant(node.const);
  if (node.anyOf !== undefined) return fc.oneof(...node.anyOf.map((branch) => valuesOf(branch, noise)));
  switch (node.type) {
    case 'object': {
      const [named] = Object.entries(node.patternProperties ?? {});
      if (named !== undefined)
        return fc.dictionary(texts(named[0]), valuesOf(named[1], noise), { minKeys: node.minProperties ?? 0, maxKeys: 3 });
      if (node.maxProperties === 1 && noise === undefined) {
        const choices = Object.entries(node.properties ?? {}).map(([key, member]) => fc.record({ [key]: valuesOf(member, noise) }));
        return fc.oneof(...choices);
      }
      const members = Object.entries(node.properties ?? {}).map(([key, member]) => [key, valuesOf(member, noise)] as const);
      // A misspelt key now and then, where noise is wanted.
      const all = noise === undefined ? members : [...members, ['wieghts', fc.constant(1)] as const];
      return fc.record(Object.fromEntries(all), { requiredKeys: noise === undefined ? [...(node.required ?? [])] : [] });
    }
    case 'array':
      return fc.array(valuesOf(node.items!, noise), { minLength: node.minItems ?? 0, maxLength: 3 });
    case 'integer':
      return fc.integer({ min: node.minimum!, max: node.maximum! });
    case 'number':
      return fc.double({ min: node.minimum!, max: node.maximum!, noNaN: true });
    case 'boolean':
      return fc.boolean();
    default:
      return texts(node.pattern).filter((text) => text.length >= (node.minLength ?? 0));
  }
}
