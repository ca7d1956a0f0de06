import fc from 'fast-check';
import { expect, test } from 'vitest';
import { interpret } from '../../config/interpret.ts';
import type { Json, JsonObject } from '../../src/core/json.ts';
import { mergeFile } from '../../src/core/merge-file.ts';

const until = '2026-05-01T12:00:00.000Z';

function doc(pool: JsonObject): JsonObject {
  return { services: { demo: { pools: { blue: pool } } } };
}

/** The pool that comes of these three. */
function merge(base: JsonObject | undefined, live: JsonObject, file: JsonObject): unknown {
  const merged = mergeFile(base && doc(base), doc(live), doc(file));
  if (merged.kind === 'conflict') throw new Error(JSON.stringify(merged.problems));
  expect(JSON.stringify(merged)).not.toContain('undefined');
  return (merged.document as ReturnType<typeof doc> & { services: { demo: { pools: { blue: JsonObject } } } }).services.demo.pools.blue;
}

const [a, b, c] = ['http://10.0.0.1:80', 'http://10.0.0.2:80', 'http://10.0.0.3:80'];
const inMaint = { state: 'maint', drainUntil: until };

test.each<{ name: string; base: JsonObject | undefined; live: JsonObject; file: JsonObject; merged: JsonObject }>([
  {
    name: 'a file that adds a target leaves another in maintenance',
    base: { targets: [a, b] },
    live: { targets: [{ url: a, ...inMaint }, b] },
    file: { targets: [a, b, c] },
    merged: { targets: [{ url: a, ...inMaint }, b, c] },
  },
  {
    name: 'a file that removes a target leaves one that was added live, behind those of the file',
    base: { targets: [a, b] },
    live: { targets: [a, 'http://10.9.9.9:80', b] },
    file: { targets: [b] },
    merged: { targets: [b, 'http://10.9.9.9:80'] },
  },
  {
    name: 'a target that was removed live stays away where the file says nothing new of it',
    base: { targets: [a, b] },
    live: { targets: [b] },
    file: { targets: [a, { url: b, weight: 2 }] },
    merged: { targets: [{ url: b, weight: 2 }] },
  },
  {
    name: 'a weight in the file and a state set live come together on one target',
    base: { targets: [a] },
    live: { targets: [{ url: a, ...inMaint }] },
    file: { targets: [{ url: a, weight: 5 }] },
    merged: { targets: [{ url: a, weight: 5, ...inMaint }] },
  },
  {
    name: 'a URL and an object are the same target',
    base: { targets: [{ id: '10.0.0.1:80', url: a }, { url: b }] },
    live: { targets: [{ id: '10.0.0.1:80', url: a, ...inMaint }, { url: b }] },
    file: { targets: [a, b, c] },
    merged: { targets: [{ id: '10.0.0.1:80', url: a, ...inMaint }, { url: b }, c] },
  },
  {
    name: 'a target that was moved live stays where it is',
    base: { targets: [{ id: 'b1', url: a }, b] },
    live: { targets: [{ id: 'b1', url: c }, b] },
    file: { targets: [b, { id: 'b1', url: a }] },
    merged: { targets: [b, { id: 'b1', url: c }] },
  },
  {
    name: 'a drain that was asked for live as well does not leave its deadline behind when the file gives up its own',
    base: { targets: [a], state: 'drain' },
    live: { targets: [a], state: 'drain', drainUntil: until },
    file: { targets: [a] },
    merged: { targets: [a] },
  },
  {
    name: 'the same of a target',
    base: { targets: [{ url: a, state: 'drain' }] },
    live: { targets: [{ url: a, state: 'drain', drainUntil: until }] },
    file: { targets: [a] },
    merged: { targets: [a] },
  },
  {
    name: 'a state in the file does not take the deadline of another that was set live',
    base: { targets: [a] },
    live: { targets: [a], ...inMaint },
    file: { targets: [a], state: 'drain' },
    merged: { targets: [a], state: 'drain' },
  },
  {
    name: 'a pool that was drained live stays so where the file changes something else',
    base: { targets: [a] },
    live: { targets: [a], ...inMaint },
    file: { targets: [a], slowStart: '5s' },
    merged: { targets: [a], slowStart: '5s', ...inMaint },
  },
  {
    name: 'a pool that is new to both has the targets of both',
    base: undefined,
    live: { targets: [{ url: a, ...inMaint }, b] },
    file: { targets: [c, a] },
    merged: { targets: [c, { url: a, ...inMaint }, b] },
  },
  {
    name: 'targets that cannot be told apart are the file’s, for the check to refuse',
    base: { targets: [a] },
    live: { targets: [{ url: a, ...inMaint }] },
    file: { targets: [a, a] },
    merged: { targets: [a, a] },
  },
  {
    name: 'the same where the file before could not tell them apart',
    base: { targets: [a, a] },
    live: { targets: [{ url: a, ...inMaint }] },
    file: { targets: [a, b] },
    merged: { targets: [a, b] },
  },
])('$name', ({ base, live, file, merged }) => {
  expect(merge(base, live, file)).toEqual(merged);
});

