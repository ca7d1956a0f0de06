import type { Account } from './ill-account.ts';
import type { IllSite, SiteOptions } from './ill-site.ts';
import type { IllTarget } from './ill-target.ts';

/** Two targets, other ones in each round. */
type Pair = readonly [IllTarget, IllTarget];

/** One way of being ill. */
export interface Scenario {
  readonly name: string;
  readonly claim: string;
  readonly site?: SiteOptions;
  readonly fallIll: (site: IllSite, pair: Pair) => Promise<void>;
  readonly recover: (site: IllSite, pair: Pair) => Promise<void>;
  /** Whether both are waited for until they serve again, be it the last round or not. */
  readonly awaitsReturn?: boolean;
  /** There is one round only, as long as it may take: a second one would have to wait too long until both serve again. */
  readonly once?: boolean;
  /** It is the same two in each round. */
  readonly alwaysTheSame?: boolean;
  /** Causes that a POST may fail with besides those of {@link Account.complaints}. */
  readonly postCauses?: readonly string[];
  /** Answers that may be cut at most, for so many clients. Default none. */
  readonly cutsMax?: (connections: number) => number;
  /** That it was so ill that something had to be done: without, the scenario shows nothing. */
  readonly proof: (account: Account) => boolean;
}

const hasRetried = ({ retries }: Account): boolean => retries > 0;
const becomeWell = async (_site: IllSite, pair: Pair): Promise<void> => {
  for (const target of pair) await target.become('well');
};

/**
 * In all but `closing` no request meets two targets that take it and leave it unanswered, because it is sent to another once only: the second
 * target falls ill when everything that the first had taken is over.
 */
