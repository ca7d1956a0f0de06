/**
 * The name that somebody probably meant: the nearest by edit distance, where a transposition counts as one edit, or one that begins with
 * the other (`warning` for `warn`); undefined when none is near enough to be worth offering. Case does not count. The first of equals wins.
 */
export function nearestName(wanted: string, names: readonly string[]): string | undefined {
  // A pasted novel is no typing error.
  if (wanted.length > lengthMax) return undefined;
  const lower = wanted.toLowerCase();
  const candidates = names.slice(0, candidatesMax);
  let best: string | undefined;
  // A third of the letters may be wrong; in a longer name more than three are no typing error any more.
  let bestDistance = Math.min(3, Math.max(1, Math.floor(wanted.length / 3))) + 1;
  for (const name of candidates) {
    if (Math.abs(name.length - wanted.length) >= bestDistance) continue;
    const distance = editDistance(lower, name.toLowerCase(), bestDistance);
    if (distance < bestDistance) [best, bestDistance] = [name, distance];
  }
  return best ?? candidates.find((name) => begins(lower, name.toLowerCase()));
}

/** Letters of a name that is looked for; the comparison costs about as many steps as it has letters. */
const lengthMax = 64;
/** Names that are looked through; a hint is not worth more. */
const candidatesMax = 10_000;

function begins(a: string, b: string): boolean {
  return Math.min(a.length, b.length) >= 3 && (a.startsWith(b) || b.startsWith(a));
}

/** The way out of an unknown name, as sentences: `Did you mean "green"? There are blue and green.` */
export function nameHint(wanted: string, names: readonly string[]): string {
  const nearest = nearestName(wanted, names);
  const list =
    names.length === 0 ? 'There are none.' : names.length === 1 ? `There is only ${names[0]}.` : `There are ${enumerate(names)}.`;
  return nearest === undefined ? list : `Did you mean "${nearest}"? ${list}`;
}

/** How many names a message lists before it stops being readable. */
const namesListed = 20;

function enumerate(names: readonly string[]): string {
  if (names.length > namesListed) return `${names.slice(0, namesListed).join(', ')} and ${names.length - namesListed} more`;
  return `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}

/**
 * Optimal string alignment distance (Damerau 1964, restricted), by rows; or `limit`, where it is at least that. A cell further from the
 * diagonal than `limit` costs more than that, so only a band of each row is computed (Ukkonen 1985).
 */
function editDistance(a: string, b: string, limit: number): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current: number[] = [row];
    let least = row;
    for (let column = 1; column <= b.length; column++) {
      if (Math.abs(row - column) >= limit) {
        current.push(limit);
        continue;
      }
      const same = a[row - 1] === b[column - 1];
      let cost = Math.min(last[column]! + 1, current[column - 1]! + 1, last[column - 1]! + (same ? 0 : 1));
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (swapped) cost = Math.min(cost, beforeLast[column - 2]! + 1);
      least = Math.min(least, cost);
      current.push(cost);
    }
    // A later row builds on this one, or by a swap on the one before at one more, which is no less either.
    if (least >= limit) return limit;
    [beforeLast, last] = [last, current];
  }
  return Math.min(last[b.length]!, limit);
}
