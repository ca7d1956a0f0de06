// Question: do 1,000 WebSockets and 200 downloads live through 100 weight moves, and how does the drain of their pool close them? Wanted:
//           nobody is closed or loses a byte before the deadline; after it all are closed, spread over about 5 s.
// Method:   one Sluice with two workers; clients and targets are in this process. Every download gets one byte after each move, every
//           WebSocket says something and hears it after each tenth. Then their pool is drained; times are those at which clients notice.
//           Other clients stay in the other pool throughout. The same in small is test/e2e/long-lived.test.ts.
// Run:      node bench/long-lived.ts [WebSockets] [downloads] [moves] [deadline], by default 1000 200 100 10s. About 20 s.
import { isDeepStrictEqual } from 'node:util';
import type { TestContext } from 'vitest';
import { Crowd, type CrowdSize, type Ending } from '../test/e2e/long-crowd.ts';
import { startLongApp } from '../test/e2e/long-app.ts';
import {
  drainBlue,
  endingsExpected,
  linesExpected,
  longLines,
  lookUntil,
  moveWeights,
  shopOf,
  tally,
  windowsOf,
} from '../test/e2e/long-drain.ts';
import { startSluice } from '../test/support/process.ts';

const [webSockets = '1000', downloads = '200', moves = '100', deadline = '10s'] = process.argv.slice(2);
const size: CrowdSize = { webSockets: Number(webSockets), downloads: Number(downloads), eventStreams: 50, held: 10 };
const everybody = size.webSockets + size.downloads + size.eventStreams + size.held;

/** What takes itself away at the end of a test: here at the end of all. */
const cleanups: (() => unknown)[] = [];
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- nothing else of a test is used
const t = { onTestFinished: (cleanup: () => unknown) => void cleanups.push(cleanup) } as unknown as TestContext;

requireFiles();
try {
  await run();
} finally {
  for (const cleanup of cleanups.toReversed()) await cleanup();
}
process.exit();

/** Both ends of every connection are here, and a worker may come to have all of them, again with both ends. */
function requireFiles(): void {
  const report = process.report.getReport() as { userLimits?: { open_files?: { soft: number | 'unlimited' } } };
  const most = report.userLimits?.open_files?.soft ?? 'unlimited';
  const needed = 2 * everybody + 200;
  if (most === 'unlimited' || most >= needed) return;
  console.log(`${needed} open files are needed, and ${most} are allowed: say "ulimit -n ${needed}" first, or ask for fewer connections`);
  process.exit(1);
}

async function run(): Promise<void> {
  const [blue, green] = await Promise.all([startLongApp(t, 'blue'), startLongApp(t, 'green')]);
  const sluice = await startSluice(t, { document: shopOf(blue, green), workers: 2 });
  const watch = stopwatch();
  const crowd = await Crowd.open(t, sluice.proxyUrl, blue, size);
  console.log(`${everybody} connections opened in ${watch()}, by worker: ${await connectionsByWorker()}`);
  await sluice.api('POST', '/v1/services/shop/switch', { to: 'green' });
  const bystanders = await Crowd.open(t, sluice.proxyUrl, green, { webSockets: 20, downloads: 10, eventStreams: 5, held: 0 });

  watch();
  await moveWeights(sluice, [crowd, bystanders], Number(moves));
  console.log(`${moves} moves in ${watch()}, ${crowd.endings.length} connections closed meanwhile`);

  const { status, body, drainUntilMs, progress } = await drainBlue(sluice, crowd, deadline);
  console.log(`drained after ${watch()}\n`);
  printEndings(crowd.endings, drainUntilMs);
  const lines = await lookUntil(
    async () => longLines(sluice.events()),
    ({ length }) => length >= everybody,
  );
  await bystanders.exchange();
  await bystanders.feed();

  const windows = windowsOf(crowd.endings, drainUntilMs);
  console.log();
  judge('nothing was closed before the deadline', crowd.endings.filter(({ atMs }) => atMs < drainUntilMs).length === 0);
  judge(
    'each kind ended in its own way',
    isDeepStrictEqual(tally(crowd.endings.map(({ kind, how }) => `${kind} ${how}`)), endingsExpected(size)),
  );
  judge('targets heard 1001', isDeepStrictEqual(tally(blue.closeCodes.map(String)), { 1001: size.webSockets }));
  judge('in at least 5 windows, none with more than 30%', windows.length >= 5 && Math.max(...windows) <= 0.3 * everybody);
  judge('the call that waited says that all is drained', status === 200 && (body as { drained?: boolean }).drained === true);
  judge(
    `the status showed it go on, in ${new Set(progress.map((kinds) => JSON.stringify(kinds))).size} steps`,
    isFalling(progress.map(({ upgraded }) => upgraded)),
  );
  judge('the access log says so', isDeepStrictEqual(tally(lines), linesExpected(size)));
  judge('nothing was lost or wrong', crowd.complaints.length === 0);
  judge('nobody in the other pool has noticed', bystanders.endings.length === 0 && bystanders.complaints.length === 0);

  async function connectionsByWorker(): Promise<string> {
    const { workers } = await sluice.status();
    return workers.map(({ connections }) => connections).join(', ');
  }
}

function judge(claim: string, holds: boolean): void {
  console.log(`${holds ? 'yes' : 'NO '}  ${claim}`);
  if (!holds) process.exitCode = 1;
}

function isFalling(counts: readonly number[]): boolean {
  return counts.every((count, index) => index === 0 || count <= counts[index - 1]!);
}

function printEndings(endings: readonly Ending[], drainUntilMs: number): void {
  const kinds = ['webSocket', 'sized', 'chunked', 'events', 'held'] as const;
  console.log(['after the deadline', ...kinds, 'all', 'share'].map((name) => name.padStart(10)).join(' '));
  const windows = windowsOf(endings, drainUntilMs);
  for (const [index, count] of windows.entries()) {
    const inWindow = endings.filter(({ atMs }) => Math.floor((atMs - drainUntilMs) / 500) === index);
    const cells = kinds.map((kind) => inWindow.filter((ending) => ending.kind === kind).length);
    const share = `${((100 * count) / endings.length).toFixed(1)}%`;
    console.log(
      [
        `${(index / 2).toFixed(1)} to ${((index + 1) / 2).toFixed(1)} s`.padStart(18),
        ...[...cells, count, share].map((cell) => String(cell).padStart(10)),
      ].join(' '),
    );
  }
}

/** Each call says how long it has been since the one before. */
function stopwatch(): () => string {
  let sinceMs = performance.now();
  return () => {
    const beforeMs = sinceMs;
    sinceMs = performance.now();
    return `${((sinceMs - beforeMs) / 1000).toFixed(2)} s`;
  };
}
