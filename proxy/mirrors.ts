import { type MirrorLimits, mirrorLimits } from '../src/core/mirror-limits.ts';
import type { MirrorReport } from '../src/core/reports.ts';
import type { Destination } from './http1/destination.ts';
import { Framing, type RequestHead, safeMethods } from './message.ts';
import { MirrorAccount } from './mirrors/account.ts';
import { MirrorConnections } from './mirrors/connections.ts';
import { Copy, type CopyOwner, Pair, type Recording } from './mirrors/copy.ts';
import { mirrorField } from './mirrors/copy-fields.ts';

export type { Recording } from './mirrors/copy.ts';

/** What is copied of a service's requests, and to where. A `LiveService` is one. */
export interface MirroredService<Pool extends { readonly id: string }> {
  readonly id: string;
  readonly pools: readonly Pool[];
  readonly policy: {
    /** `pool` is an index into `pools`; a pool occurs once. */
    readonly mirrors: readonly { readonly pool: number; readonly share: number; readonly unsafe: boolean }[];
  };
}

/** What a copy needs to know of a target. */
export interface MirrorTarget {
  readonly id: string;
  readonly destination: Destination;
}

/** So many accounts of what no revision names any more are kept; beyond that the oldest are forgotten. */
const retiredMax = 1000;

/**
 * Copies of requests to shadow pools, of one worker: fire and forget. The request that is copied never waits for its copy, is never held
 * back by it and never fails because of it: what a copy needs is taken as it passes by, within bounds (`MirrorLimits`), and over a bound the
 * copy is dropped and counted. Copies are sent when the events at hand have been worked on, so that requests go first.
 *
 * A copy is sent once at most. What becomes of it counts here only: never in the counts, the health or the verdicts of the pools.
 * `test/proxy/mirrors.test.ts` holds it to all of that.
 */
export class Mirrors implements CopyOwner {
  readonly limits: MirrorLimits;
  heldBytes = 0;
  readonly #clock: { readonly nowMs: number };
  readonly #random: () => number;
  readonly #onBug: (error: unknown) => void;
  /** By service and pool, in the order in which revisions named them. */
  readonly #accounts = new Map<string, Map<string, MirrorAccount>>();
  /** All that are not over, oldest first. */
  readonly #copies = new Set<Copy>();
  /** Those that are whole and wait to be sent. */
  #waiting: Copy[] = [];
  #sending: NodeJS.Immediate | undefined;
  /** Undici is loaded where there are mirrors, and nowhere else: it costs 25 MB and 90 ms. */
  #undici: 'not loaded' | 'loading' | 'missing' | MirrorConnections = 'not loaded';
  #isClosed = false;

  /**
   * @param clock a coarse clock: exact to a tick
   * @param random gives numbers in [0, 1)
   * @param onBug tells an operator of a bug of ours
   */
  constructor(
    clock: { readonly nowMs: number },
    random: () => number,
    onBug: (error: unknown) => void,
    limits: MirrorLimits = mirrorLimits,
  ) {
    this.#clock = clock;
    this.#random = random;
    this.#onBug = onBug;
    this.limits = limits;
  }

  /** Copies that are not over, those that are being recorded included. */
  get inFlight(): number {
    return this.#copies.size;
  }

  /** Addresses that copies were sent to lately. */
  get addresses(): number {
    return typeof this.#undici === 'object' ? this.#undici.size : 0;
  }

