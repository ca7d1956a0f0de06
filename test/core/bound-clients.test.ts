import { expect, test } from 'vitest';
import { interpret } from '../../config/interpret.ts';
import { boundLingerMs, takesBoundClients } from '../../src/core/bound-clients.ts';
import type { Json, JsonObject } from '../../src/core/json.ts';
import { compileSnapshot } from '../../src/core/snapshot.ts';

const untilMs = Date.UTC(2026, 4, 1, 12);
const drain = { state: 'drain', drainUntil: '2026-05-01T12:00:00Z' };
const [a, b] = ['http://10.0.0.1:80', 'http://10.0.0.2:80'];
const own = { key: { cookie: 'sluice_id' } };
const byHeader = { key: { header: 'x-user' } };

/** Whether the first target of blue takes bound clients, where green has as much weight and is ready. */
function takes(
  sticky: JsonObject | undefined,
  blue: JsonObject,
  nowMs = untilMs - 1,
  weights: JsonObject = { blue: 1, green: 1 },
): boolean {
  const demo = { pools: { blue, green: { targets: [b] } }, weights, ...(sticky === undefined ? {} : { sticky }) };
  const meaning = interpret({ services: { demo }, routes: [{ service: 'demo' }] });
  if (meaning.kind === 'invalid') throw new Error(JSON.stringify(meaning.problems));
  const [service] = compileSnapshot(meaning.model, 1).services;
  return takesBoundClients(service!, 0, service!.pools[0]!.targets[0]!, nowMs);
}

const draining: Json = { url: a, ...drain };

test.each<{ name: string; sticky?: JsonObject; blue: JsonObject; weights?: JsonObject; takes: boolean }>([
  { name: 'nobody is bound where nothing is sticky', blue: { targets: [draining] }, takes: false },
  { name: 'those with a cookie for it', sticky: { ...own, target: true }, blue: { targets: [draining, b] }, takes: true },
  { name: 'the same by another key', sticky: { ...byHeader, target: true }, blue: { targets: [draining, b] }, takes: true },
  { name: 'not those of its pool while that has others', sticky: own, blue: { targets: [draining, b] }, takes: false },
  { name: 'those of its pool where it is the last', sticky: own, blue: { targets: [draining, { url: b, state: 'maint' }] }, takes: true },
  { name: 'a target of weight 0 is no other', sticky: own, blue: { targets: [draining, { url: b, weight: 0 }] }, takes: true },
  { name: 'only a cookie of ours binds to a pool', sticky: byHeader, blue: { targets: [draining] }, takes: false },
  { name: 'not those of a pool that gives its clients away', sticky: own, blue: { targets: [a, b], ...drain }, takes: false },
  { name: 'not by a cookie for it either', sticky: { ...own, target: true }, blue: { targets: [a, b], ...drain }, takes: false },
  { name: 'those of a pool that keeps them', sticky: { ...own, onShrink: 'keep' }, blue: { targets: [a, b], ...drain }, takes: true },
  {
    name: 'those of a pool that cannot give them away',
    sticky: own,
    blue: { targets: [a], ...drain },
    weights: { blue: 1, green: 0 },
    takes: true,
  },
  {
    name: 'not those of a pool that has long had no clients',
    sticky: own,
    blue: { targets: [draining] },
    weights: { blue: 0, green: 1 },
    takes: false,
  },
  {
    name: 'none in maintenance',
    sticky: { ...own, target: true },
    blue: { targets: [{ url: a, ...drain, state: 'maint' }] },
    takes: false,
  },
  { name: 'one that is ready drains nobody', sticky: { ...own, target: true }, blue: { targets: [a] }, takes: false },
  { name: 'none of weight 0', sticky: { ...own, target: true }, blue: { targets: [{ ...draining, weight: 0 }] }, takes: false },
  { name: 'for ever without a deadline', sticky: own, blue: { targets: [{ url: a, state: 'drain' }] }, takes: true },
])('$name', ({ sticky, blue, weights, takes: expected }) => {
  expect(takes(sticky, blue, untilMs - 1, weights)).toBe(expected);
});

test('the deadline is over when every worker has seen that it is', () => {
  const sticky = { ...own, target: true };
  expect([boundLingerMs - 1, boundLingerMs].map((past) => takes(sticky, { targets: [draining] }, untilMs + past))).toEqual([true, false]);
});
