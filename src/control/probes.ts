/**
 * Probes the targets, for all workers, from the control process.
 *
 * Each has its machine (`src/core/health.ts`) and its means of being probed (`probes/prober.ts`); here are the one timer for all of
 * them, and the way of what they find to the fleet and into the events.
 */
import { type Conditions, type ConditionOf, goodCondition, type TargetCondition } from '../core/conditions.ts';
import { conditionOf, judge, probeGapMs, type TargetHealth, unproven } from '../core/health.ts';
import type { HealthCheck, Model, SocketAddress } from '../core/model.ts';
import { type Snapshot, writtenTarget } from '../core/snapshot.ts';
import type { Clock, Events, Fleet, Follower, Log } from './ports.ts';
import type { Finding } from './probes/details.ts';
import { createProber, type Prober } from './probes/prober.ts';
import { type ProbeTls, probeTlsOf } from './probes/tls.ts';

export interface ProbesParts {
  readonly fleet: Pick<Fleet, 'inform' | 'conditions'>;
  readonly events: Events;
  readonly log: Log;
  /** For what people read. */
  readonly clock: Clock;
  /** For what is measured: milliseconds that never run backwards, `performance.now` for one. */
  readonly elapsedMs: () => number;
  /** In [0, 1). */
  readonly random: () => number;
}

/** What probes know about targets, for those who show it. */
export interface HealthView {
  /** Undefined: the target is not probed. */
  conditionOf(service: string, pool: string, target: string): TargetReading | undefined;
}

export interface TargetReading extends TargetCondition {
  /** Since when `health` has been so, as far as this process knows; ms since the epoch. */
  readonly sinceMs: number;
  /** Undefined: none has ended yet. */
  readonly last: LastProbe | undefined;
  /** When the next probe begins, or when the one that runs began; ms since the epoch. */
  readonly nextProbeAtMs: number;
}

export interface LastProbe {
  /** `none`: it could not even be sent, for want of something on our side. */
  readonly kind: Finding['kind'];
  /** `status 200`, `connection refused`, … */
  readonly detail: string;
  /** When it ended, ms since the epoch. */
  readonly atMs: number;
  readonly tookMs: number;
}

/** How fine the one timer is. Intervals are of seconds, and are spread anyway. */
const tickMs = 20;

/** What changes within this time reaches the workers together. The first change does not wait. */
const informGapMs = 50;

/**
 * Probes that fall due together are spread: so many milliseconds for each, so that a few begin at once and thousands do not fill a turn, nor hit one
 * machine in one moment. New targets wait for their first result, so it takes a second at most; others take what their interval allows.
 */
const newSpread = { eachMs: 1, mostMs: 1000 };
const changedSpread = { eachMs: 5, mostMs: Infinity };

/**
 * What is known of a target that has gone is told for so long: its going is announced before the snapshot is that leaves it out, and until
 * then the workers must not take an unhealthy target for a good one.
 */
const departedKeptMs = 30_000;

export class Probes implements Follower, HealthView {
  readonly #parts: ProbesParts;
  /** What the control process before this one knew, by key. */
  readonly #seed: Map<string, ConditionOf>;
  readonly #watched = new Map<string, Watched>();
  readonly #departed = new Map<string, { readonly condition: ConditionOf; readonly untilMs: number }>();
  /** Every target of the last snapshot and where it is; undefined before the first. */
  #present: ReadonlyMap<string, string> | undefined;
  /** What was told last, as text: compared, so that nobody is told the same twice. */
  #told: string;
  #informedAtMs = -Infinity;
  #informTimer: NodeJS.Timeout | undefined;
  #timer: NodeJS.Timeout | undefined;
  #timerAtMs = Infinity;
  #isShort = false;
  #isClosed = false;

  constructor(parts: ProbesParts) {
    this.#parts = parts;
    const known = parts.fleet.conditions();
    this.#told = JSON.stringify(known);
    this.#seed = new Map(known.targets.map((condition) => [keyOf(condition.service, condition.pool, condition.target), condition]));
  }

