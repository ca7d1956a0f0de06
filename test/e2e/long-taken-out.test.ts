import { request } from 'undici';
import { describe, expect, test, type TestContext } from 'vitest';
import type { JsonObject } from '../../src/core/json.ts';
import { eventually, type SluiceProcess, startSluice } from '../support/process.ts';
import { type LongApp, startLongApp } from './long-app.ts';
import { Crowd, type CrowdSize } from './long-crowd.ts';
import { endingsExpected, tally } from './long-drain.ts';

/** One service of many, each of which is taken apart in another way. */
interface Shop {
  readonly id: string;
  /** Its pool blue has the targets one and two, the latter taken out; green takes what blue cannot. */
  readonly one: LongApp;
  /** Where it is at the proxy. */
  readonly url: string;
}

const some: CrowdSize = { webSockets: 6, downloads: 4, eventStreams: 2, held: 2 };

/** @param drain `timeouts.drain`, by service */
async function startShops(t: TestContext, drain: Readonly<Record<string, string>>): Promise<[SluiceProcess, Shop[]]> {
  const [two, green] = await Promise.all([startLongApp(t, 'two'), startLongApp(t, 'green')]);
  const ids = Object.keys(drain);
  const ones = await Promise.all(ids.map(() => startLongApp(t, 'one')));
  const serviceOf = (id: string, one: LongApp): JsonObject => {
    const targets = [
      { id: 'one', url: one.url },
      { id: 'two', url: two.url, state: 'maint' },
    ];
    const pools = { blue: { targets }, green: { targets: [{ id: 'green', url: green.url }] } };
    return { pools, weights: { blue: 1, green: 0 }, fallback: 'green', timeouts: { drain: drain[id]! } };
  };
  const document = {
    services: Object.fromEntries(ids.map((id, index) => [id, serviceOf(id, ones[index]!)])),
    routes: ids.map((id) => ({ match: { path: `/${id}/*` }, service: id })),
  };
  const sluice = await startSluice(t, { document, workers: 2 });
  return [sluice, ids.map((id, index) => ({ id, one: ones[index]!, url: `${sluice.proxyUrl}/${id}` }))];
}

async function post(sluice: SluiceProcess, path: string, body?: JsonObject): Promise<void> {
  const answer = await sluice.api('POST', path, body);
  if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
}

const bringInTwo = (sluice: SluiceProcess, { id }: Shop) =>
  post(sluice, `/v1/services/${id}/pools/blue/targets/two/state`, { state: 'ready' });

/** Who answers some new requests. */
async function whoAnswers({ url }: Shop): Promise<string[]> {
  const names = new Set<string>();
  for (let count = 0; count < 8; count++) {
    const { statusCode, body } = await request(`${url}/`, { reset: true });
    names.add(statusCode === 200 ? await body.text() : String(statusCode));
  }
  return [...names].toSorted();
}

describe('a drain that is called off', () => {
  const ways = {
    'pool-undo': { place: 'pools/blue', before: ['one', 'two'], meanwhile: ['green'], back: ['/v1/undo'] },
    'pool-ready': { place: 'pools/blue', before: ['one', 'two'], meanwhile: ['green'], back: ['state'] },
    'target-undo': { place: 'pools/blue/targets/one', before: ['one', 'two'], meanwhile: ['two'], back: ['/v1/undo'] },
    'target-ready': { place: 'pools/blue/targets/one', before: ['one', 'two'], meanwhile: ['two'], back: ['state'] },
  } as const;
  const deadline = '2s';

  test('brings new requests back at once, and what runs stays beyond the deadline there was: pool or target, by undo or by ready', async (t) => {
    const [sluice, shops] = await startShops(t, Object.fromEntries([...Object.keys(ways), 'witness'].map((id) => [id, '30s'])));
    const witness = shops.pop()!;
    const crowds: Crowd[] = [];
    for (const shop of shops) {
      const { place, before, meanwhile, back } = ways[shop.id as keyof typeof ways];
      const crowd = await Crowd.open(t, shop.url, shop.one, some);
      crowds.push(crowd);
      await bringInTwo(sluice, shop);
      expect(await whoAnswers(shop)).toEqual(before);
      const path = `/v1/services/${shop.id}/${place}/state`;
      await post(sluice, path, { state: 'drain', deadline });
      expect(await whoAnswers(shop)).toEqual(meanwhile);
      if (back[0] === 'state') await post(sluice, path, { state: 'ready' });
      else await post(sluice, back[0]);
      expect(await whoAnswers(shop)).toEqual(before);
    }

    // What is drained later, and for longer, is closed when those deadlines have passed.
    const late = await Crowd.open(t, witness.url, witness.one, { ...some, webSockets: 20 });
    await post(sluice, '/v1/services/witness/pools/blue/state?wait=drained', { state: 'drain', deadline: '2500ms' });
    await late.allEnded;
    for (const crowd of crowds) {
      await crowd.exchange();
      await crowd.feed();
      expect([crowd.endings, crowd.complaints]).toEqual([[], []]);
    }
    for (const { one } of shops) one.answerHeld();
    await Promise.all(crowds.map(({ firstEnding }) => firstEnding));
    for (const crowd of crowds) expect(new Set(crowd.endings.map(({ how }) => how))).toEqual(new Set(['200 finished']));
  });
});

