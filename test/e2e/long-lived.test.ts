import { expect, test } from 'vitest';
import { eventually, startSluice } from '../support/process.ts';
import { startLongApp } from './long-app.ts';
import { Crowd } from './long-crowd.ts';
import { drainBlue, endingsExpected, linesExpected, longLines, moveWeights, shopOf, tally, windowsOf } from './long-drain.ts';

const size = { webSockets: 200, downloads: 40, eventStreams: 10, held: 5 };
const everybody = size.webSockets + size.downloads + size.eventStreams + size.held;
const moves = 30;

test(`${everybody} long-lived connections live through ${moves} moves, and a drain closes them little by little, none before its time`, async (t) => {
  const [blue, green] = await Promise.all([startLongApp(t, 'blue'), startLongApp(t, 'green')]);
  const sluice = await startSluice(t, { document: shopOf(blue, green), workers: 2 });
  const crowd = await Crowd.open(t, sluice.proxyUrl, blue, size);
  await sluice.api('POST', '/v1/services/shop/switch', { to: 'green' });
  const bystanders = await Crowd.open(t, sluice.proxyUrl, green, { webSockets: 5, downloads: 4, eventStreams: 1, held: 0 });
  await moveWeights(sluice, [crowd, bystanders], moves);
  expect(crowd.endings).toEqual([]);

  const { status, body, drainUntilMs, progress } = await drainBlue(sluice, crowd, '3s');
  expect(progress[0]).toEqual({ http: size.held, streaming: size.downloads + size.eventStreams, upgraded: size.webSockets });
  expect(tally(crowd.endings.map(({ kind, how }) => `${kind} ${how}`))).toEqual(endingsExpected(size));
  expect(crowd.endings.filter(({ atMs }) => atMs < drainUntilMs)).toEqual([]);
  expect([status, body]).toMatchObject([200, { drained: true }]);
  expect(body).not.toHaveProperty('remaining');
  expect(tally(blue.closeCodes.map(String))).toEqual({ 1001: size.webSockets });

  // Each worker ends at least ten per tick of 100 ms, so a crowd that is so small does not take all of the five seconds.
  const windows = windowsOf(crowd.endings, drainUntilMs);
  expect(windows.filter((count) => count > 0).length).toBeGreaterThanOrEqual(3);
  expect(Math.max(...windows)).toBeLessThanOrEqual(everybody * 0.6);

  // The status has shown how it went on: each kind only ever gets less.
  for (const kind of ['http', 'streaming', 'upgraded'] as const) {
    const counts = progress.map((kinds) => kinds[kind]);
    expect(counts).toEqual(counts.toSorted((a, b) => b - a));
  }
  expect(new Set(progress.map(({ upgraded }) => upgraded)).size).toBeGreaterThan(2);

  const lines = await eventually(
    async () => longLines(sluice.events()),
    ({ length }) => length >= everybody,
  );
  expect(tally(lines)).toEqual(linesExpected(size));
  // Whoever is in the other pool has not noticed.
  await bystanders.exchange();
  await bystanders.feed();
  expect([bystanders.endings, bystanders.complaints, crowd.complaints]).toEqual([[], [], []]);
});
