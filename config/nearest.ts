import { nearestName } from '../src/core/nearest.ts';

/** `; did you mean "x"?`, or the list of what is there, or what there is none of. Ends a sentence about a wrong name. */
export function suggestName(word: string, candidates: readonly string[]): string {
  const close = nearestName(word, candidates);
  if (close !== undefined) return `; did you mean ${JSON.stringify(close)}?`;
  if (candidates.length === 0) return '';
  const shown = candidates.slice(0, 12).join(', ');
  return `; expected ${candidates.length === 1 ? '' : 'one of '}${shown}${candidates.length > 12 ? ' …' : ''}`;
}
