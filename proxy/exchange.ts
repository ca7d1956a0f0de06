import { type Cause, terminations } from '../src/core/terminations.ts';
import { ownAnswer } from './answer.ts';
import { Claim } from './claim.ts';
import { Framing, type RequestHead, type ResponseHead } from './message.ts';
import type { Plane } from './plane.ts';
import type { LiveTarget } from './live.ts';
import type { Downstream, DownstreamEvents, Upstream, UpstreamEvents } from './sides.ts';

/** The life of a request: `idle` → `waiting` for the answer's head → `answering` → `idle`. An upgrade leaves it `upgraded` for good. */
type Phase = 'idle' | 'waiting' | 'answering' | 'upgraded';

/** Nothing of these changes at the target, so they may be sent twice (RFC 9110 section 9.2.2, without PUT and DELETE, which are opt-in). */
const repeatable = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * One request and its answer, between the side that brought it and the target that serves it. One per downstream connection or stream,
 * used again for each request.
 *
 * parse head → pin the current routing → claim a target, in one synchronous turn → send → pass the answer back → release, once.
 */
export class Exchange implements DownstreamEvents, UpstreamEvents {
  readonly claim: Claim;
  readonly #plane: Plane;
  readonly #client: Downstream;
  #phase: Phase = 'idle';
  #head: RequestHead | undefined;
  #upstream: Upstream | undefined;
  #forwarding = '';
  /** 0 = no head was sent yet. */
  #status = 0;
  #requestComplete = true;
  #requestTrailers = '';
  #requestPaused = false;
  #responsePaused = false;
  /** Parts of the body that arrived while the target was being connected: a connect that fails must not lose them. */
  #held: Buffer[] = [];
  /** Targets tried for this request. */
  #attempts = 0;
  /** It was sent again although it may have reached a target: that happens once. */
  #resent = false;
  #tried: LiveTarget[] = [];
  #bytesBefore = 0;
  /** For the duration, from `performance.now()`. */
  #startedAt = 0;
  /** For time-outs, on the plane's coarse clock. */
  #begunMs = 0;
  #attemptMs = 0;
  #activeMs = 0;

  constructor(plane: Plane, client: Downstream) {
    this.#plane = plane;
    this.#client = client;
    this.claim = new Claim(plane.routing);
  }

  get idle(): boolean {
    return this.#phase === 'idle';
  }

  // From the client.