  /** Told of each revision, so that the first request that is to be copied finds everything ready. `begin` works without it. */
  prepare(services: Iterable<MirroredService<{ readonly id: string }>>): void {
    const named = new Set<MirrorAccount>();
    for (const { id, pools, policy } of services) {
      for (const { pool } of policy.mirrors) named.add(this.#accountOf(id, pools[pool]!.id));
    }
    if (named.size > 0) this.#load();
    this.#forget(named);
  }

  /**
   * Called when a request has been claimed, and only for services with mirrors. Copies it to all of them whose turn it is, each by its share
   * of the requests that it may copy.
   * @param forwarding the field lines that we add to the request
   * @param pickTarget of a mirror's pool; undefined = none is available
   * @returns what wants the request's body; undefined where there is none, or nobody wants it
   */
  begin<Pool extends { readonly id: string }>(
    service: MirroredService<Pool>,
    head: RequestHead,
    forwarding: string,
    pickTarget: (pool: Pool) => MirrorTarget | undefined,
  ): Recording | undefined {
    // A copy is not copied again, or two services that mirror to each other would never stop.
    if (this.#isClosed || head.upgrade !== '' || head.header(mirrorField) !== undefined) return undefined;
    let recording: Recording | undefined;
    for (const { pool: index, share, unsafe } of service.policy.mirrors) {
      if (!unsafe && !safeMethods.has(head.method)) continue;
      const pool = service.pools[index]!;
      const account = this.#accountOf(service.id, pool.id);
      if (!account.takesNext(share, this.#random)) continue;
      const copy = this.#copy(account, head, forwarding, () => pickTarget(pool));
      if (copy?.isRecording === true) recording = recording === undefined ? copy : new Pair(recording, copy);
    }
    return recording;
  }

  /** Gives up what takes too long. Called on every tick of the worker. */
  onTick(nowMs: number): void {
    for (const copy of this.#copies) {
      if (nowMs - copy.begunMs < this.limits.timeMs) break;
      copy.drop('timeout');
    }
    if (typeof this.#undici === 'object') this.#undici.tidy(nowMs);
  }

  report(serviceId: string): MirrorReport[] {
    return [...(this.#accounts.get(serviceId) ?? [])].map(([pool, account]) => account.report(pool));
  }

  /** Breaks off everything. Nothing is copied any more. */
  close(): void {
    this.#isClosed = true;
    clearImmediate(this.#sending);
    for (const copy of this.#copies) copy.drop('incomplete');
    if (typeof this.#undici === 'object') this.#undici.close();
  }

  // From copies.

  send(copy: Copy): void {
    this.#waiting.push(copy);
    if (this.#undici === 'not loaded') this.#load();
    else if (this.#undici !== 'loading') this.#sending ??= setImmediate(() => this.#sendWaiting());
  }

  forget(copy: Copy): void {
    this.#copies.delete(copy);
  }

  #copy(account: MirrorAccount, head: RequestHead, forwarding: string, pickTarget: () => MirrorTarget | undefined): Copy | undefined {
    if (this.#copies.size >= this.limits.copies) {
      account.drop('concurrency');
      return undefined;
    }
    if (head.framing === Framing.length && head.contentLength > this.limits.bodyBytes) {
      account.drop('body_too_large');
      return undefined;
    }
    const target = pickTarget();
    if (target === undefined) {
      account.drop('no_target');
      return undefined;
    }
    const copy = new Copy(this, account, target.destination, head, forwarding, this.#clock.nowMs);
    this.#copies.add(copy);
    if (head.framing === Framing.none) copy.onEnd();
    return copy;
  }

  #sendWaiting(): void {
    this.#sending = undefined;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const copy of waiting) {
      if (copy.isOver) continue;
      if (typeof this.#undici === 'object') this.#undici.send(copy);
      else copy.drop('connect_failed');
    }
  }

  #load(): void {
    if (this.#undici !== 'not loaded') return;
    this.#undici = 'loading';
    import('undici').then(
      ({ Client }) => {
        this.#undici = new MirrorConnections({ limits: this.limits, clock: this.#clock, onBug: this.#onBug, UndiciClient: Client });
        this.#sendWaiting();
      },
      (error: unknown) => {
        this.#undici = 'missing';
        this.#onBug(error);
        this.#sendWaiting();
      },
    );
  }

  #accountOf(serviceId: string, poolId: string): MirrorAccount {
    let service = this.#accounts.get(serviceId);
    if (service === undefined) this.#accounts.set(serviceId, (service = new Map()));
    let account = service.get(poolId);
    if (account === undefined) service.set(poolId, (account = new MirrorAccount()));
    return account;
  }

  /** Pools that come and go under ever new names must not fill the memory. */
  #forget(named: ReadonlySet<MirrorAccount>): void {
    const retired = [...this.#accounts].flatMap(([serviceId, service]) =>
      [...service].flatMap(([poolId, account]) => (named.has(account) ? [] : [{ serviceId, poolId, account }])),
    );
    const idle = retired.filter(({ account }) => account.inFlight === 0);
    for (const { serviceId, poolId } of idle.slice(0, Math.max(0, retired.length - retiredMax))) {
      const service = this.#accounts.get(serviceId)!;
      service.delete(poolId);
      if (service.size === 0) this.#accounts.delete(serviceId);
    }
  }
}