  follow(model: Model, snapshot: Snapshot): void {
    if (this.#isClosed) return;
    const present = new Map<string, string>();
    const kept = new Set<string>();
    const due: Due = { begun: [], changed: [] };
    for (const service of snapshot.services) {
      const pools = new Map(model.services.find(({ id }) => id === service.id)?.pools.map((pool) => [pool.id, pool]));
      for (const { id, targets, tls } of service.pools) {
        const pool = pools.get(id);
        const written = new Map(pool?.targets.map((target) => [target.id, target]));
        for (const compiled of targets) {
          const { id: target, address } = compiled;
          const key = keyOf(service.id, id, target);
          present.set(key, placeOf(address));
          if (pool?.health === undefined) continue;
          kept.add(key);
          const name = writtenTarget(written, target)?.address.host ?? address.host;
          this.#watch(
            key,
            { service: service.id, pool: id, target },
            { check: pool.health, name, address, tls: probeTlsOf(compiled, tls, snapshot.files) },
            due,
          );
        }
      }
    }
    for (const [key, watched] of this.#watched) if (!kept.has(key)) this.#forget(key, watched, present.has(key));
    // Those of the start are spread over their whole interval, so that a thousand targets are not all probed in one moment for ever after.
    if (this.#present === undefined) for (const watched of due.begun) watched.dueMs += watched.check.intervalMs * this.#parts.random();
    else spread(due.begun, newSpread);
    spread(due.changed, changedSpread);
    this.#present = present;
    this.#inform();
    this.#wake();
  }

  /** The start is over: of what the process before knew, nobody will ask for what no target has claimed by now. */
  forgetBefore(): void {
    this.#seed.clear();
  }

  conditionOf(service: string, pool: string, target: string): TargetReading | undefined {
    const watched = this.#watched.get(keyOf(service, pool, target));
    if (watched === undefined) return undefined;
    const nextProbeAtMs = this.#parts.clock.nowMs() + watched.dueMs - this.#parts.elapsedMs();
    return { ...watched.condition, sinceMs: watched.sinceMs, last: watched.last, nextProbeAtMs };
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#informTimer);
    for (const { prober } of this.#watched.values()) prober.close();
    this.#watched.clear();
  }

  /** Begins to probe a target, or goes on with what has changed about it. */
  #watch(key: string, ids: TargetIds, task: Task, due: Due): void {
    const { check, name, address, tls } = task;
    const place = placeOf(address);
    const taskText = JSON.stringify([check, name, tls]);
    const before = this.#watched.get(key);
    if (before?.place === place) {
      if (before.taskText === taskText) return;
      this.#recheck(before, task, taskText);
      due.changed.push(before);
      return;
    }
    before?.prober.close();
    this.#departed.delete(key);
    const health = unproven(this.#knownOf(key, place), check.agent);
    const watched: Watched = {
      ...ids,
      place,
      check,
      taskText,
      prober: createProber(check, address, name, tls),
      health,
      condition: conditionOf(health),
      sinceMs: this.#parts.clock.nowMs(),
      last: undefined,
      dueMs: this.#parts.elapsedMs(),
      deadlineMs: Infinity,
    };
    this.#watched.set(key, watched);
    due.begun.push(watched);
  }

  /** What to go by until the first result. */
  #knownOf(key: string, place: string): TargetCondition {
    const isFirst = this.#present === undefined;
    const seeded = this.#seed.get(key);
    this.#seed.delete(key);
    if (seeded !== undefined && !this.#present?.has(key)) return seeded;
    // At the start, and where probes are switched on for a target that has traffic already, nothing speaks against it.
    if (isFirst || this.#present?.get(key) === place) return goodCondition;
    return { ...goodCondition, health: 'unknown' };
  }

  #recheck(watched: Watched, { check, name, address, tls }: Task, taskText: string): void {
    watched.prober.close();
    watched.check = check;
    watched.taskText = taskText;
    watched.prober = createProber(check, address, name, tls);
    watched.dueMs = this.#parts.elapsedMs();
    watched.deadlineMs = Infinity;
  }

  #forget(key: string, watched: Watched, isStillThere: boolean): void {
    watched.prober.close();
    this.#watched.delete(key);
    if (isStillThere || isGood(watched.condition)) return;
    this.#departed.set(key, { condition: namedCondition(watched), untilMs: this.#parts.elapsedMs() + departedKeptMs });
  }

  /** Starts what is due and ends what is late. */
  #tick(): void {
    this.#timerAtMs = Infinity;
    const nowMs = this.#parts.elapsedMs();
    for (const watched of this.#watched.values()) {
      if (nowMs >= watched.deadlineMs) watched.prober.timeOut();
      if (watched.deadlineMs === Infinity && nowMs >= watched.dueMs) this.#probe(watched, nowMs);
    }
    this.#wake();
  }

  #probe(watched: Watched, nowMs: number): void {
    const { prober } = watched;
    watched.dueMs = nowMs;
    watched.deadlineMs = nowMs + watched.check.timeoutMs;
    prober.start((finding) => {
      // A prober that was replaced has been closed, and is silent.
      this.#conclude(watched, finding);
    });
  }

