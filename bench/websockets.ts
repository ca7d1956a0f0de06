// Question: what do 1,000 WebSockets live through, and what do they cost? Wanted: 100 weight moves close none; everything that is said is heard
//           once and in order, compressed or not, also large and in parts; pings and close codes arrive as they were sent; weights and
//           cookies decide who goes where; 200 event streams beside them miss nothing. An idle one costs kilobytes; what 100 clients that do
//           not read are sent does not come to lie in the workers.
// Method:   one Sluice with two workers; clients and applications are in this process. Memory is what /proc says of the workers (VmRSS), after
//           as many WebSockets have come and gone as are counted then. Each slow reader is offered 100 MiB, until nothing
//           moves any more; then they read, and all that the application has sent must come. The same, small
//           and without the memory, is test/e2e/websockets.test.ts.
// Run:      node bench/websockets.ts [WebSockets] [event streams] [moves] [slow readers], by default 1000 200 100 100. About a minute.
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { TestContext } from 'vitest';
import type { WebSocket } from 'ws';
import { lookUntil } from '../test/e2e/long-drain.ts';
import { startSocketApp } from '../test/e2e/socket-app.ts';
import { openClients, type SocketClient } from '../test/e2e/socket-clients.ts';
import { isExact, SocketSite } from '../test/e2e/socket-site.ts';
import { type SluiceProcess, startSluice } from '../test/support/process.ts';

const [webSockets = 1000, eventStreams = 200, moves = 100, slowReaders = 100] = process.argv.slice(2).map(Number);
const members = Math.ceil(webSockets / 10);
const offeredBytes = 100 * 1024 ** 2;

/** What takes itself away at the end of a test: here at the end of a part. */
let cleanups: (() => unknown)[] = [];
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- nothing else of a test is used
const t = { onTestFinished: (cleanup: () => unknown) => void cleanups.push(cleanup) } as unknown as TestContext;

for (const part of [liveThroughMoves, costWhenIdle, holdSlowReaders]) {
  try {
    await part();
  } finally {
    for (const cleanup of cleanups.toReversed()) await cleanup();
    cleanups = [];
  }
}
process.exit();

async function liveThroughMoves(): Promise<void> {
  const watch = stopwatch();
  const site = await SocketSite.start(t, { webSockets, members, encrypted: 20, eventStreams, moves });
  const { split, first } = await site.open();
  const again = await site.comeAgain();
  console.log(`${site.all.length} WebSockets and ${eventStreams} event streams opened in ${watch()}; of shop ${inWords(split)}`);
  judge('weights decide where they go, to within one in each worker', isExact(split, webSockets) && isExact(first, members));
  judge(
    'cookies bring them back',
    again.every((places) => new Set(places.split(' ')).size === 1),
  );

  watch();
  const rounds = await site.moveAndTalk();
  const messages = site.all.reduce((sum, { said }) => sum + said, 0);
  console.log(`\n${moves} moves of three services in ${watch()}; meanwhile ${messages} messages in ${rounds} rounds`);
  judge(
    'none was closed',
    site.all.every(({ closing }) => closing === ''),
  );
  judge('everything was heard once and in order', site.complaints.length === 0);
  for (const complaint of site.complaints.slice(0, 5)) console.log(`     ${complaint}`);
  const { told, real } = await site.counts();
  judge('the status counts them where they are', isDeepStrictEqual(told, real));
  judge(
    'who comes now goes where the weights are now',
    (await site.comeAgain()).every((places) => places.endsWith(' blue')),
  );

  watch();
  const { wrong, drained } = await site.sayGoodbye();
  console.log(`\n${site.all.length} goodbyes in ${watch()}`);
  judge('codes and reasons arrive as they were sent, both ways', wrong.length === 0);
  for (const line of wrong.slice(0, 5)) console.log(`     ${line}`);
  judge('the drain that waited for them says so', (drained as { drained?: boolean }).drained === true);
}

