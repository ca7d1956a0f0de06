/** Tells what has been counted, again and again, and leaves out what is as it was told last (see `tellings.ts` of the core). */
import type { MirrorReport, PoolReport, ServiceReport, TargetReport } from '../src/core/reports.ts';
import {
  type Account,
  type Doing,
  groupAccounts,
  type PoolAccounts,
  reportPool,
  reportService,
  reportTarget,
  type ServiceAccounts,
} from './accounts.ts';
import type { ClientSketches, LiveTarget, ServiceCounts } from './live.ts';

/** What of one telling is about services. */
export interface ToldServices {
  readonly isWhole: boolean;
  readonly services: readonly ServiceReport[];
}

/** How targets were told last: five numbers each, side by side, since ten thousand are compared at a time. */
const marksPerTarget = 5;
/** The number of no target. */
const untold = -1;

/**
 * Looks at every account for each telling, rather than have every request leave a mark: ten thousand targets take about a millisecond, once a
 * second. Counters only grow, so where their sum is the same, each of them is.
 */
export class Teller {
  #accounts: readonly Account[] = [];
  #services: readonly KnownService[] = [];
  #targetMarks = new Float64Array();

  /** @param wantsWhole where nobody knows any more what was told before */
  tell(
    accounts: readonly Account[],
    doing: ReadonlyMap<LiveTarget, Doing>,
    mirrorsOf: (serviceId: string) => readonly MirrorReport[],
    wantsWhole: boolean,
  ): ToldServices {
    const isWhole = wantsWhole || !isSameList(accounts, this.#accounts);
    if (isWhole) this.#beginAnew(accounts);
    const services: ServiceReport[] = [];
    for (const known of this.#services) {
      const told = this.#tellService(known, doing, mirrorsOf(known.accounts.id));
      if (told !== undefined) services.push(told);
    }
    return { isWhole, services };
  }

  #beginAnew(accounts: readonly Account[]): void {
    let targets = 0;
    this.#services = groupAccounts(accounts).map((service) => ({
      accounts: service,
      mark: untold,
      mirrorsMark: '',
      pools: service.pools.map((pool) => {
        const firstTarget = targets;
        targets += pool.targets.length;
        return { accounts: pool, firstTarget, mark: untold, queued: 0, clients: undefined };
      }),
    }));
    this.#accounts = accounts;
    this.#targetMarks = new Float64Array(targets * marksPerTarget).fill(untold);
  }

  #tellService(known: KnownService, doing: ReadonlyMap<LiveTarget, Doing>, mirrors: readonly MirrorReport[]): ServiceReport | undefined {
    const pools: PoolReport[] = [];
    for (const pool of known.pools) {
      const told = this.#tellPool(pool, doing);
      if (told !== undefined) pools.push(told);
    }
    const { id, counts } = known.accounts;
    const mark = markOf(counts);
    const mirrorsMark = mirrors.length === 0 ? '' : JSON.stringify(mirrors);
    if (pools.length === 0 && mark === known.mark && mirrorsMark === known.mirrorsMark) return undefined;
    known.mark = mark;
    known.mirrorsMark = mirrorsMark;
    return reportService(id, counts, mirrors, pools);
  }

  #tellPool(known: KnownPool, doing: ReadonlyMap<LiveTarget, Doing>): PoolReport | undefined {
    const { accounts, firstTarget } = known;
    const { counts, targets } = accounts;
    const told: TargetReport[] = [];
    for (let index = 0; index < targets.length; index++) {
      const target = targets[index]!;
      const doingThere = doing.get(target);
      if (this.#remark((firstTarget + index) * marksPerTarget, target, doingThere)) told.push(reportTarget(target, doingThere));
    }
    const mark = counts.durations.total + counts.picked;
    const queued = counts.waiting.length;
    if (told.length === 0 && mark === known.mark && queued === known.queued && counts.clients === known.clients) return undefined;
    known.mark = mark;
    known.queued = queued;
    known.clients = counts.clients;
    return reportPool(accounts, told);
  }

  /** Whether anything of the target differs from what was told last; takes note of it. */
  #remark(at: number, target: LiveTarget, doing: Doing | undefined): boolean {
    const marks = this.#targetMarks;
    const { inFlight, statuses, ejections } = target;
    const counted = statuses.total + ejections;
    const state = target.retired ? 0 : (target.available ? 1 : 0) + (target.ejected ? 2 : 0);
    const streaming = doing === undefined ? 0 : doing.streaming;
    const upgraded = doing === undefined ? 0 : doing.upgraded;
    if (
      marks[at] === counted &&
      marks[at + 1] === inFlight &&
      marks[at + 2] === state &&
      marks[at + 3] === streaming &&
      marks[at + 4] === upgraded
    ) {
      return false;
    }
    marks[at] = counted;
    marks[at + 1] = inFlight;
    marks[at + 2] = state;
    marks[at + 3] = streaming;
    marks[at + 4] = upgraded;
    return true;
  }
}

/** What is told of, and how it was told last. */
interface KnownService {
  readonly accounts: ServiceAccounts;
  readonly pools: readonly KnownPool[];
  mark: number;
  mirrorsMark: string;
}

interface KnownPool {
  readonly accounts: PoolAccounts;
  readonly firstTarget: number;
  mark: number;
  queued: number;
  /** Others take their place when a minute is over. */
  clients: ClientSketches | undefined;
}

function markOf({ retries, retriesRefused, rescued, decisions }: ServiceCounts): number {
  const { override, sticky, split, fallback, none } = decisions;
  return retries + retriesRefused + rescued + override + sticky + split + fallback + none;
}

function isSameList(a: readonly Account[], b: readonly Account[]): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (const [index, { target, pool, service }] of a.entries()) {
    const other = b[index]!;
    if (target !== other.target || pool !== other.pool || service !== other.service) return false;
  }
  return true;
}
