/** The live things that a revision names: what is counted, connected and picked from while requests run. */
import { createBalancer } from '../src/core/balancing.ts';
import type { Balancer, Candidate } from '../src/core/balancing/balancer.ts';
import { clientRegisters } from '../src/core/clients.ts';
import { goodCondition, type TargetCondition } from '../src/core/conditions.ts';
import { afterFailure, afterSuccess, afterTime, type Ejection, notEjected } from '../src/core/ejection.ts';
import type { OperatorState } from '../src/core/model.ts';
import type { OverrideTable } from '../src/core/overrides.ts';
import type { PeakEwma } from '../src/core/peak-ewma.ts';
import { slowStartShare } from '../src/core/slow-start.ts';
import { type CompiledPool, type CompiledService, stricter } from '../src/core/snapshot.ts';
import type { SplitSequence } from '../src/core/split.ts';
import { DurationCounter, StatusCounter } from './counters.ts';
import type { Destination } from './http1/destination.ts';
import type { Connector } from './sides.ts';
import type { StickyClients } from './sticky.ts';
import { WaitingLine } from './waiting-line.ts';

export interface LiveService {
  readonly id: string;
  readonly policy: CompiledService;
  readonly pools: readonly LivePool[];
  readonly fallback: LivePool | undefined;
  readonly overrides: OverrideTable;
  readonly sticky: StickyClients | undefined;
  readonly split: SplitSequence;
  readonly counts: ServiceCounts;
}

export class ServiceCounts {
  retries = 0;
  /** Requests that are being sent again now, and count against the budget of retries. */
  retrying = 0;
  /** Requests that the budget did not let be sent again. */
  retriesRefused = 0;
  rescued = 0;
  /** How pools were decided. */
  readonly decisions = { override: 0, sticky: 0, split: 0, fallback: 0, none: 0 };
}

/** What a pool keeps from one revision to the next. */
export class PoolCounts {
  readonly durations = new DurationCounter();
  /** Requests that were charged to it. */
  picked = 0;
  readonly waiting = new WaitingLine();
  /** Sketches of the clients of this minute and the one before; undefined where clients are not told apart. */
  clients: ClientSketches | undefined;

  /** Begins to count clients, or stops. */
  countClients(wanted: boolean): void {
    if (!wanted) this.clients = undefined;
    else this.clients ??= { current: new Uint8Array(clientRegisters), previous: new Uint8Array(clientRegisters) };
  }

  /** A minute is over. */
  turnClients(): void {
    if (this.clients === undefined) return;
    const { current, previous } = this.clients;
    this.clients = { current: previous.fill(0), previous: current };
  }
}

/** @see clients.ts of the core */
export interface ClientSketches {
  current: Uint8Array;
  previous: Uint8Array;
}

/** How many workers share the limits that hold for all of them, and which this one is, from 0. */
export interface WorkerShare {
  readonly count: number;
  readonly index: number;
}

/** This worker's part of a limit that holds for all workers: whole requests, and at least one. 0 = no limit, and stays so. */
export function shareOfLimit(limit: number, { count, index }: WorkerShare): number {
  if (limit === 0) return 0;
  const part = Math.floor(limit / count) + (index < limit % count ? 1 : 0);
  return Math.max(1, part);
}

export class LiveTarget implements Candidate {
  readonly id: string;
  destination: Destination;
  connector: Connector;
  /** Requests claimed and not yet released, upgraded connections included. */
  inFlight = 0;
  readonly statuses = new StatusCounter();
  weight = 0;
  /** May be picked for anybody. */
  open = false;
  /** May be picked for clients that are bound to it, although it takes nobody new. */
  openToBound = false;
  inFlightMax = Infinity;
  /** As the operator wants it. */
  state: OperatorState = 'ready';
  /** Until when what runs may go on where the state is not `ready`; ms since the epoch. */
  drainUntilMs: number | undefined;
  /** No revision names it any more. */
  retired = false;
  condition: TargetCondition = goodCondition;
  ejection: Ejection = notEjected;
  ejections = 0;
  /** When it became available, on the coarse clock; long ago for those that were there from the start. */
  availableSinceMs = -Infinity;
  slowStartMs = 0;
  /** Kept only where the balance asks for it. */
  latency: PeakEwma | undefined;
  #wasAvailable = true;

