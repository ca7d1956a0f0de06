/**
 * A long fuzz run: `npm run fuzz -- --runs 1000000 [--kind requests|answers|chunked|connections] [--seed 1] [--minutes 30]`
 *
 * Each kind gets so many cases. Prints cases per second and, of each find, seed, case and a shrunk example that belongs into
 * test/fuzz/fuzz.test.ts under a name of its own. Exits with 1 when something was found.
 */
import { parseArgs } from 'node:util';
import { fuzzKinds, type FuzzKind } from './kinds.ts';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '100000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    kind: { type: 'string' },
    minutes: { type: 'string', default: '30' },
  },
});
const runs = Number(values.runs);
const seed = Number(values.seed);
const deadline = Date.now() + Number(values.minutes) * 60_000;
/** More of the same find tells nothing new. */
const findsMax = 20;

let found = 0;
for (const [name, kind] of Object.entries(fuzzKinds)) {
  if (values.kind !== undefined && values.kind !== name) continue;
  found += await runKind(name, kind());
}
process.exit(found === 0 ? 0 : 1);

async function runKind(name: string, kind: FuzzKind): Promise<number> {
  const startedAt = performance.now();
  const seen = new Set<string>();
  let cases = 0;
  for (; cases < runs && Date.now() < deadline && seen.size < findsMax; cases++) {
    const { example, wrong } = await kind.run(seed, cases);
    if (wrong === '') continue;
    const shrunk = await kind.shrink(example, seed, cases);
    if (seen.has(shrunk.example)) continue;
    seen.add(shrunk.example);
    console.log(`${name} seed ${seed} case ${cases}: ${JSON.stringify(shrunk.example)}\n  ${shrunk.wrong.slice(0, 600)}`);
  }
  const seconds = (performance.now() - startedAt) / 1000;
  console.log(`${name}: ${cases} cases, seed ${seed}, ${Math.round(cases / seconds)} per second, ${seen.size} finds`);
  return seen.size;
}
