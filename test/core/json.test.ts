import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  childPointer,
  diffJson,
  type Difference,
  equalJson,
  isJsonObject,
  type Json,
  type JsonObject,
  mergePatch,
  mergeThreeWay,
  ownValue,
} from '../../src/core/json.ts';

/** `__proto__` is a key like any other in JSON text, unlike in a literal. */
function parse(text: string): Json {
  const value: Json = JSON.parse(text);
  return value;
}

const leaf: fc.Arbitrary<Json> = fc.constantFrom(null, true, false, 0, 1, '', 'a');
const key = fc.constantFrom('a', 'b', 'c', '__proto__', 'constructor', 'a/b', '~1');
const objectOf = (value: fc.Arbitrary<Json>): fc.Arbitrary<JsonObject> =>
  fc.uniqueArray(fc.tuple(key, value), { maxLength: 4, selector: ([name]) => name }).map((pairs) => Object.fromEntries(pairs));
/** Small values of few keys, so that several of them have much in common. */
const anyJson: fc.Arbitrary<Json> = fc.oneof(
  leaf,
  fc.array(leaf, { maxLength: 3 }),
  objectOf(fc.oneof(leaf, fc.array(leaf, { maxLength: 2 }), objectOf(fc.oneof(leaf, objectOf(leaf))))),
);

