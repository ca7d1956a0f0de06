import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { findFlaw } from '../../admin-api/json-text.ts';

test.each([
  ['{"a":1,"b":{"a":1},"c":[{"a":1},{"a":2}]}', undefined],
  ['{"a":1,"b":2,"a":3}', { kind: 'duplicate', key: 'a', offset: 13 }],
  ['{"a":[{"b":1,"\\u0062":2}]}', { kind: 'duplicate', key: 'b', offset: 13 }],
  ['{"__proto__":1,"__proto__":2}', { kind: 'duplicate', key: '__proto__', offset: 15 }],
  ['{"":1,"":2}', { kind: 'duplicate', key: '', offset: 6 }],
  ['["a","a"]', undefined],
])('%s', (text, flaw) => {
  expect(findFlaw(text)).toEqual(flaw);
});

/** JSON, and JSON with a few characters taken out, put in or replaced: what people type. */
const almostJson = fc
  .tuple(
    fc.json({ maxDepth: 3 }),
    fc.array(fc.tuple(fc.nat(), fc.constantFrom('', ',', ':', '"', '{', '}', '[', ']', '1', '.', 'e', '-', '\\', 'u', 't', ' ', '\n')), {
      maxLength: 2,
    }),
  )
  .map(([json, edits]) =>
    edits.reduce((text, [at, insert]) => {
      const place = at % (text.length + 1);
      return text.slice(0, place) + insert + text.slice(place + (insert === '' ? 1 : 0));
    }, json),
  );

test('it takes for JSON what JSON.parse takes for JSON, and sees the fault where JSON.parse sees it', () => {
  fc.assert(
    fc.property(almostJson, (text) => {
      const flaw = findFlaw(text);
      try {
        JSON.parse(text);
        expect(flaw?.kind).not.toBe('syntax');
      } catch (error) {
        const position = /at position (\d+)/.exec(String(error))?.[1];
        // Of two flaws the first is told; a key that stands twice may come before what JSON.parse trips over.
        if (flaw?.kind === 'duplicate') return;
        expect(flaw).toEqual({ kind: 'syntax', offset: position === undefined ? flaw?.offset : Number(position) });
      }
    }),
    { numRuns: 3000 },
  );
});

test('as many brackets as fit into a body do not reach the end of the stack', () => {
  expect(findFlaw('['.repeat(4_000_000))).toEqual({ kind: 'syntax', offset: 4_000_000 });
});
