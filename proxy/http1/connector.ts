import { unlimitedRoom, type UpstreamRoom } from '../entrance/admission.ts';
import type { Connector, UpstreamEvents } from '../sides.ts';
import type { Destination } from './destination.ts';
import { Http1Upstream, type UpstreamOwner } from './upstream.ts';

/** Idle connections kept to one target. More than that at once were a peak, not a habit. */
const idleMax = 512;
/** Until a target shows that it closes earlier. nginx and Apache keep 60 to 75 s, Node 5 s (and says so), gunicorn 2 s. */
const idleLimitDefaultMs = 55_000;
/** A request that must not be sent twice only goes where something was sent this recently: no usual target closes that early. */
const carefulIdleMs = 1000;
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
  #closed = false;

  /** @param clock a coarse clock: exact to a tick */
  constructor(destination: Destination, clock: { readonly nowMs: number }, room: UpstreamRoom = unlimitedRoom) {
    this.#destination = destination;
    this.#clock = clock;
    this.#room = room;
  }

  take(events: UpstreamEvents, careful: boolean): Http1Upstream | undefined {
    const limitMs = careful ? Math.min(carefulIdleMs, this.#idleLimitMs) : this.#idleLimitMs;
    const upstream = this.#idle.at(-1);
    // The last one is the youngest: where it is too old, all are.
    if (upstream === undefined || this.#clock.nowMs - upstream.idleSinceMs >= limitMs) return undefined;
    this.#idle.pop();
    if (!upstream.usable) return this.take(events, careful);
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
    const oldestMs = this.#clock.nowMs - this.#idleLimitMs;
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
    this.#learn(this.#clock.nowMs - upstream.idleSinceMs);
  }

  onKeepAlive(seconds: number): void {
    this.#learn(seconds * 1000);
  }

  /** Never below half a second: a target that closes one connection early, because it restarts, must not cost all of them. */
  #learn(keptMs: number): void {
    this.#idleLimitMs = Math.min(this.#idleLimitMs, Math.max(500, keptMs - safetyMs));
  }
}