/** The naive version of equality: the same text, with keys in order. */
function textOf(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(textOf).join()}]`;
  if (!isJsonObject(value)) return JSON.stringify(value);
  const members = Object.keys(value).toSorted();
  return `{${members.map((name) => `${JSON.stringify(name)}:${textOf(value[name]!)}`).join()}}`;
}

describe('equality', () => {
  test.each<[string, string, boolean]>([
    ['{"a":1,"b":2}', '{"b":2,"a":1}', true],
    ['[1,2]', '[2,1]', false],
    ['[1]', '[1,1]', false],
    ['[]', '{}', false],
    ['null', '{}', false],
    ['0', 'false', false],
    ['"1"', '1', false],
    ['{"a":1}', '{"b":1}', false],
    ['{"a":{}}', '{"a":{"b":1}}', false],
    ['{"__proto__":1}', '{}', false],
    ['{"toString":1}', '{"a":1}', false],
  ])('%s and %s: %s', (a, b, equal) => {
    expect(equalJson(parse(a), parse(b))).toBe(equal);
    expect(equalJson(parse(b), parse(a))).toBe(equal);
  });

  test('is what comparing their texts says', () => {
    fc.assert(fc.property(anyJson, anyJson, (a, b) => equalJson(a, b) === (textOf(a) === textOf(b))));
  });

  test('nothing is only equal to nothing', () => {
    expect(equalJson(undefined, undefined)).toBe(true);
    expect(equalJson(undefined, null)).toBe(false);
    expect(equalJson({}, undefined)).toBe(false);
  });
});

describe('the differences of two documents', () => {
  test.each<{ before: Json; after: Json; differences: Difference[] }>([
    { before: { a: 1 }, after: { a: 1 }, differences: [] },
    { before: { a: 1 }, after: { a: 2 }, differences: [{ pointer: '/a', before: 1, after: 2 }] },
    { before: {}, after: { a: null }, differences: [{ pointer: '/a', after: null }] },
    { before: { a: null }, after: {}, differences: [{ pointer: '/a', before: null }] },
    { before: { a: [1, 2] }, after: { a: [1, 3] }, differences: [{ pointer: '/a', before: [1, 2], after: [1, 3] }] },
    { before: { a: { b: 1 } }, after: { a: [1] }, differences: [{ pointer: '/a', before: { b: 1 }, after: [1] }] },
    { before: 1, after: {}, differences: [{ pointer: '', before: 1, after: {} }] },
    { before: { 'a/b': { '~': 1 } }, after: { 'a/b': { '~': 2 } }, differences: [{ pointer: '/a~1b/~0', before: 1, after: 2 }] },
  ])('$before and $after: $differences', ({ before, after, differences }) => {
    expect(diffJson(before, after)).toStrictEqual(differences);
  });

  test('make the one of the other', () => {
    fc.assert(
      fc.property(anyJson, anyJson, (before, after) => {
        expect(textOf(diffJson(before, after).reduce(apply, before))).toBe(textOf(after));
      }),
      { numRuns: 1000 },
    );
  });
});

/** A document with one difference made. */
function apply(document: Json, { pointer, after }: Difference): Json {
  const [first, ...rest] = pointer.split('/').slice(1);
  if (first === undefined) return after ?? null;
  if (!isJsonObject(document)) throw new Error(`nothing is at ${pointer}`);
  const name = first.replaceAll('~1', '/').replaceAll('~0', '~');
  const others = Object.entries(document).filter(([other]) => other !== name);
  const before = ownValue(document, name);
  if (rest.length > 0)
    return Object.fromEntries([...others, [name, apply(before ?? null, { pointer: `/${rest.join('/')}`, after: after! })]]);
  return Object.fromEntries(after === undefined ? others : [...others, [name, after]]);
}

describe('a merge patch', () => {
  // RFC 7396 appendix A, all of it and in its order.
  test.each([
    ['{"a":"b"}', '{"a":"c"}', '{"a":"c"}'],
    ['{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'],
    ['{"a":"b"}', '{"a":null}', '{}'],
    ['{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'],
    ['{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'],
    ['{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'],
    ['{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'],
    ['{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'],
    ['["a","b"]', '["c","d"]', '["c","d"]'],
    ['{"a":"b"}', '["c"]', '["c"]'],
    ['{"a":"foo"}', 'null', 'null'],
    ['{"a":"foo"}', '"bar"', '"bar"'],
    ['{"e":null}', '{"a":1}', '{"e":null,"a":1}'],
    ['[1,2]', '{"a":"b","c":null}', '{"a":"b"}'],
    ['{}', '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'],
    // And what objects inherit is no member.
    ['{}', '{"toString":{"a":1}}', '{"toString":{"a":1}}'],
    ['{}', '{"__proto__":{"a":1}}', '{"__proto__":{"a":1}}'],
    ['{"__proto__":{"a":1}}', '{"__proto__":null}', '{}'],
  ])('%s patched with %s is %s', (target, patch, result) => {
    expect(JSON.stringify(mergePatch(parse(target), parse(patch)))).toBe(result);
    expect(Object.prototype).not.toHaveProperty('a');
  });

  test('that was made once changes nothing the second time', () => {
    fc.assert(
      fc.property(anyJson, anyJson, (target, patch) => {
        const once = mergePatch(target, patch);
        expect(textOf(mergePatch(once, patch))).toBe(textOf(once));
      }),
    );
  });
});

describe('a three-way merge', () => {
  test.each<{ name: string; base: string; ours: string; theirs: string; merged: string }>([
    { name: 'both changed something else', base: '{"a":1,"b":1}', ours: '{"a":2,"b":1}', theirs: '{"a":1,"b":2}', merged: '{"a":2,"b":2}' },
    { name: 'both changed the same', base: '{"a":1}', ours: '{"a":2}', theirs: '{"a":3}', merged: '{"a":3}' },
    { name: 'only ours added', base: '{}', ours: '{"a":1}', theirs: '{"b":1}', merged: '{"a":1,"b":1}' },
    { name: 'only ours removed', base: '{"a":1,"b":1}', ours: '{"b":1}', theirs: '{"a":1,"b":2}', merged: '{"b":2}' },
    { name: 'theirs removed', base: '{"a":1,"b":1}', ours: '{"a":1,"b":2}', theirs: '{"b":1}', merged: '{"b":2}' },
    { name: 'theirs removed what ours changed', base: '{"a":{"x":1}}', ours: '{"a":{"x":2}}', theirs: '{}', merged: '{}' },
    { name: 'ours removed what theirs changed', base: '{"a":{"x":1}}', ours: '{}', theirs: '{"a":{"x":2}}', merged: '{"a":{"x":2}}' },
    { name: 'both removed', base: '{"a":1}', ours: '{}', theirs: '{}', merged: '{}' },
    { name: 'both added, with other members', base: '{}', ours: '{"a":{"x":1}}', theirs: '{"a":{"y":1}}', merged: '{"a":{"x":1,"y":1}}' },
    { name: 'theirs is of another type', base: '{"a":{"x":1}}', ours: '{"a":{"x":2}}', theirs: '{"a":[1]}', merged: '{"a":[1]}' },
    { name: 'ours is of another type', base: '{"a":{"x":1}}', ours: '{"a":[1]}', theirs: '{"a":{"x":1}}', merged: '{"a":[1]}' },
    { name: 'an array is taken whole', base: '{"a":[1,2]}', ours: '{"a":[1,2,3]}', theirs: '{"a":[0,1,2]}', merged: '{"a":[0,1,2]}' },
    { name: 'an array stays whole', base: '{"a":[1,2]}', ours: '{"a":[1,2,3]}', theirs: '{"a":[1,2]}', merged: '{"a":[1,2,3]}' },
    { name: 'a null is a value', base: '{"a":null}', ours: '{"a":1}', theirs: '{"a":null,"b":1}', merged: '{"a":1,"b":1}' },
    { name: '__proto__ is a key', base: '{}', ours: '{"__proto__":{"a":1}}', theirs: '{"b":1}', merged: '{"__proto__":{"a":1},"b":1}' },
    { name: 'constructor is a key', base: '{}', ours: '{}', theirs: '{"constructor":1}', merged: '{"constructor":1}' },
  ])('$name', ({ base, ours, theirs, merged }) => {
    expect(JSON.stringify(mergeThreeWay(parse(base), parse(ours), parse(theirs)))).toBe(merged);
    expect(Object.prototype).not.toHaveProperty('a');
  });

  test('where theirs changed nothing is ours, where ours changed nothing is theirs, and of equal changes both', () => {
    fc.assert(
      fc.property(anyJson, anyJson, (base, other) => {
        expect(mergeThreeWay(base, other, base)).toBe(other);
        expect(textOf(mergeThreeWay(base, base, other)!)).toBe(textOf(other));
        expect(textOf(mergeThreeWay(base, other, other)!)).toBe(textOf(other));
      }),
      { numRuns: 1000 },
    );
  });

  test('has what theirs changed, at every place where it did, and nothing that nobody said', () => {
    fc.assert(
      fc.property(objectOf(anyJson), objectOf(anyJson), objectOf(anyJson), (base, ours, theirs) => {
        const merged = mergeThreeWay(base, ours, theirs)!;
        for (const { pointer, after } of diffJson(base, theirs)) {
          const found = at(merged, pointer);
          // Where theirs has an object, members that only ours has stay in it.
          if (!isJsonObject(after)) expect(found).toEqual(after);
        }
        for (const { pointer, after } of diffJson(base, merged)) {
          if (after === undefined || isJsonObject(after)) continue;
          expect([textOfOr(at(ours, pointer)), textOfOr(at(theirs, pointer))]).toContain(textOf(after));
        }
      }),
      { numRuns: 1000 },
    );
  });
});

/** What stands at a pointer. */
function at(document: Json | undefined, pointer: string): Json | undefined {
  const names = pointer.split('/').slice(1);
  return names.reduce<Json | undefined>(
    (value, name) => (isJsonObject(value) ? ownValue(value, name.replaceAll('~1', '/').replaceAll('~0', '~')) : undefined),
    document,
  );
}

function textOfOr(value: Json | undefined): string {
  return value === undefined ? 'nothing' : textOf(value);
}

test('pointers are escaped as RFC 6901 asks', () => {
  expect(childPointer('/a', 'b/c~d')).toBe('/a/b~1c~0d');
  expect(childPointer('', 0)).toBe('/0');
});
