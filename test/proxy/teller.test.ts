import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Account, type Doing, reportAccounts } from '../../proxy/accounts.ts';
import { plainDestination } from '../../proxy/http1/destination.ts';
import { LiveTarget, PoolCounts, ServiceCounts } from '../../proxy/live.ts';
import type { Connector } from '../../proxy/sides.ts';
import { Teller } from '../../proxy/teller.ts';
import { noteClient } from '../../src/core/clients.ts';
import type { MirrorReport, WorkerReport } from '../../src/core/reports.ts';
import { heard } from '../../src/core/tellings.ts';

const destination = plainDestination({ host: '127.0.0.1', port: 80 });

/** Three services of two pools of two targets, where anything may happen. */
class World {
  accounts: readonly Account[];
  readonly doing = new Map<LiveTarget, Doing>();
  readonly mirrors = new Map<string, MirrorReport[]>();

  constructor() {
    this.accounts = ['s1', 's2', 's3'].flatMap((serviceId) => {
      const service = new ServiceCounts();
      return ['p1', 'p2'].flatMap((poolId) => {
        const pool = new PoolCounts();
        pool.countClients(true);
        return ['t1', 't2'].map((id) => {
          const target = new LiveTarget(id, destination, {} as Connector);
          return { serviceId, service, poolId, pool, target, drainMs: 0 };
        });
      });
    });
  }

  get mirrorsOf(): (id: string) => readonly MirrorReport[] {
    return (id) => this.mirrors.get(id) ?? [];
  }

  /** Everything, as it is now. */
  report(): WorkerReport {
    return reportOf(reportAccounts(this.accounts, this.doing, this.mirrorsOf));
  }
}

const reportOf = (services: WorkerReport['services']): WorkerReport => ({
  revision: 1,
  connections: 0,
  acceptPauses: 0,
  inFlight: 0,
  services,
  terminations: {},
});

/** What may happen to an account between two tellings. */
const events: Readonly<Record<string, (account: Account, world: World) => void>> = {
  answered: ({ target }) => target!.statuses.add(200),
  failed: ({ target }) => target!.statuses.add(502),
  begun: ({ target }) => void target!.inFlight++,
  ejected: ({ target }) => {
    target!.ejections++;
    target!.ejection = { ...target!.ejection, untilMs: 5 };
  },
  readmitted: ({ target }) => void (target!.ejection = { ...target!.ejection, untilMs: 0 }),
  weighed: ({ target }) => void (target!.weight = 1 - target!.weight),
  retired: ({ target }) => void (target!.retired = true),
  streams: ({ target }, { doing }) => void doing.set(target!, { streaming: 1, upgraded: 0 }),
  upgraded: ({ target }, { doing }) => void doing.set(target!, { streaming: 0, upgraded: 1 }),
  stops: ({ target }, { doing }) => void doing.delete(target!),
  picked: ({ pool }) => void pool.picked++,
  timed: ({ pool }) => pool.durations.add(7),
  queues: ({ pool }) => pool.waiting.join({ takeRoom: () => false, proceed() {}, restart() {}, onBug() {} }),
  leaves: ({ pool }) => pool.waiting.restart(),
  client: ({ pool }) => {
    pool.picked++;
    noteClient(pool.clients!.current, 12_345 + pool.picked);
  },
  minute: ({ pool }) => pool.turnClients(),
  retried: ({ service }) => void service.retries++,
  refused: ({ service }) => void service.retriesRefused++,
  rescued: ({ service }) => void service.rescued++,
  decided: ({ service }) => void service.decisions.sticky++,
  mirrored: ({ serviceId }, { mirrors }) => {
    const { sent = 0 } = mirrors.get(serviceId)?.[0] ?? {};
    mirrors.set(serviceId, [{ pool: 'shadow', sent: sent + 1, dropped: {}, inFlight: 0 }]);
  },
  removed: ({ target }, world) => void (world.accounts = world.accounts.filter((account) => account.target !== target)),
};

const happening = fc.record({ event: fc.constantFrom(...Object.keys(events)), account: fc.nat(), tell: fc.boolean(), whole: fc.nat(9) });

test('what has been told so far is always everything that was counted', () => {
  fc.assert(
    fc.property(fc.array(happening, { maxLength: 40 }), (happenings) => {
      const world = new World();
      const teller = new Teller();
      let known: WorkerReport | undefined;
      for (const { event, account, tell, whole } of happenings) {
        if (world.accounts.length > 0) events[event]!(world.accounts[account % world.accounts.length]!, world);
        if (!tell) continue;
        const { isWhole, services } = teller.tell(world.accounts, world.doing, world.mirrorsOf, whole === 0);
        known = heard(known, { isWhole, report: reportOf(services) });
        expect(known).toEqual(world.report());
      }
    }),
    { numRuns: 500 },
  );
});

test.each(Object.keys(events).filter((event) => event !== 'removed'))('%s: told once, and of one place only', (event) => {
  const world = new World();
  const teller = new Teller();
  const tell = () => teller.tell(world.accounts, world.doing, world.mirrorsOf, false);
  const account = world.accounts[6]!;
  // What ends something needs that something.
  if (event === 'stops') events['streams']!(account, world);
  if (event === 'leaves') events['queues']!(account, world);
  if (event === 'readmitted') events['ejected']!(account, world);
  // Retired is seen in what it was available for.
  if (event === 'retired' || event === 'readmitted') events['weighed']!(account, world);
  expect(tell()).toMatchObject({ isWhole: true, services: [{ id: 's1' }, { id: 's2' }, { id: 's3' }] });
  expect(tell()).toEqual({ isWhole: false, services: [] });
  events[event]!(account, world);
  const { isWhole, services } = tell();
  expect([isWhole, services.map(({ id }) => id)]).toEqual([false, ['s2']]);
  expect(services[0]!.pools.flatMap(({ targets }) => targets).length).toBeLessThanOrEqual(1);
  expect(tell()).toEqual({ isWhole: false, services: [] });
});
