/**
 * The candidate that somebody most likely meant by `word`: at most a third of its letters (and at most three) are wrong, missing, added
 * or swapped with their neighbour, or one begins with the other (`warning` for `warn`). Undefined where nothing is that close. Case does
 * not count. The first of equals wins.
 */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  // A pasted novel is no typing error, and the comparison below costs the product of both lengths.
  if (word.length > 64) return undefined;
  let best: string | undefined;
  let bestDistance = Math.min(3, Math.max(1, Math.floor(word.length / 3))) + 1;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - word.length) >= bestDistance) continue;
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance >= bestDistance) continue;
    best = candidate;
    bestDistance = distance;
  }
  return best ?? [...candidates].find((candidate) => begins(word.toLowerCase(), candidate.toLowerCase()));
}

/** `; did you mean "x"?`, or the list of what is there, or what there is none of. Ends a sentence about a wrong name. */
export function suggestName(word: string, candidates: readonly string[]): string {
  const close = nearest(word, candidates);
  if (close !== undefined) return `; did you mean ${JSON.stringify(close)}?`;
  if (candidates.length === 0) return '';
  const shown = candidates.slice(0, 12).join(', ');
  return `; expected ${candidates.length === 1 ? '' : 'one of '}${shown}${candidates.length > 12 ? ' …' : ''}`;
}

function begins(a: string, b: string): boolean {
  return Math.min(a.length, b.length) >= 3 && (a.startsWith(b) || b.startsWith(a));
}

/** Damerau-Levenshtein distance in its restricted form (optimal string alignment). */
function editDistance(a: string, b: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      let distance = Math.min(previous[column]! + 1, current[column - 1]! + 1, previous[column - 1]! + (same ? 0 : 1));
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) {
        distance = Math.min(distance, beforePrevious[column - 2]! + 1);
      }
      current.push(distance);
    }
    beforePrevious = previous;
    previous = current;
  }
  return previous[b.length]!;
}