  begin(head: RequestHead): void {
    const plane = this.#plane;
    this.#phase = 'waiting';
    this.#head = head;
    this.#startedAt = performance.now();
    this.#begunMs = this.#activeMs = plane.nowMs;
    this.#bytesBefore = this.#client.bytesSent;
    this.#status = 0;
    this.#requestComplete = head.framing === Framing.none;
    this.#requestTrailers = '';
    this.#requestPaused = this.#responsePaused = false;

    const refusal = this.claim.take(plane.routing, head, plane.random);
    if (refusal !== '') {
      this.#answer(refusal);
      return;
    }
    this.#forwarding = this.#client.forwardingFields(head);
    if (head.upgrade !== '' && canUpgrade(head)) {
      this.#phase = 'upgraded';
      plane.upgrades.take(this, head, this.#forwarding, this.#client.detach());
      return;
    }
    this.#attempts = 1;
    this.#resent = false;
    this.#attempt();
  }

  /** Answers a request that could not even be read; `head` knows as much of it as was. */
  refuse(head: RequestHead, cause: Cause): void {
    this.#phase = 'waiting';
    this.#head = head;
    this.#startedAt = performance.now();
    this.#bytesBefore = this.#client.bytesSent;
    this.claim.reset(this.#plane.routing);
    this.#answer(cause);
  }

  onRequestBody(slice: Buffer): void {
    this.#activeMs = this.#plane.nowMs;
    const upstream = this.#upstream;
    if (upstream === undefined) return;
    if (upstream.connected) upstream.sendBody(slice);
    else this.#held.push(Buffer.from(slice));
  }

  onRequestEnd(trailers: string): void {
    this.#requestComplete = true;
    this.#activeMs = this.#plane.nowMs;
    this.#requestTrailers = trailers;
    if (this.#upstream?.connected === true) this.#upstream.sendEnd(trailers);
  }

  onRequestFlush(): void {
    if (this.#upstream === undefined || this.#upstream.flush() || this.#requestComplete) return;
    this.#requestPaused = true;
    this.#client.pauseRequest();
  }

  onRequestFault(cause: Cause): void {
    if (this.#phase === 'answering') this.#cutOff(cause);
    else if (this.#phase === 'waiting') this.#answer(cause);
  }

  onClientReady(): void {
    this.#activeMs = this.#plane.nowMs;
    if (!this.#responsePaused) return;
    this.#responsePaused = false;
    this.#upstream?.resumeResponse();
  }

  onClientGone(cause: 'client_closed' | 'client_stalled' = 'client_closed'): void {
    if (this.#phase === 'waiting' || this.#phase === 'answering') this.#finish(cause);
  }

  // From the target.

  onConnected(): void {
    this.#activeMs = this.#plane.nowMs;
    this.#sendHeld(this.#upstream!);
  }

  onInterim(head: ResponseHead): void {
    this.#activeMs = this.#plane.nowMs;
    this.#client.sendInterim(head);
  }

  onResponseHead(head: ResponseHead): void {
    this.#phase = 'answering';
    this.#status = head.status;
    this.#activeMs = this.#plane.nowMs;
    this.#client.sendHead(head, this.debugFields());
  }

  onResponseBody(slice: Buffer): void {
    this.#activeMs = this.#plane.nowMs;
    this.#client.sendBody(slice);
  }

  onResponseEnd(trailers: string): void {
    this.#client.sendEnd(trailers);
    this.#finish('');
  }

  onResponseFlush(): void {
    if (this.#client.flush() || this.#responsePaused) return;
    this.#responsePaused = true;
    this.#upstream?.pauseResponse();
  }

  onTargetReady(): void {
    this.#activeMs = this.#plane.nowMs;
    if (!this.#requestPaused) return;
    this.#requestPaused = false;
    this.#client.resumeRequest();
  }

  onTargetFailed(cause: Cause): void {
    const failed = this.#upstream;
    this.#upstream = undefined;
    if (this.#phase === 'answering') this.#cutOff(cause);
    else if (failed === undefined || !this.#tryAgain(failed)) this.#answer(cause);
  }

  onBug(error: unknown): void {
    this.#plane.onBug(error);
    this.abandon('internal_error');
  }

  /** Checks the deadlines of this request. */
  onTick(nowMs: number): void {
    if (this.#phase !== 'waiting' && this.#phase !== 'answering') return;
    const late = this.#lateBecause(nowMs);
    if (late === '') return;
    const failed = this.#upstream;
    failed?.cancel();
    if (late === 'connection_timeout') this.onTargetFailed(late);
    else if (this.#phase === 'answering') this.#cutOff(late);
    else this.#answer(late);
  }

  /** Ends an upgraded connection's record. `status` is 101, or what the target said instead, or 0 where `cause` tells. */
  finishUpgrade(status: number, cause: Cause | '', bytes: number): void {
    this.#status = status;
    this.#record(cause, bytes);
    this.claim.release();
  }

  /** Ends what runs, for a reason of our own. */
  abandon(cause: Cause): void {
    if (this.#phase === 'answering') this.#cutOff(cause);
    else if (this.#phase === 'waiting') this.#answer(cause);
  }

  #attempt(): void {
    const { connector } = this.claim.target!;
    this.#send(connector.take(this, !this.#mayBeSentTwice()) ?? connector.open(this));
  }

  #send(upstream: Upstream): void {
    const head = this.#head!;
    this.#attemptMs = this.#activeMs = this.#plane.nowMs;
    this.#upstream = upstream;
    upstream.sendRequest(head, this.#forwarding);
    if (head.framing === Framing.none) upstream.flush();
  }

  /** Sends what arrived of the body while there was no connection. */
  #sendHeld(upstream: Upstream): void {
    for (const part of this.#held) upstream.sendBody(part);
    if (this.#held.length > 0) this.#held = [];
    if (this.#requestComplete && this.#head!.framing !== Framing.none) upstream.sendEnd(this.#requestTrailers);
    if (upstream.flush()) this.onTargetReady();
  }

  /** The method changes nothing, and there is no body that would have to be kept. */
  #mayBeSentTwice(): boolean {
    const { method, framing } = this.#head!;
    return framing === Framing.none && repeatable.has(method);
  }

  /**
   * Design: nothing written yet → another target of the pool, any method. Written, but no byte of an answer → once more, if the method
   * changes nothing and there is no body. A kept connection may have been closed by the target at the very moment we used it: then the
   * same target gets the request again on a new connection.
   */
  #tryAgain(failed: Upstream): boolean {
    const { target, service } = this.claim;
    const written = failed.connected;
    if (failed.heard || (written && (this.#resent || !this.#mayBeSentTwice()))) return false;
    this.#resent ||= written;
    if (failed.reused) {
      service!.counts.retries++;
      this.#send(target!.connector.open(this));
      return true;
    }
    if (this.#attempts > service!.policy.retry.attempts) return false;
    this.#tried.push(target!);
    if (!this.claim.takeAnother(this.#tried, this.#plane.random)) return false;
    service!.counts.retries++;
    this.#attempts++;
    this.#attempt();
    if (this.#upstream!.connected) this.#sendHeld(this.#upstream!);
    return true;
  }

  #lateBecause(nowMs: number): Cause | '' {
    const { timeouts } = this.claim.service!.policy;
    if (timeouts.requestMs > 0 && nowMs - this.#begunMs >= timeouts.requestMs) return 'request_timeout';
    if (this.#phase === 'waiting') {
      if (!this.#upstream!.connected) return nowMs - this.#attemptMs >= timeouts.connectMs ? 'connection_timeout' : '';
      if (this.#requestComplete) return nowMs - this.#activeMs >= timeouts.responseMs ? 'response_timeout' : '';
    }
    if (timeouts.idleMs === 0 || nowMs - this.#activeMs < timeouts.idleMs) return '';
    // While the client is behind, its own write time-out counts: the target is not to blame.
    if (this.#responsePaused) return '';
    return this.#phase === 'answering' || this.#requestPaused ? 'target_stalled' : 'body_timeout';
  }

  /** Answers in the target's place. */
  #answer(cause: Cause): void {
    const { head, body } = ownAnswer(cause);
    this.#phase = 'answering';
    this.#status = head.status;
    const client = this.#client;
    client.sendHead(head, this.debugFields());
    if (this.#head!.method !== 'HEAD') client.sendBody(body);
    client.sendEnd('');
    this.#finish(cause);
  }

  /** The answer cannot be completed: the client must be able to tell. */
  #cutOff(cause: Cause): void {
    this.#finish(cause);
    this.#client.cut();
  }

  /** The one place where a request ends: recorded, uncounted, its connection given back; then the client may go on. */
  #finish(cause: Cause | ''): void {
    this.#record(cause, this.#client.bytesSent - this.#bytesBefore);
    this.claim.release();
    const upstream = this.#upstream;
    this.#upstream = undefined;
    this.#phase = 'idle';
    this.#head = undefined;
    if (this.#held.length > 0) this.#held = [];
    if (this.#tried.length > 0) this.#tried = [];
    if (cause === '') upstream?.release();
    else upstream?.cancel();
    this.#client.done();
  }

  #record(cause: Cause | '', bytes: number): void {
    const { service, pool, target, routing, decision } = this.claim;
    const plane = this.#plane;
    const status = this.#status !== 0 ? this.#status : cause !== '' ? terminations[cause].status : 0;
    const durationMs = performance.now() - this.#startedAt;
    if (cause !== '') plane.terminations.add(cause);
    target?.statuses.add(status);
    pool?.durations.add(durationMs);
    if (plane.access === undefined) return;
    plane.access({
      client: this.#client.clientAddress,
      method: this.#head?.method ?? '',
      host: this.#head?.authority ?? '',
      target: this.#head?.target ?? '',
      status,
      bytes,
      durationMs,
      service: service?.id ?? '',
      pool: pool?.id ?? '',
      targetId: target?.id ?? '',
      revision: routing.revision,
      decision,
      cause,
    });
  }

  /** Field lines that tell where the request went, where that is wanted. */
  debugFields(): string {
    const { service, pool, target, routing } = this.claim;
    if (service?.policy.debugHeaders !== true) return '';
    const place =
      pool === undefined ? '' : `x-sluice-pool: ${pool.id}\r\n${target === undefined ? '' : `x-sluice-target: ${target.id}\r\n`}`;
    return `x-sluice-revision: ${routing.revisionText}\r\n${place}`;
  }
}

/** An upgrade needs a request that ends with its head; h2c is never passed on, because it would carry requests past every rule. */
function canUpgrade(head: RequestHead): boolean {
  return head.method === 'GET' && head.framing === Framing.none && !/(^|[,\s])h2c\b/i.test(head.upgrade);
}