  #conclude(watched: Watched, finding: Finding): void {
    const nowMs = this.#parts.elapsedMs();
    const startedMs = watched.dueMs;
    watched.deadlineMs = Infinity;
    watched.last = { kind: finding.kind, detail: finding.detail, atMs: this.#parts.clock.nowMs(), tookMs: nowMs - startedMs };
    this.#noteShortage(finding);
    if (finding.kind !== 'none') this.#judge(watched, finding, nowMs);
    watched.dueMs = Math.max(nowMs, startedMs + probeGapMs(watched.health, watched.check, this.#parts.random()));
    this.#wakeAt(watched.dueMs);
  }

  #judge(watched: Watched, result: Exclude<Finding, { kind: 'none' }>, nowMs: number): void {
    const { next, changes } = judge(watched.health, result, watched.check, nowMs);
    if (next === watched.health) return;
    if (next.verdict !== watched.health.verdict) watched.sinceMs = this.#parts.clock.nowMs();
    watched.health = next;
    watched.condition = conditionOf(next);
    const { service, pool, target } = watched;
    for (const change of changes) this.#parts.events.note({ ...change, service, pool, target });
    this.#informSoon();
  }

  /** One line when it begins, not one for each probe. */
  #noteShortage({ kind, detail }: Finding): void {
    if (kind === 'none' && !this.#isShort) this.#parts.log.error({ cause: detail }, 'targets cannot be probed; what was known stays');
    this.#isShort = kind === 'none';
  }

  #wake(): void {
    let nextMs = Infinity;
    for (const { dueMs, deadlineMs } of this.#watched.values()) nextMs = Math.min(nextMs, deadlineMs === Infinity ? dueMs : deadlineMs);
    this.#wakeAt(nextMs);
  }

  #wakeAt(atMs: number): void {
    if (this.#isClosed || atMs >= this.#timerAtMs) return;
    clearTimeout(this.#timer);
    const waitMs = Math.max(tickMs, Math.ceil(atMs - this.#parts.elapsedMs()));
    this.#timerAtMs = atMs;
    this.#timer = setTimeout(() => this.#tick(), waitMs);
  }

  #informSoon(): void {
    const waitMs = this.#informedAtMs + informGapMs - this.#parts.elapsedMs();
    if (waitMs <= 0) this.#inform();
    else this.#informTimer ??= setTimeout(() => this.#inform(), waitMs);
  }

  #inform(): void {
    clearTimeout(this.#informTimer);
    this.#informTimer = undefined;
    const nowMs = this.#parts.elapsedMs();
    for (const [key, { untilMs }] of this.#departed) if (nowMs >= untilMs) this.#departed.delete(key);
    const known = [...this.#watched.values()].filter(({ condition }) => !isGood(condition)).map(namedCondition);
    const conditions: Conditions = { targets: [...known, ...[...this.#departed.values()].map(({ condition }) => condition)] };
    const text = JSON.stringify(conditions);
    if (text === this.#told) return;
    this.#told = text;
    this.#informedAtMs = nowMs;
    this.#parts.fleet.inform(conditions);
  }
}

interface TargetIds {
  readonly service: string;
  readonly pool: string;
  readonly target: string;
}

interface Watched extends TargetIds {
  readonly place: string;
  check: HealthCheck;
  taskText: string;
  prober: Prober;
  health: TargetHealth;
  condition: TargetCondition;
  sinceMs: number;
  last: LastProbe | undefined;
  /** When the next probe is to begin; while one runs, when it began. By {@link ProbesParts.elapsedMs}. */
  dueMs: number;
  /** When the probe that runs is given up; Infinity = none runs. */
  deadlineMs: number;
}

/** How a target is to be probed. */
interface Task {
  readonly check: HealthCheck;
  /** What the document calls its host: a target that is known by its name wants to be asked by that name, not by an address. */
  readonly name: string;
  readonly address: SocketAddress;
  /** Undefined: requests reach it in the clear. */
  readonly tls: ProbeTls | undefined;
}

/** What a new snapshot has made due at once. */
interface Due {
  readonly begun: Watched[];
  readonly changed: Watched[];
}

/** In their order, evenly: the first stays where it is. */
function spread(due: readonly Watched[], { eachMs, mostMs }: typeof newSpread): void {
  for (const [index, watched] of due.entries()) {
    const spanMs = Math.min(watched.check.intervalMs, mostMs, due.length * eachMs);
    watched.dueMs += (index / due.length) * spanMs;
  }
}

function keyOf(service: string, pool: string, target: string): string {
  return `${service}\0${pool}\0${target}`;
}

function placeOf({ host, port }: SocketAddress): string {
  return `${host} ${port}`;
}

function isGood({ health, factor, told }: TargetCondition): boolean {
  return health === 'healthy' && factor === 1 && told === 'ready';
}

function namedCondition({ service, pool, target, condition: { health, factor, told } }: Watched): ConditionOf {
  return { service, pool, target, health, factor, told };
}
