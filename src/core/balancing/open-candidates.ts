import type { Candidate } from './balancer.ts';

/** Those that may be picked as long as they have room, in their order. */
export function openCandidates<T extends Candidate>(candidates: readonly T[]): T[] {
  return candidates.filter(({ open, weight }) => open && weight > 0);
}

/**
 * One that has room, by chance in proportion to weight × share; undefined where none has. Exact, but it walks over all of them twice: for
 * when drawing blindly has not met one.
 */
export function drawWithRoom<T extends Candidate>(open: readonly T[], nowMs: number, random: () => number): T | undefined {
  let total = 0;
  for (const candidate of open) if (candidate.hasRoom) total += candidate.weight * candidate.shareNow(nowMs);
  let left = random() * total;
  let last: T | undefined;
  for (const candidate of open) {
    if (!candidate.hasRoom) continue;
    last = candidate;
    left -= candidate.weight * candidate.shareNow(nowMs);
    if (left < 0) break;
  }
  return last;
}