test('targets that nothing has changed but the way of writing are no change', () => {
  const live: JsonObject = { targets: [{ id: '10.0.0.1:80', url: a }, { url: b }] };
  const merged = mergeFile(doc({ targets: [a] }), doc(live), doc({ targets: [a, b] }));
  expect(merged).toEqual({ kind: 'merged', document: doc(live) });
});

/** What is said of a target, part by part: a part that the file changed is the file's, any other is as it is in force. */
interface Parts {
  readonly url: string;
  readonly weight: number | undefined;
  readonly state: 'ready' | 'drain' | 'maint' | undefined;
  readonly drainUntil: string | undefined;
}
type Side = ReadonlyMap<string, Parts>;

const part = fc.record<Parts>({
  url: fc.constantFrom('http://10.0.0.1:80', 'http://10.0.0.2:80'),
  weight: fc.constantFrom(undefined, 1, 2),
  state: fc.constantFrom('ready', 'drain', 'maint', undefined),
  drainUntil: fc.constantFrom(until, '2027-01-01T00:00:00Z', undefined),
});
const ids = ['10.0.0.1:80', '10.0.0.2:80', 'c', 'd'];
const side = fc
  .uniqueArray(fc.tuple(fc.constantFrom(...ids), part), { selector: ([id]) => id, maxLength: 4 })
  .map((entries): Side => new Map(entries));

/** In one of the ways that a person may write it, by chance. */
function write([id, parts]: readonly [string, Parts], isShort: boolean): Json {
  const said = Object.entries(parts).filter(([key, value]) => value !== undefined && (key !== 'drainUntil' || isTakenOut(parts)));
  const mayBeShort = parts.url === `http://${id}` && isShort;
  if (mayBeShort && said.length === 1) return parts.url;
  return { ...(mayBeShort ? {} : { id }), ...Object.fromEntries(said) };
}

const isTakenOut = ({ state }: Parts): boolean => state === 'drain' || state === 'maint';

/** The naive merge: every target for itself, every part for itself. */
function naive(base: Side, live: Side, file: Side): [string, Parts][] {
  return [...new Set([...file.keys(), ...live.keys()])].flatMap((id): [string, Parts][] => {
    const [was, is, wanted] = [base.get(id), live.get(id), file.get(id)].map((parts) =>
      parts && !isTakenOut(parts) ? { ...parts, drainUntil: undefined } : parts,
    );
    const same = (...keys: (keyof Parts)[]): boolean => keys.every((key) => was?.[key] === wanted?.[key]);
    const isTouched = !same('url', 'weight', 'state', 'drainUntil') || (was === undefined) !== (wanted === undefined);
    if (!isTouched) return is === undefined ? [] : [[id, is]];
    if (wanted === undefined || is === undefined) return wanted === undefined ? [] : [[id, wanted]];
    const pair = same('state', 'drainUntil') ? is : wanted;
    return [
      [
        id,
        {
          url: same('url') ? is.url : wanted.url,
          weight: same('weight') ? is.weight : wanted.weight,
          state: pair.state,
          drainUntil: pair.drainUntil,
        },
      ],
    ];
  });
}

/** Whatever way they are written. */
function read(targets: Json | undefined): unknown[] {
  return (targets as readonly Json[]).map((item) => {
    const object = (typeof item === 'string' ? { url: item } : item) as JsonObject;
    const { url, weight, state, drainUntil } = object as unknown as Parts;
    return [object['id'] ?? url.slice('http://'.length), { url, weight, state, drainUntil }];
  });
}

test('targets are merged as each would be for itself, in whatever way they are written, and what comes of it is valid', () => {
  fc.assert(
    fc.property(side, side, side, fc.infiniteStream(fc.boolean()), (base, live, file, chance) => {
      const pool = (of: Side): JsonObject => ({ targets: [...of].map((entry) => write(entry, chance.next().value)) });
      const merged = merge(pool(base), pool(live), pool(file)) as JsonObject;
      const expected = naive(base, live, file).map(([id, parts]) => [id, isTakenOut(parts) ? parts : { ...parts, drainUntil: undefined }]);
      expect(read(merged['targets'])).toEqual(expected);
      expect(interpret({ ...doc(merged), routes: [{ service: 'demo' }] })).toHaveProperty('kind', 'valid');
    }),
    { numRuns: 500 },
  );
});