describe('what is deleted', () => {
  /** Deletes the target, or the pool after its weight has been taken away, and waits for it to be seen. */
  async function remove(sluice: SluiceProcess, shop: Shop, what: 'target' | 'pool') {
    await bringInTwo(sluice, shop);
    if (what === 'pool') await post(sluice, `/v1/services/${shop.id}/switch`, { to: 'green' });
    const calledAtMs = Date.now();
    const path = `/v1/services/${shop.id}/pools/blue${what === 'target' ? '/targets/one' : ''}`;
    const call = { answered: false };
    const answer = sluice.api('DELETE', `${path}?wait=drained`).finally(() => (call.answered = true));
    const seen = await eventually(
      async () => (await sluice.status()).services[shop.id]!.pools['blue']!,
      ({ removed, targets }) => (what === 'pool' ? removed : targets['one']!.removed) === true,
    );
    return { calledAtMs, answer, call, running: seen.targets['one']!.inFlightBy };
  }

  test.for(['target', 'pool'] as const)('may finish what runs there, and the call waits for that: a %s', async (what, t) => {
    const [sluice, [shop]] = await startShops(t, { shop: '10m' });
    const crowd = await Crowd.open(t, shop!.url, shop!.one, { webSockets: 0, downloads: 0, eventStreams: 0, held: 3 });
    await eventually(
      async () => shop!.one.held,
      (held) => held === 3,
    );
    const { answer, call, running } = await remove(sluice, shop!, what);
    expect(running).toEqual({ http: 3, streaming: 0, upgraded: 0 });
    expect(await whoAnswers(shop!)).toEqual([what === 'target' ? 'two' : 'green']);
    expect(call.answered).toBe(false);
    shop!.one.answerHeld();
    await crowd.allEnded;
    expect(tally(crowd.endings.map(({ how }) => how))).toEqual({ '200 finished': 3 });
    expect(await answer).toMatchObject({ status: 200, body: { changed: true, drained: true } });
    expect((await sluice.status()).services['shop']!.pools['blue']?.targets['one']).toBeUndefined();
  });

  test('has `timeouts.drain` for it; then what is left is closed, each in its way: a target, and a pool', async (t) => {
    const [sluice, shops] = await startShops(t, { 'a-target': '2s', 'a-pool': '2s' });
    const crowds = [];
    for (const shop of shops) crowds.push(await Crowd.open(t, shop.url, shop.one, some));
    const removals = await Promise.all(shops.map((shop) => remove(sluice, shop, shop.id === 'a-pool' ? 'pool' : 'target')));
    for (const [index, { answer, calledAtMs, running }] of removals.entries()) {
      expect(running).toEqual({ http: 2, streaming: 6, upgraded: 6 });
      expect(await answer).toMatchObject({ status: 200, body: { drained: true } });
      const { allEnded, endings } = crowds[index]!;
      await allEnded;
      expect(tally(endings.map(({ kind, how }) => `${kind} ${how}`))).toEqual(endingsExpected(some));
      expect(endings.filter(({ atMs }) => atMs < calledAtMs + 2000)).toEqual([]);
    }
  });
});
