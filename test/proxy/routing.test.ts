import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { accountsOf, reportAccounts, retiredMax } from '../../proxy/accounts.ts';
import { type Destination, plainDestination } from '../../proxy/http1/destination.ts';
import type { LiveTarget } from '../../proxy/live.ts';
import { bindRouting, emptyRouting, KnownConditions, type Routing } from '../../proxy/routing.ts';
import type { Connector } from '../../proxy/sides.ts';
import { noConditions } from '../../src/core/conditions.ts';
import type { Model } from '../../src/core/model.ts';
import type { ServiceReport } from '../../src/core/reports.ts';
import { compileSnapshot } from '../../src/core/snapshot.ts';
import { aPool, aService, aTarget } from '../support/model.ts';

/** Targets by pool by service; a target is called after its host. */
type Shape = Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;

function modelOf(shape: Shape): Model {
  const services = Object.entries(shape).map(([id, pools]) =>
    aService(id, {
      pools: Object.entries(pools).map(([pool, hosts]) =>
        aPool(pool, { targets: hosts.map((host) => aTarget(host, { address: { host, port: 80 } })) }),
      ),
    }),
  );
  return { listeners: [], services, routes: [] };
}

function reportServices(routing: Routing): ServiceReport[] {
  return reportAccounts([...accountsOf(routing.services.values()), ...routing.retired], new Map(), () => []);
}

/** Connectors that only know whether they have been closed. */
class TestConnectors {
  readonly open = new Set<string>();
  readonly connectorTo = ({ address: { host } }: Destination): Connector => {
    this.open.add(host);
    return { close: () => this.open.delete(host), renew: () => {} } as unknown as Connector;
  };
}

function revise(routing: Routing, shape: Shape, connectors = new TestConnectors(), revision = routing.revision + 1): Routing {
  return bindRouting(compileSnapshot(modelOf(shape), revision), routing, {
    destinationOf: ({ address }) => plainDestination(address),
    connectorTo: connectors.connectorTo,
    random: () => 0.5,
    share: { count: 1, index: 0 },
    conditions: new KnownConditions(noConditions),
    nowMs: 0,
    wallMs: 0,
  });
}

function targetIn(routing: Routing, service: string, pool: string, id: string): LiveTarget {
  const found = routing.services
    .get(service)
    ?.pools.find((candidate) => candidate.id === pool)
    ?.targets.find((target) => target.id === id);
  if (found === undefined) throw new Error(`no target ${service}/${pool}/${id}`);
  return found;
}

/** Every total of a report by its name. */
function totalsOf(routing: Routing): Map<string, number> {
  const totals = new Map<string, number>();
  for (const service of reportServices(routing)) {
    totals.set(`${service.id} retries`, service.retries);
    for (const pool of service.pools) {
      totals.set(`${service.id}/${pool.id} ms`, pool.durations.sumMs);
      for (const { id, codes } of pool.targets) totals.set(`${service.id}/${pool.id}/${id}`, codes['200'] ?? 0);
    }
  }
  return totals;
}

describe('what runs on a target that is gone', () => {
  test.each([
    { how: 'because a revision removed it has so long', again: false, untilMs: 30_000 },
    { how: 'because its name means another address now has as long as it takes', again: true, untilMs: undefined },
  ])('$how', ({ again, untilMs }) => {
    const first = revise(emptyRouting, { shop: { blue: ['a', 'b'] } });
    const target = targetIn(first, 'shop', 'blue', 'b');
    target.inFlight = 1;
    revise(first, { shop: { blue: ['a'] } }, new TestConnectors(), again ? first.revision : first.revision + 1);
    expect(target).toMatchObject({ retired: true, drainUntilMs: untilMs, open: false });
  });
});

describe('what a revision removes', () => {
  const both = { shop: { blue: ['a', 'b'] } };

  test('stays in the report with its counts and its running requests, until it returns', () => {
    const connectors = new TestConnectors();
    const first = revise(emptyRouting, both, connectors);
    const target = targetIn(first, 'shop', 'blue', 'b');
    target.statuses.add(200);
    target.inFlight = 3;

    const removed = revise(first, { shop: { blue: ['a'] } }, connectors);
    expect(reportServices(removed)[0]?.pools[0]?.targets).toMatchObject([
      { id: 'a', inFlight: 0, codes: {} },
      { id: 'b', inFlight: 3, codes: { 200: 1 } },
    ]);
    expect([...connectors.open]).toEqual(['a']);
    target.inFlight -= 1;
    target.statuses.add(200);

    const returned = revise(revise(removed, { shop: { blue: ['a'] } }, connectors), both, connectors);
    expect(targetIn(returned, 'shop', 'blue', 'b')).toBe(target);
    expect(reportServices(returned)[0]?.pools[0]?.targets[1]).toMatchObject({ id: 'b', inFlight: 2, codes: { 200: 2 } });
    expect(returned.retired).toEqual([]);
    expect([...connectors.open]).toEqual(['a', 'b']);
  });

  test('may be a whole service, or a pool that has no target', () => {
    const first = revise(emptyRouting, { shop: { blue: ['a'], empty: [] } });
    first.services.get('shop')!.counts.retries = 5;
    for (const pool of first.services.get('shop')!.pools) pool.counts.durations.add(7);
    const removed = revise(first, { other: { blue: ['a'] } });
    expect(totalsOf(removed)).toEqual(totalsOf(first).set('other retries', 0).set('other/blue ms', 0).set('other/blue/a', 0));
    const returned = revise(removed, { shop: { blue: ['a'], empty: ['z'] } });
    expect(returned.services.get('shop')!.counts.retries).toBe(5);
    expect(returned.services.get('shop')!.pools[1]!.counts.durations.report().sumMs).toBe(7);
  });

  test(`is forgotten, the oldest first, where there are more than ${retiredMax} of it; never while a request runs there`, () => {
    let routing = revise(emptyRouting, { shop: { blue: ['t0'] } });
    targetIn(routing, 'shop', 'blue', 't0').inFlight = 1;
    for (let round = 1; round <= retiredMax + 10; round++) routing = revise(routing, { shop: { blue: [`t${round}`] } });
    expect(routing.retired).toHaveLength(retiredMax);
    expect(routing.retired.slice(0, 2).map(({ target }) => target?.id)).toEqual(['t0', 't11']);
  });
});

test('totals never run backwards, whatever revisions come and go', () => {
  const hosts = fc.subarray(['a', 'b', 'c']);
  const pools = fc.record({ blue: hosts, green: hosts }, { requiredKeys: [] });
  const shapes = fc.array(fc.record({ shop: pools, api: pools }, { requiredKeys: [] }), { maxLength: 20 });
  fc.assert(
    fc.property(shapes, (revisions) => {
      let routing: Routing = emptyRouting;
      let before = new Map<string, number>();
      let finished = 0;
      for (const shape of revisions) {
        routing = revise(routing, shape);
        for (const service of routing.services.values()) {
          service.counts.retries += 1;
          for (const pool of service.pools) {
            pool.counts.durations.add(1);
            for (const target of pool.targets) {
              target.statuses.add(200);
              finished += 1;
            }
          }
        }
        const totals = totalsOf(routing);
        const backwards = [...before].filter(([name, total]) => (totals.get(name) ?? -1) < total);
        expect(backwards).toEqual([]);
        before = totals;
      }
      const counted = [...before].filter(([name]) => name.split('/').length === 3).reduce((sum, [, count]) => sum + count, 0);
      expect(counted).toBe(finished);
    }),
  );
});