async function costWhenIdle(): Promise<void> {
  const { sluice, url } = await startEcho();
  // What the first ones cost for ever, such as code that is compiled, is not theirs.
  await leave(await openClients(t, url, '/warm', webSockets), sluice);
  const before = await residentBytes(sluice);
  const clients = await openClients(t, url, '/idle', webSockets);
  const after = await residentBytes(sluice);
  for (const client of clients) await client.exchange();
  const spoken = await residentBytes(sluice);
  console.log(`\n${webSockets} idle WebSockets: ${inMiB(after - before)} in the workers, ${inKiB((after - before) / webSockets)} each`);
  console.log(`after each has spoken: ${inMiB(spoken - before)}, ${inKiB((spoken - before) / webSockets)} each`);
  judge('an idle one costs less than 64 KiB', (after - before) / webSockets < 65_536);
}

async function holdSlowReaders(): Promise<void> {
  const { sluice, url, app } = await startEcho();
  const clients = await openClients(t, url, '/slow', slowReaders, () => ({ perMessageDeflate: false }));
  const before = await residentBytes(sluice);
  let heard = 0;
  for (const { socket } of clients) {
    // What they are sent is not what they have said.
    socket.removeAllListeners('message').on('message', (message: Buffer) => (heard += message.length));
    socket.pause();
  }
  const message = Buffer.alloc(65_536, 'x');
  const offer = { sent: 0, over: false };
  const tap = (socket: WebSocket, left: number): void => {
    if (left === 0 || offer.over) return;
    offer.sent += message.length;
    socket.send(message, () => tap(socket, left - message.length));
  };
  for (const socket of app.sockets.values()) tap(socket, offeredBytes);
  let [most, seen] = [0, 0];
  do {
    seen = offer.sent;
    most = Math.max(most, await residentBytes(sluice));
  } while (offer.sent > seen);
  console.log(`\n${slowReaders} clients that do not read are offered ${inMiB(offeredBytes)} each`);
  console.log(`${inMiB(seen)} of all have left the application, and most of that lies in buffers of the system`);
  console.log(
    `at most ${inMiB(most - before)} more in the workers, ${inMiB((most - before) / slowReaders)} each, what the burst left to be collected included`,
  );
  judge('less than 2 MiB each', most - before < slowReaders * 2 * 1024 ** 2);
  judge('the application was held back', seen < slowReaders * offeredBytes);

  const watch = stopwatch();
  offer.over = true;
  for (const { socket } of clients) socket.resume();
  await lookUntil(
    async () => heard,
    (bytes) => bytes >= offer.sent,
  );
  console.log(`\nthen they read: all of it in ${watch()}`);
  judge('nothing was lost or doubled', heard === offer.sent && clients.every(({ closing }) => closing === ''));
}

async function startEcho(): Promise<{ sluice: SluiceProcess; url: string; app: Awaited<ReturnType<typeof startSocketApp>> }> {
  const app = await startSocketApp(t, 'echo');
  const document = { services: { echo: { pools: { only: { targets: [app.url] } } } } };
  const sluice = await startSluice(t, { document, workers: 2 });
  return { sluice, app, url: sluice.proxyUrl };
}

async function leave(clients: readonly SocketClient[], sluice: SluiceProcess): Promise<void> {
  await Promise.all(clients.map((client) => client.close(1000, '', 'client')));
  await lookUntil(
    async () => (await sluice.status()).workers,
    (all) => all.every(({ inFlight }) => inFlight === 0),
  );
}

/** Of all workers, a second later: what is under way has come to rest by then. */
async function residentBytes(sluice: SluiceProcess): Promise<number> {
  await pause(1000);
  const { workers } = await sluice.status();
  return workers.reduce((sum, { pid }) => sum + Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1024, 0);
}

function judge(claim: string, holds: boolean): void {
  console.log(`${holds ? 'yes' : 'NO '}  ${claim}`);
  if (!holds) process.exitCode = 1;
}

function inWords(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([name, count]) => `${count} ${name}`)
    .join(', ');
}

function inMiB(bytes: number): string {
  return `${(bytes / 1024 ** 2).toFixed(1)} MiB`;
}

function inKiB(bytes: number): string {
  return `${(bytes / 1024).toFixed(1)} KiB`;
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
