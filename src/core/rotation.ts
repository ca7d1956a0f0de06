/** Longest rotation that is compiled exactly; beyond it weights are rounded to shares of about this many visits. */
const visitsMax = 16_384;

/**
 * The order in which weighted round robin visits the items of a list: item `i` appears in proportion to `weights[i]`, spread as evenly
 * as its weight allows, items of weight 0 never. Equal weights give 0, 1, 2 …; no positive weight gives an empty rotation.
 *
 * Visit `v` of an item of weight `w` is due at `(v + ½) / w` of the way round; sorting by due time gives the order (stride scheduling,
 * Waldspurger and Weihl 1995). Weights are non-negative integers.
 */
export function compileRotation(weights: readonly number[]): readonly number[] {
  const divisor = weights.reduce(greatestCommonDivisor, 0);
  if (divisor === 0) return [];
  let visits = weights.map((weight) => weight / divisor);
  const total = visits.reduce((sum, count) => sum + count, 0);
  const limit = Math.max(visitsMax, 4 * weights.length);
  if (total > limit) visits = visits.map((count) => (count === 0 ? 0 : Math.max(1, Math.round((count * limit) / total))));

  const due: { item: number; at: number }[] = [];
  for (const [item, count] of visits.entries()) {
    for (let visit = 0; visit < count; visit++) due.push({ item, at: (visit + 0.5) / count });
  }
  due.sort((a, b) => a.at - b.at || a.item - b.item);
  return due.map(({ item }) => item);
}

function greatestCommonDivisor(a: number, b: number): number {
  while (b !== 0) [a, b] = [b, a % b];
  return a;
}
