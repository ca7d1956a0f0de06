import { unlimitedRoom, type UpstreamRoom } from '../entrance/admission.ts';
import type { Connector, UpstreamEvents } from '../sides.ts';
import type { Destination } from './destination.ts';
import { Http1Upstream, type UpstreamOwner } from './upstream.ts';

/** Idle connections kept to one target. More than that at once were a peak, not a habit. */
const idleMax = 512;
/** Until a target shows that it closes earlier. nginx and Apache keep 60 to 75 s, Node 5 s (and says so), gunicorn 2 s. */
const idleLimitDefaultMs = 55_000;
/**
 * A request that must not be sent twice only goes where something was sent this recently, until the target's own time-out is known. No usual
 * target closes within a second, which leaves three quarters of it for whatever holds up this process, the target's, or a packet.
 */
const fragileIdleMs = 250;
/** Once it is known, such a request stays a second below the time-out, or below this share of one that is short. */
const fragileShare = 0.5;
/** A tick of the coarse clock: a connection that was seen to close may have been idle for so much less than it seems. */
const tickMs = 100;
/** After so many calls of `tidy`, or twice as many, a time-out that was not seen again counts as not known: two to four minutes. */
const knownForTidies = 120;
/** What was learned is forgotten slowly, double in about a minute: the target may only have been restarting. */
const forgetFactor = 1.01;
/** A target's clock started before ours did, and a closing packet needs its time. */
const safetyMs = 1000;

/**
 * HTTP/1.1 connections to one target: idle ones are a stack, last in first out, so that few stay busy and the rest grow old. It learns
 * how long the target keeps idle connections, from what it says and from when it closed one, and never uses one near that age.
 */
export class Http1Connector implements Connector, UpstreamOwner {
  #destination: Destination;
  readonly #clock: { readonly nowMs: number };
  readonly #room: UpstreamRoom;
  connectionsMax = Infinity;
  readonly #idle: Http1Upstream[] = [];
  /** Open or being opened, idle ones included. */
  #connections = 0;
  #idleLimitMs = idleLimitDefaultMs;
  /**
   * The shortest time-out that was seen in the present period, and in the one before. Unlike the limit above it never drifts up: at the end of
   * such a drift a request would meet the time-out. What is known no more is trusted no further than what never was.
   */
  #timeoutMs = Infinity;
  #timeoutBeforeMs = Infinity;
  #tidies = 0;
  #closed = false;

  readonly #exactNowMs: () => number;

  /**
   * @param clock a coarse clock: exact to a tick, and behind by as long as this process is busy
   * @param exactNowMs the same, exact
   */
  constructor(
    destination: Destination,
    clock: { readonly nowMs: number },
    room: UpstreamRoom = unlimitedRoom,
    exactNowMs: () => number = monotonicNow,
  ) {
    this.#destination = destination;
    this.#clock = clock;
    this.#exactNowMs = exactNowMs;
    this.#room = room;
  }

  take(events: UpstreamEvents, isFragile: boolean): Http1Upstream | undefined {
    const upstream = this.#idle.at(-1);
    // The last one is the youngest: where it is too old, all are.
    if (upstream === undefined || this.#clock.nowMs - upstream.idleSinceMs >= this.#idleLimitMs) return undefined;
    if (isFragile && !this.#isSafelyYoung(upstream)) return undefined;
    this.#idle.pop();
    if (!upstream.usable) return this.take(events, isFragile);
    upstream.reuse(events);
    return upstream;
  }

  open(events: UpstreamEvents): Http1Upstream {
    if (this.#connections >= this.connectionsMax) this.closeIdle();
    this.#room.enter();
    this.#connections++;
    return new Http1Upstream(this.#destination, this, events);
  }

  renew(destination: Destination): void {
    this.#destination = destination;
  }

  closeIdle(): boolean {
    const oldest = this.#idle.shift();
    oldest?.close();
    return oldest !== undefined;
  }

  tidy(): void {
    this.#idleLimitMs = Math.min(idleLimitDefaultMs, this.#idleLimitMs * forgetFactor);
    if (++this.#tidies % knownForTidies === 0) {
      this.#timeoutBeforeMs = this.#timeoutMs;
      this.#timeoutMs = Infinity;
    }
    const oldestMs = this.#clock.nowMs - this.#idleLimitMs;
    // Nearly always: the first is the oldest, and young enough.
    if (this.#idle.length === 0 || this.#idle[0]!.idleSinceMs > oldestMs) return;
    const young = this.#idle.findIndex((upstream) => upstream.idleSinceMs > oldestMs);
    for (const upstream of this.#idle.splice(0, young < 0 ? this.#idle.length : young)) upstream.close();
  }

  close(): void {
    this.#closed = true;
    for (const upstream of this.#idle.splice(0)) upstream.close();
  }

  onIdle(upstream: Http1Upstream): void {
    if (this.#closed || this.#idle.length >= idleMax) {
      upstream.close();
      return;
    }
    upstream.idleSinceMs = this.#clock.nowMs;
    this.#idle.push(upstream);
  }

  onClosed(upstream: Http1Upstream): void {
    this.#connections--;
    this.#room.leave();
    const index = this.#idle.lastIndexOf(upstream);
    if (index < 0) return;
    this.#idle.splice(index, 1);
    const idleMs = this.#clock.nowMs - upstream.idleSinceMs;
    this.#learn(idleMs, Math.max(0, idleMs - tickMs));
  }

  onKeepAlive(seconds: number): void {
    this.#learn(seconds * 1000, seconds * 1000);
  }

  /**
   * Of the limit for all, never below half a second: a target that closes one connection early, because it restarts, must not cost all of them.
   * @param surelyMs for so long it was kept, whatever the clock says
   */
  #learn(keptMs: number, surelyMs: number): void {
    this.#idleLimitMs = Math.min(this.#idleLimitMs, Math.max(500, keptMs - safetyMs));
    if (surelyMs < this.#timeoutMs) this.#timeoutMs = surelyMs;
  }

  /**
   * Whether the target is far from closing this connection as idle. The time since is taken for longer than it was, never for shorter: it ends now,
   * exactly, because after a busy moment the coarse clock is behind, and it began at the last tick before the connection became idle.
   */
  #isSafelyYoung({ idleSinceMs }: Http1Upstream): boolean {
    const timeoutMs = Math.min(this.#timeoutMs, this.#timeoutBeforeMs);
    const limitMs = timeoutMs === Infinity ? fragileIdleMs : Math.max(timeoutMs * fragileShare, timeoutMs - safetyMs);
    return this.#exactNowMs() - idleSinceMs < limitMs;
  }
}

function monotonicNow(): number {
  return performance.now();
}
