import { expect, test } from 'vitest';
import { eventually } from '../support/process.ts';
import { tally } from './long-drain.ts';
import { isExact, SocketSite } from './socket-site.ts';

const size = { webSockets: 100, members: 20, encrypted: 4, eventStreams: 20, moves: 20 };

test('WebSockets go where weights and cookies say, and no move closes one, or loses, doubles or turns round what it says', async (t) => {
  const site = await SocketSite.start(t, size);
  const { split, first } = await site.open();
  expect([split, isExact(split, size.webSockets)]).toEqual([split, true]);
  expect([first, isExact(first, size.members)]).toEqual([first, true]);
  const again = await site.comeAgain();
  expect(again.filter((places) => new Set(places.split(' ')).size > 1)).toEqual([]);

  expect(await site.moveAndTalk()).toBeGreaterThan(0);
  expect(site.all.map(({ closing }) => closing).filter((closing) => closing !== '')).toEqual([]);
  expect(site.complaints).toEqual([]);
  // All the weight has gone to blue: who comes now goes there, and who came before has stayed.
  expect(new Set((await site.comeAgain()).map((places) => places.split(' ')[1]))).toEqual(new Set(['blue']));
  const { told, real } = await site.counts();
  expect(told).toEqual(real);

  const { wrong, drained } = await site.sayGoodbye();
  expect(wrong).toEqual([]);
  expect(drained).toMatchObject({ drained: true });
  expect((await site.counts()).told).toEqual({});

  const lines = await eventually(
    async () => site.sluice.events().filter(({ status }) => status === 101),
    ({ length }) => length >= site.all.length,
  );
  const decisions = lines.map(
    ({ path, decision, cause }) => `${String(path).split('/').slice(1, -1).join(' ')} ${String(decision)} ${String(cause)}`,
  );
  expect(tally(decisions)).toEqual({
    'shop split ': size.webSockets,
    'club first sticky ': size.members,
    [`club again${size.members} sticky `]: size.members,
    [`club again${2 * size.members} sticky `]: size.members,
    'shop secure split ': size.encrypted,
    'vault plain split ': size.encrypted,
    'vault secure split ': size.encrypted,
  });
  expect(lines.every(({ bytes, received }) => Number(bytes) > 0 && Number(received) > 0)).toBe(true);
});
