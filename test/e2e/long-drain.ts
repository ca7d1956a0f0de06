/** What long-lived clients live through, for the test, which is small, and for `bench/long-lived.ts`, which is large. */
import { setTimeout as pause } from 'node:timers/promises';
import type { JsonObject } from '../../src/core/json.ts';
import type { LogEvent, SluiceProcess } from '../support/process.ts';
import type { LongApp } from './long-app.ts';
import type { Crowd, CrowdSize, Ending } from './long-crowd.ts';

export type Kinds = Readonly<Record<'http' | 'streaming' | 'upgraded', number>>;

const targetsEach = 20;

/** What came of the drain of a pool. */
export interface DrainAccount {
  /** The answer of the call that waited for it. */
  readonly status: number;
  readonly body: unknown;
  /** When the status said that clients have to go, since the epoch. */
  readonly drainUntilMs: number;
  /** What ran in the pool, as the status said: before the deadline first, then from time to time until nothing did. */
  readonly progress: readonly Kinds[];
}

/** Pools of several targets, which one app stands for: what is closed little by little is the pool, not each of them. */
export function shopOf(blue: LongApp, green: LongApp): JsonObject {
  const targets = (app: LongApp) => ({
    targets: Array.from({ length: targetsEach }, (_, index) => ({ id: `app-${index}`, url: app.url })),
  });
  return {
    services: { shop: { pools: { blue: targets(blue), green: targets(green) }, weights: { blue: 1, green: 0 } } },
    log: { level: 'info', access: true },
  };
}

/** Moves weights; after each move every stream goes on, and after each tenth one every WebSocket is heard. */
export async function moveWeights(sluice: SluiceProcess, crowds: readonly Crowd[], moves: number): Promise<void> {
  for (let move = 1; move <= moves; move++) {
    const green = (move * 37) % 101;
    const { status } = await sluice.api('PUT', '/v1/services/shop/weights', { blue: 100 - green, green });
    if (status !== 200) throw new Error(`move ${move} was answered ${status}`);
    for (const crowd of crowds) await crowd.feed();
    if (move % 10 === 0) for (const crowd of crowds) await crowd.exchange();
  }
}

/** Drains blue, and watches. Before the deadline, its clients go on. */
export async function drainBlue(sluice: SluiceProcess, crowd: Crowd, deadline: string): Promise<DrainAccount> {
  const blue = async () => (await sluice.status()).services['shop']!.pools['blue']!;
  const call = sluice.api('POST', '/v1/services/shop/pools/blue/state?wait=drained', { state: 'drain', deadline });
  const begun = await lookUntil(blue, ({ state }) => state === 'drain');
  const progress = [kindsIn(begun)];
  await crowd.exchange();
  await crowd.feed();
  await crowd.firstEnding;
  await lookUntil(blue, (pool) => {
    progress.push(kindsIn(pool));
    return pool.inFlight === 0;
  });
  const { status, body } = await call;
  await crowd.allEnded;
  return { status, body, drainUntilMs: Date.parse(begun.drainUntil!), progress };
}

/** As `eventually` of the tests, which only works there. */
export async function lookUntil<T>(look: () => Promise<T>, fits: (seen: T) => boolean): Promise<T> {
  for (;;) {
    const seen = await look();
    if (fits(seen)) return seen;
    await pause(20);
  }
}

/** What the access log says of everything that ran in blue and was long. */
export function longLines(events: readonly LogEvent[]): string[] {
  return events
    .filter(({ path, pool }) => pool === 'blue' && typeof path === 'string' && /^\/(talk|sized|chunked|events|hold)/.test(path))
    .map(({ path, status, cause }) => `${String(path).split('/')[1]} ${String(status)} ${String(cause)}`);
}

/** How many have ended in each half of a second, from the deadline on. */
export function windowsOf(endings: readonly Ending[], drainUntilMs: number): number[] {
  const windows: number[] = [];
  for (const { atMs } of endings) {
    const index = Math.max(0, Math.floor((atMs - drainUntilMs) / 500));
    while (windows.length <= index) windows.push(0);
    windows[index]!++;
  }
  return windows;
}

/** How often each thing appears in a list. */
export function tally(things: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const thing of things) counts[thing] = (counts[thing] ?? 0) + 1;
  return counts;
}

/** How everybody should have ended, each kind in its own way. */
export function endingsExpected({ webSockets, downloads, eventStreams, held }: CrowdSize): Record<string, number> {
  return {
    'webSocket 1012 service restart': webSockets,
    'sized incomplete': Math.ceil(downloads / 2),
    'chunked incomplete': Math.floor(downloads / 2),
    'events complete': eventStreams,
    'held 503 drained': held,
  };
}

/** And what the access log should say of it. */
export function linesExpected({ webSockets, downloads, eventStreams, held }: CrowdSize): Record<string, number> {
  return {
    'talk 101 drained': webSockets,
    'sized 200 drained': Math.ceil(downloads / 2),
    'chunked 200 drained': Math.floor(downloads / 2),
    'events 200 drained': eventStreams,
    'hold 503 drained': held,
  };
}

function kindsIn({ targets }: { readonly targets: Readonly<Record<string, { readonly inFlightBy: Kinds }>> }): Kinds {
  const of = (kind: keyof Kinds) => Object.values(targets).reduce((sum, { inFlightBy }) => sum + inFlightBy[kind], 0);
  return { http: of('http'), streaming: of('streaming'), upgraded: of('upgraded') };
}