  constructor(id: string, destination: Destination, connector: Connector) {
    this.id = id;
    this.destination = destination;
    this.connector = connector;
  }

  get hasRoom(): boolean {
    return this.inFlight < this.inFlightMax;
  }

  /** What operator and target say, the stricter of both. */
  get wanted(): OperatorState {
    return stricter(this.state, this.condition.told);
  }

  get ejected(): boolean {
    return this.ejection.untilMs > 0;
  }

  /** Healthy, not ejected and ready; that it is below its limits besides, `hasRoom` says. */
  get available(): boolean {
    return this.weight > 0 && this.wanted === 'ready' && this.condition.health === 'healthy' && !this.ejected;
  }

  shareNow(nowMs: number): number {
    return this.condition.factor * slowStartShare(this.availableSinceMs, this.slowStartMs, nowMs);
  }

  latencyMs(nowMs: number): number {
    return this.latency === undefined ? 0 : this.latency.at(nowMs);
  }

  /** Notes since when it is available. */
  follow(nowMs: number): void {
    const { available } = this;
    if (available && !this.#wasAvailable) this.availableSinceMs = nowMs;
    this.#wasAvailable = available;
  }

  /** It has just been added to a pool that is running, or is another machine now: nothing is known of it. */
  arrive(): void {
    this.#wasAvailable = false;
    this.ejection = notEjected;
    this.latency = undefined;
  }
}

export class LivePool {
  readonly id: string;
  readonly policy: CompiledPool;
  readonly targets: readonly LiveTarget[];
  readonly balancer: Balancer<LiveTarget>;
  readonly counts: PoolCounts;
  /** Requests that may wait in this worker. */
  readonly queuedMax: number;
  /** How many targets are available; 0: whatever is open is so for want of better. */
  available = 0;
  /** How many may be picked. */
  open = 0;

  constructor(
    policy: CompiledPool,
    targets: readonly LiveTarget[],
    balancer: Balancer<LiveTarget>,
    counts: PoolCounts,
    share: WorkerShare,
  ) {
    this.id = policy.id;
    this.policy = policy;
    this.targets = targets;
    this.balancer = balancer;
    this.counts = counts;
    this.queuedMax = shareOfLimit(policy.limits.maxQueued, share);
  }

  /** Whether one more request may wait for a target to have room. */
  get mayWait(): boolean {
    return this.counts.waiting.length < this.queuedMax;
  }

  /**
   * Works out which targets may be picked. The one place that says so: a target that is available may, and where hardly any is (see
   * `panicShare`), all may that neither the operator nor they themselves have taken out.
   */
  refresh(nowMs: number, wallMs: number): void {
    let wanted = 0;
    let available = 0;
    for (const target of this.targets) {
      target.follow(nowMs);
      if (target.weight > 0 && target.wanted === 'ready') wanted++;
      if (target.available) available++;
    }
    const isPanic = available <= wanted * this.policy.panicShare;
    this.available = available;
    this.open = 0;
    for (const target of this.targets) {
      target.open = target.available || (isPanic && target.weight > 0 && target.wanted === 'ready');
      target.openToBound = target.available || isOpenToBound(target, wallMs);
      if (target.open) this.open++;
    }
    this.balancer.refresh();
  }

  /** The same when anything of that has changed while requests run: those who wait may have room now, or nothing to wait for any more. */
  update(nowMs: number, wallMs: number): void {
    this.refresh(nowMs, wallMs);
    if (this.available === 0) this.counts.waiting.restart();
    else this.counts.waiting.serve();
  }

