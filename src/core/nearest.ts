/**
 * The name that somebody probably meant: the nearest by edit distance, where a transposition counts as one edit, or one that begins with
 * the other (`warning` for `warn`); undefined when none is near enough to be worth offering. Case does not count. The first of equals wins.
 */
export function nearestName(wanted: string, names: Iterable<string>): string | undefined {
  // A pasted novel is no typing error, and the comparison below costs the product of both lengths.
  if (wanted.length > 64) return undefined;
  let best: string | undefined;
  // A third of the letters may be wrong; in a longer name more than three are no typing error any more.
  let bestDistance = Math.min(3, Math.max(1, Math.floor(wanted.length / 3))) + 1;
  for (const name of names) {
    if (Math.abs(name.length - wanted.length) >= bestDistance) continue;
    const distance = editDistance(wanted.toLowerCase(), name.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [name, distance];
  }
  return best ?? [...names].find((name) => begins(wanted.toLowerCase(), name.toLowerCase()));
}

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

/** Optimal string alignment distance (Damerau 1964, restricted), by rows. */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      let cost = Math.min(last[column]! + 1, current[column - 1]! + 1, last[column - 1]! + (same ? 0 : 1));
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (swapped) cost = Math.min(cost, beforeLast[column - 2]! + 1);
      current.push(cost);
    }
    [beforeLast, last] = [last, current];
  }
  return last[b.length]!;
}