export const scenarios: readonly Scenario[] = [
  {
    name: 'killed',
    claim: 'a target is killed, and another, and both come back',
    awaitsReturn: true,
    fallIll: async ({ load, untilUnavailable }, [first, second]) => {
      await first.kill();
      await load.turnOver();
      await second.kill();
      await untilUnavailable(first, second);
    },
    recover: async (_site, pair) => {
      for (const target of pair) await target.revive();
    },
    proof: hasRetried,
  },
  {
    name: 'hung',
    claim: 'a target hangs, and another, and both go on',
    awaitsReturn: true,
    fallIll: async ({ load, untilUnavailable }, [first, second]) => {
      first.hang();
      await untilUnavailable(first);
      await load.turnOver();
      second.hang();
      await untilUnavailable(second);
    },
    recover: async (_site, pair) => {
      for (const target of pair) target.wake();
    },
    proof: (account) => hasRetried(account) && account.of('failed', 'POST').some(({ by }) => by === 'response_timeout'),
  },
  {
    name: 'hung, other refusing',
    claim: 'a target hangs while another one’s port is closed',
    fallIll: async ({ load, untilUnavailable }, [first, second]) => {
      await first.become('refusing');
      await load.turnOver();
      second.hang();
      await untilUnavailable(first, second);
    },
    recover: async (_site, [first, second]) => {
      second.wake();
      await first.become('well');
    },
    proof: hasRetried,
  },
  {
    name: 'refusing',
    claim: 'two targets close their ports, and open them again',
    fallIll: async ({ load, untilUnavailable }, [first, second]) => {
      await first.become('refusing');
      await load.turnOver();
      await second.become('refusing');
      await untilUnavailable(first, second);
    },
    recover: becomeWell,
    proof: hasRetried,
  },
  {
    name: 'slow',
    claim: 'a target is slow, and another slower than anybody waits',
    fallIll: async ({ load, untilEjected }, [slow, tooSlow]) => {
      await slow.become('slow');
      await load.more(100);
      await untilEjected(tooSlow, () => tooSlow.become('too slow'));
    },
    recover: becomeWell,
    proof: hasRetried,
  },
  {
    name: 'flapping',
    claim: 'a target keeps closing and opening its port, and another keeps failing its probes and passing them',
    fallIll: async ({ load }, [port, probes]) => {
      for (let flap = 0; flap < 8; flap++) {
        await port.become(flap % 2 === 0 ? 'refusing' : 'well');
        await probes.become(flap % 2 === 0 ? 'sick' : 'well');
        await load.more(60);
      }
    },
    recover: becomeWell,
    proof: hasRetried,
  },
  {
    name: 'closing',
    claim: 'two targets close every connection behind its answer without having said so',
    fallIll: async ({ load }, pair) => {
      for (const target of pair) await target.become('closing');
      await load.more(800);
    },
    recover: becomeWell,
    proof: hasRetried,
  },
  {
    name: 'resetting',
    claim: 'a target breaks the connection of every request that it is sent, while another one’s port is closed',
    fallIll: async ({ load, untilUnavailable }, [first, second]) => {
      await first.become('refusing');
      await load.turnOver();
      await second.become('resetting');
      await untilUnavailable(first);
      await load.more(200);
    },
    recover: becomeWell,
    proof: hasRetried,
  },
  {
    name: 'resetting mid-body',
    claim: 'a target breaks the connection in the middle of every answer: nobody takes one for whole, and it is soon asked no more',
    once: true,
    site: { ejection: { failures: 3, base: '60s' } },
    fallIll: async (site, [target]) => {
      await target.become('resetting mid-body');
      await site.untilUnavailable(target);
      await site.load.turnOver();
      const before = site.load.count('cut');
      await site.load.more(300);
      if (site.load.count('cut') > before) site.complain('answers were cut after the target had been ejected');
    },
    recover: becomeWell,
    // Each worker asks it until three answers in a row were cut, and what was on its way at that moment is cut as well.
    cutsMax: (connections) => 2 * 3 + connections,
    proof: (account) => account.of('cut', 'GET').length > 0,
  },
  {
    name: 'whole pool killed',
    claim: 'every target of a pool is killed, and the fallback is there: not even the first GET fails',
    alwaysTheSame: true,
    site: { pools: { canary: 2, stable: 2 }, service: { fallback: 'stable', retry: { attempts: 2, budget: '100%', rescue: true } } },
    fallIll: async (site, pair) => {
      const { load } = site;
      await pair[0].kill();
      await load.turnOver();
      await pair[1].kill();
      await site.untilUnavailable(...pair);
      await load.turnOver();
      const before = load.count('failed');
      await load.more(200);
      if (load.count('failed') > before) site.complain('requests failed after the fallback had taken over');
    },
    recover: async (_site, pair) => {
      for (const target of pair) await target.revive();
    },
    // Nothing was written, but for what changes something there is no way out of its pool.
    postCauses: ['connection_refused'],
    proof: ({ rescued }) => rescued > 0,
  },
  {
    name: 'drained and killed',
    claim: 'a target is taken out while another is killed',
    fallIll: async (site, [drained, killed]) => {
      const { load } = site;
      await killed.kill();
      await site.setState(drained, 'drain');
      await load.turnOver();
      const before = load.answeredBy(drained.name);
      await site.untilUnavailable(killed);
      await load.more(200);
      if (load.answeredBy(drained.name) > before) site.complain('requests came to a target that had been taken out');
    },
    recover: async (site, [drained, killed]) => {
      await killed.revive();
      await site.setState(drained, 'ready');
    },
    proof: hasRetried,
  },
];

/** Plays rounds until one ends after `isEnough`, at least one; returns when everything has been accounted for. */
export async function play(site: IllSite, scenario: Scenario, isEnough: () => boolean): Promise<Account> {
  for (let round = 0; ; round++) {
    const pair = site.pair(scenario.alwaysTheSame === true ? 0 : round);
    await site.load.more(100);
    // What an earlier round has left unanswered may be on its way to another target, which must not fall ill now.
    await site.load.turnOver();
    await scenario.fallIll(site, pair);
    while (scenario.once === true && !isEnough()) await site.load.more(100);
    await scenario.recover(site, pair);
    const isLast = isEnough();
    if (!isLast || scenario.awaitsReturn === true) await site.untilBack(...pair);
    await site.load.more(100);
    if (isLast) return site.finish();
  }
}

/** What is not as it should be. */
export function complaintsAbout(account: Account, { postCauses, cutsMax, proof }: Scenario, connections: number): readonly string[] {
  const allowed = cutsMax?.(connections) ?? 0;
  const cuts = account.of('cut').length;
  return [
    ...account.complaints(postCauses),
    ...(cuts > allowed ? [`${cuts} answers were cut, expected at most ${allowed}`] : []),
    ...(proof(account) ? [] : ['the targets were not as ill as they should have been']),
  ];
}
