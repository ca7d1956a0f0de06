/** How long a process must have lived for its end not to count as one of a series. Milliseconds. */
export const livedLongEnoughMs = 5000;

const firstDelayMs = 250;
const delayMaxMs = 30_000;

/** A place whose process has ended: how many ended early in a row, and how long to wait before the next. */
export interface RestartDelay {
  /** 0 when the process had lived long enough to forget the ones before it. */
  readonly earlyDeaths: number;
  readonly delayMs: number;
}

/**
 * What to do when a process ends after `livedMs`, where `earlyDeaths` before it ended early. The first is replaced at once, since
 * clients are waiting; one that keeps dying waits 0.25 s, 0.5 s, 1 s … at most 30 s, so that it neither fills the log nor eats a core.
 */
export function delayRestart(earlyDeaths: number, livedMs: number): RestartDelay {
  if (livedMs >= livedLongEnoughMs) return { earlyDeaths: 0, delayMs: 0 };
  const deaths = earlyDeaths + 1;
  return { earlyDeaths: deaths, delayMs: deaths === 1 ? 0 : Math.min(delayMaxMs, firstDelayMs * 2 ** (deaths - 2)) };
}
