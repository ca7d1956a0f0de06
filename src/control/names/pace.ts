import type { Answer } from './ask.ts';

/** However short the time to live, a name is looked up once a second at most; however long, every five minutes. */
const ttlMsMin = 1000;
const ttlMsMax = 300_000;

/** What does not come from DNS has no time to live. */
const lookupTtlMs = 10_000;

const backoffMsMin = 1000;
const backoffMsMax = 30_000;

/** How long an answer is kept before it is asked for again. */
export function askAgainMs({ source, ttlMs }: Pick<Answer, 'source' | 'ttlMs'>): number {
  return source !== 'dns' ? lookupTtlMs : Math.min(ttlMsMax, Math.max(ttlMsMin, ttlMs));
}

/** How long to wait after so many failures, or answers with a part missing, in a row: 1 s, 2 s, 4 s … */
export function retryMs(failures: number): number {
  return Math.min(backoffMsMax, backoffMsMin * 2 ** Math.min(failures - 1, 10));
}
