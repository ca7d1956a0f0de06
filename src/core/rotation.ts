/** Longest rotation that is compiled exactly; beyond it weights are rounded to shares of about this many visits. */
const visitsMax = 16_384;

/**
 * The order in which weighted round robin visits the items of a list: item `i` appears in proportion to `weights[i]`, spread over the round,
 * items of weight 0 never. Equal weights give 0, 1, 2 …; no positive weight gives an empty rotation. Weights are non-negative integers.
 *
 * Visit `v` of an item with share `s` has a window: from the moment when the item has had its `v / s` of the round, to the one when it should
 * have had one more. So after any number of visits, in this round or the next, each item has had its share to within one. One visit in each
 * window always fits (Tijdeman, The chairman assignment problem, 1980), and giving every visit, by the end of its window, the earliest place
 * that is free finds it: whoever can still use an earlier place can use a later one too.
 */
export function compileRotation(weights: readonly number[]): readonly number[] {
  const visits = visitsPerRound(weights);
  if (visits.every((count) => count <= 1)) return [...visits.keys()].filter((item) => visits[item] === 1);
  const total = visits.reduce((sum, count) => sum + count, 0);
  const rotation: number[] = [];
  for (let place = 0; place < total; place++) rotation.push(0);
  const free = new FreePlaces(total);
  const { items, froms } = windowsByEnd(visits, total);
  for (let window = 0; window < total; window++) rotation[free.take(froms[window]!)] = items[window]!;
  return rotation;
}

/**
 * The windows of all visits: whose each is, and from which place on. Those that end first come first; of those that end together, the ones
 * of items with more visits. Sorted by counting, because ten thousand targets have some forty thousand windows.
 */
function windowsByEnd(visits: readonly number[], total: number): { items: Uint32Array; froms: Uint32Array } {
  const items = new Uint32Array(total);
  const froms = new Uint32Array(total);
  const order = new Uint32Array(visits.keys()).toSorted((a, b) => visits[b]! - visits[a]! || a - b);
  /** By end, where the next window with that end goes. */
  const next = new Uint32Array(total + 2);
  for (const count of visits) for (let visit = 1; visit <= count; visit++) next[Math.ceil((visit * total) / count) + 1]! += 1;
  for (let end = 1; end <= total; end++) next[end]! += next[end - 1]!;
  for (const item of order) {
    const count = visits[item]!;
    for (let visit = 0; visit < count; visit++) {
      const window = next[Math.ceil(((visit + 1) * total) / count)]!++;
      items[window] = item;
      froms[window] = Math.floor((visit * total) / count);
    }
  }
  return { items, froms };
}

/** The weights without their common measure, rounded where a round would be too long. */
function visitsPerRound(weights: readonly number[]): number[] {
  const divisor = weights.reduce(greatestCommonDivisor, 0) || 1;
  const visits = weights.map((weight) => weight / divisor);
  const total = visits.reduce((sum, count) => sum + count, 0);
  const limit = Math.max(visitsMax, 4 * weights.length);
  if (total <= limit) return visits;
  return visits.map((count) => (count === 0 ? 0 : Math.max(1, Math.round((count * limit) / total))));
}

/** Which places are free; finding the next one costs next to nothing, however many are taken (a union-find with path halving). */
class FreePlaces {
  /** Of a free place itself, of a taken one a later place. */
  readonly #next: Int32Array;

  constructor(count: number) {
    this.#next = new Int32Array(count + 1);
    for (let place = 0; place <= count; place++) this.#next[place] = place;
  }

  /** Takes the first free place at or after `from`. */
  take(from: number): number {
    const next = this.#next;
    let place = from;
    while (next[place] !== place) place = next[place] = next[next[place]!]!;
    next[place] = place + 1;
    return place;
  }
}

function greatestCommonDivisor(a: number, b: number): number {
  while (b !== 0) [a, b] = [b, a % b];
  return a;
}
