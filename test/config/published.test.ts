import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { interpret } from '../../config/interpret.ts';
import { loadFile } from '../../config/load.ts';
import {
  healthModelDefaults,
  poolModelDefaults,
  serviceModelDefaults,
  stickyModelDefaults,
  targetModelDefaults,
} from '../../config/model-defaults.ts';
import { nearestName } from '../../src/core/nearest.ts';
import { publishedSchema, schemaFile } from '../../config/publish-schema.ts';
import { referenceFile } from '../../config/publish-reference.ts';
import { referencePage } from '../../config/reference.ts';
import { objectsOf, plainSchema } from '../../config/schema-node.ts';
import { ConfigSchema } from '../../config/schema.ts';
import { unsupportedKeys } from '../../config/unsupported.ts';
import type { JsonObject } from '../../src/core/json.ts';

test('the published JSON Schema is current (else: node config/publish-schema.ts)', () => {
  expect(readFileSync(schemaFile, 'utf8')).toBe(publishedSchema());
});

test('the reference page is current (else: node config/publish-reference.ts)', () => {
  expect(readFileSync(referenceFile, 'utf8')).toBe(referencePage());
});

test('the example loads without a problem', async () => {
  expect(await loadFile(fileURLToPath(new URL('../../config/example.yaml', import.meta.url)))).toMatchObject({ kind: 'valid' });
});

describe('the schema', () => {
  const objects = objectsOf(plainSchema(ConfigSchema));

  test.each(objects)('explains every key of $path', ({ node }) => {
    const bare = Object.entries(node.properties ?? {}).filter(([, member]) => !member.description?.endsWith('.'));
    expect(bare).toEqual([]);
  });

  test.each(objects)('refuses unknown keys in $path', ({ node }) => {
    expect(node).toMatchObject({ additionalProperties: false });
  });

  test.each(unsupportedKeys)('does not have %s, which is not supported yet', (place) => {
    const path = place.slice(1).replace('listeners/*', 'listeners[]').replaceAll('*', 'NAME').replaceAll('/', '.');
    const parent = path.includes('.') ? path.slice(0, path.lastIndexOf('.')) : '';
    const found = objects.find((object) => object.path === parent);
    expect(found).toBeDefined();
    expect(Object.keys(found?.node.properties ?? {})).not.toContain(path.split('.').at(-1));
  });
});

test('a document with every default written out means the same as one without any', () => {
  const place = 'services.NAME.pools.NAME';
  const { hashKey, ...poolDefaults } = defaultsOf(place);
  const poolOf = (inner: JsonObject): JsonObject => ({ targets: [{ url: 'http://a' }], balance: 'hash', health: {}, ...inner });
  const bare: JsonObject = { services: { web: { pools: { blue: poolOf({}) }, sticky: {} } } };
  const pool = {
    ...poolDefaults,
    ...poolOf({ hashKey: hashKey! }),
    targets: [{ url: 'http://a', ...defaultsOf(`${place}.targets[]`) }],
    health: { ...defaultsOf(`${place}.health`), expect: defaultsOf(`${place}.health.expect`) },
    ejection: defaultsOf(`${place}.ejection`),
    limits: defaultsOf(`${place}.limits`),
  };
  const service = {
    pools: { blue: pool },
    sticky: defaultsOf('services.NAME.sticky'),
    retry: defaultsOf('services.NAME.retry'),
    timeouts: defaultsOf('services.NAME.timeouts'),
    ...defaultsOf('services.NAME'),
  };
  const full = {
    ...defaultsOf(''),
    listeners: [
      { name: 'web', address: '0.0.0.0:8080', timeouts: defaultsOf('listeners[].timeouts'), limits: defaultsOf('listeners[].limits') },
    ],
    admin: defaultsOf('admin'),
    log: defaultsOf('log'),
    services: { web: service },
  };
  expect(interpret(full)).toEqual(interpret(bare));
  expect(interpret(full)).toMatchObject({ kind: 'valid', model: { services: [{ pools: [{ balance: { kind: 'hash' } }] }] } });
});

test('what models are made of elsewhere is what a bare document means', () => {
  const meaning = interpret({ services: { web: { pools: { blue: { targets: ['http://a'], health: {} } }, sticky: {} } } });
  const id = expect.any(String);
  expect(meaning.kind === 'valid' && meaning.model.services).toEqual([
    {
      ...serviceModelDefaults,
      id,
      weights: { blue: 100 },
      sticky: stickyModelDefaults,
      pools: [
        {
          ...poolModelDefaults,
          id,
          health: healthModelDefaults,
          targets: [{ ...targetModelDefaults, id, address: { host: 'a', port: 80 } }],
        },
      ],
    },
  ]);
});

test.each([
  ['servces', 'services'],
  ['rotues', 'routes'], // two neighbours swapped
  ['WEIGHTS', 'weights'],
  ['warning', 'warn'],
  ['gren', 'green'],
  ['upstreams', undefined],
  ['x', undefined],
  ['y'.repeat(10_000), undefined],
])('%s is nearest to %s', (word, candidate) => {
  expect(nearestName(word, ['services', 'routes', 'weights', 'warn', 'green'])).toBe(candidate);
});

test('the nearest name is what comparing whole words would find', () => {
  const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(word, fc.array(word, { maxLength: 8 }), (wanted, names) => {
      const limit = Math.min(3, Math.max(1, Math.floor(wanted.length / 3)));
      const least = Math.min(...names.map((name) => distanceOf(wanted, name)));
      const nearest = nearestName(wanted, names);
      if (least <= limit) expect(nearest).toBe(names.find((name) => distanceOf(wanted, name) === least));
      else expect(nearest === undefined || nearest.startsWith(wanted) || wanted.startsWith(nearest)).toBe(true);
    }),
    { numRuns: 2000 },
  );
});

/** Optimal string alignment distance by its definition, from the ends of both words. */
function distanceOf(a: string, b: string, i = a.length, j = b.length, known = new Map<number, number>()): number {
  if (i === 0 || j === 0) return i + j;
  const key = i * 100 + j;
  const before = known.get(key);
  if (before !== undefined) return before;
  const at = (x: number, y: number): number => distanceOf(a, b, x, y, known);
  const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? at(i - 2, j - 2) + 1 : Infinity;
  const distance = Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, at(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1), swapped);
  known.set(key, distance);
  return distance;
}

/** What the schema says is the default, for every key of an object that has one. */
function defaultsOf(path: string): JsonObject {
  const node = objectsOf(plainSchema(ConfigSchema)).find((object) => object.path === path)?.node;
  return Object.fromEntries(
    Object.entries(node?.properties ?? {}).flatMap(([key, member]) => (member.default === undefined ? [] : [[key, member.default]])),
  );
}