  /**
   * Any target that is not in `tried`; undefined where there is none, or none has room. It takes no turn from the balancer: with one of
   * two targets dead, pick and retry would make up a whole round, and every request would begin at the dead one.
   */
  pickUntried(tried: readonly LiveTarget[], random: () => number): LiveTarget | undefined {
    return this.#anyFrom(random, (target) => target.open && target.hasRoom && !tried.includes(target));
  }

  /** Whether there is one, be it without room. */
  hasUntried(tried: readonly LiveTarget[]): boolean {
    return this.targets.some((target) => target.open && !tried.includes(target));
  }

  /** Any target that is not in `tried`, and not open only because it is held to be ill. */
  pickHeldIll(tried: readonly LiveTarget[], random: () => number): LiveTarget | undefined {
    return this.#anyFrom(random, (target) => isHeldIll(target) && target.hasRoom && !tried.includes(target));
  }

  /** A request to the target failed as connections do. */
  noteFailure(target: LiveTarget, nowMs: number, wallMs: number): void {
    const { ejection } = this.policy;
    const crowd = { targets: this.targets.length, ejected: this.#ejected(), available: this.available };
    const after = afterFailure(target.ejection, ejection, crowd, nowMs);
    const isNew = after.untilMs > 0 && target.ejection.untilMs === 0;
    target.ejection = after;
    if (!isNew) return;
    target.ejections++;
    this.update(nowMs, wallMs);
  }

  /** The target has answered, whatever it said. */
  noteSuccess(target: LiveTarget, nowMs: number): void {
    // Nearly always: nothing to forget.
    if (target.ejection.failures > 0) target.ejection = afterSuccess(target.ejection, nowMs);
  }

  /** What time alone changes: readmissions, and deadlines of those who may stay. Called about every second. */
  onTime(nowMs: number, wallMs: number): void {
    let hasChanged = false;
    for (const target of this.targets) {
      const after = afterTime(target.ejection, this.policy.ejection, nowMs);
      if (after.untilMs !== target.ejection.untilMs) hasChanged = true;
      target.ejection = after;
      if (target.openToBound && !target.open && !isOpenToBound(target, wallMs)) hasChanged = true;
    }
    if (hasChanged) this.update(nowMs, wallMs);
  }

  /** The first that fits, from any place on; goes round at most once. */
  #anyFrom(random: () => number, fits: (target: LiveTarget) => boolean): LiveTarget | undefined {
    const { targets } = this;
    const start = Math.floor(random() * targets.length);
    for (let step = 0; step < targets.length; step++) {
      const target = targets[(start + step) % targets.length]!;
      if (fits(target)) return target;
    }
    return undefined;
  }

  #ejected(): number {
    let ejected = 0;
    for (const target of this.targets) if (target.ejected) ejected++;
    return ejected;
  }
}

/** Neither the operator nor the target itself has taken it out: it is ill, ejected, or not proven yet. */
function isHeldIll({ open, retired, weight, wanted }: LiveTarget): boolean {
  return !open && !retired && weight > 0 && wanted === 'ready';
}

/** A target in drain may keep the clients that are bound to it, until the deadline. */
function isOpenToBound({ weight, wanted, condition, ejected, drainUntilMs }: LiveTarget, wallMs: number): boolean {
  if (weight === 0 || wanted !== 'drain' || condition.health === 'unhealthy' || ejected) return false;
  return drainUntilMs === undefined || wallMs < drainUntilMs;
}

/** The balancer of a pool, with its place in the round where nothing that it goes by has changed. */
export function bindBalancer(
  policy: CompiledPool,
  targets: readonly LiveTarget[],
  previous: LivePool | undefined,
  changed: boolean,
  random: () => number,
): Balancer<LiveTarget> {
  const isSame =
    previous !== undefined &&
    !changed &&
    JSON.stringify(previous.policy.balance) === JSON.stringify(policy.balance) &&
    previous.targets.length === targets.length &&
    previous.targets.every((target, index) => target === targets[index]);
  return isSame ? previous.balancer : createBalancer(policy.balance, targets, random());
}
