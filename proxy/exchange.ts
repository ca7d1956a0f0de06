import { type Cause, terminations } from '../src/core/terminations.ts';
import { optionsAnswer, ownAnswer } from './answer.ts';
import { Attempts } from './attempts.ts';
import { Claim } from './claim.ts';
import { Framing, type RequestHead, type ResponseHead } from './message.ts';
import type { Plane } from './plane.ts';
import { redirectTo } from './redirect.ts';
import type { LivePool, LiveService, LiveTarget } from './live.ts';
import type { Recording } from './mirrors.ts';
import type { Downstream, DownstreamEvents, Upstream, UpstreamEvents } from './sides.ts';
import { mayUpgradeTo } from './upgrade-protocols.ts';
import type { Waiter } from './waiting-line.ts';

/**
 * The life of a request: `idle` → (`queued`, until a target has room) → `waiting` for the answer's head → `answering` → `idle`. An upgrade
 * leaves it `upgraded` for good.
 */
type Phase = 'idle' | 'queued' | 'waiting' | 'answering' | 'upgraded';

/**
 * One request and its answer, between the side that brought it and the target that serves it. One per downstream connection or stream,
 * used again for each request.
 *
 * parse head → pin the current routing → claim a target, in one synchronous turn → send → pass the answer back → release, once.
 */
export class Exchange implements DownstreamEvents, UpstreamEvents, Waiter {
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
  readonly #attempts: Attempts;
  /** The answer is a stream of events (WHATWG HTML section 9.2), which may end anywhere: clients come back for more. */
  #isEventStream = false;
  /** What wants a copy of the request's body for mirrors. */
  #recording: Recording | undefined;
  /** Why the request's own pool failed it, and the target that it is charged to, where the fallback answers in its place. */
  #rescuedFrom: { readonly cause: Cause; readonly target: LiveTarget } | undefined;
  #bytesBefore = 0;
  /** For the duration, from `performance.now()`. */
  #startedAt = 0;
  /** For time-outs, on the plane's coarse clock. */
  #begunMs = 0;
  #queuedMs = 0;
  #attemptMs = 0;
  #activeMs = 0;
  /** As `#startedAt`, of the present attempt; only where latency counts. */
  #attemptStartedAt = 0;

  constructor(plane: Plane, client: Downstream) {
    this.#plane = plane;
    this.#client = client;
    this.claim = new Claim();
    this.#attempts = new Attempts(plane);
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

    this.#isEventStream = false;
    this.#queuedMs = 0;
    this.#place(false);
  }

  /** Answers with the same address at `https://` and this port. The connection goes on, and what is left of the request is read. */
  redirect(head: RequestHead, port: number): void {
    if (head.authority === '') {
      this.refuse(head, 'malformed_request');
      return;
    }
    this.#answerAtOnce(head, redirectTo(head, port));
  }

  /** Answers an OPTIONS that may go no further than here. */
  answerOptions(head: RequestHead): void {
    this.#answerAtOnce(head, optionsAnswer);
  }

  /** With what has no body, and is no failure. */
  #answerAtOnce(head: RequestHead, answer: ResponseHead): void {
    const plane = this.#plane;
    this.#phase = 'answering';
    this.#head = head;
    this.#startedAt = performance.now();
    this.#begunMs = this.#activeMs = plane.nowMs;
    this.#bytesBefore = this.#client.bytesSent;
    this.claim.revision = plane.routing.revision;
    this.#status = answer.status;
    this.#client.sendHead(answer, '');
    this.#client.sendEnd('');
    this.#finish('');
  }

  /** Answers a request that could not even be read; `head` knows as much of it as was. */
  refuse(head: RequestHead, cause: Cause): void {
    this.#phase = 'waiting';
    this.#head = head;
    this.#startedAt = performance.now();
    this.#bytesBefore = this.#client.bytesSent;
    this.claim.revision = this.#plane.routing.revision;
    this.#answer(cause);
  }

  onRequestBody(slice: Buffer): void {
    this.#activeMs = this.#plane.nowMs;
    const upstream = this.#upstream;
    this.#recording?.onBody(slice);
    const { body } = this.#attempts;
    if (upstream?.connected === true) {
      upstream.sendBody(slice);
      // What must not be sent twice, or is too long, is given up at its first slice.
      if (body.isWhole) body.keep(slice, this.#bodyBytesMax());
    } else if (upstream !== undefined || this.#phase === 'queued') {
      body.hold(slice);
    }
  }

  onRequestEnd(trailers: string): void {
    this.#requestComplete = true;
    this.#activeMs = this.#plane.nowMs;
    this.#requestTrailers = trailers;
    this.#endRecording('whole');
    if (this.#upstream?.connected === true) this.#upstream.sendEnd(trailers);
  }

  onRequestFlush(): void {
    if (this.#phase !== 'queued' && (this.#upstream === undefined || this.#upstream.flush())) return;
    if (this.#requestComplete || this.#requestPaused) return;
    this.#requestPaused = true;
    this.#client.pauseRequest();
  }

  onRequestFault(cause: Cause): void {
    this.abandon(cause);
  }

  onClientReady(): void {
    this.#activeMs = this.#plane.nowMs;
    if (!this.#responsePaused) return;
    this.#responsePaused = false;
    this.#upstream?.resumeResponse();
  }

  onClientGone(cause: 'client_closed' | 'client_stalled' = 'client_closed'): void {
    if (this.isRunning) this.#finish(cause);
  }

  // From the line of those who wait for room.

  takeRoom(): boolean {
    return this.claim.takeRoom(this.#attempts.tried, this.#plane);
  }

  proceed(): void {
    this.#phase = 'waiting';
    this.#goOn(true);
  }

  restart(): void {
    // It has left the line: what it comes to is not to be left once more.
    this.#phase = 'waiting';
    this.#place(true);
  }

  // From the target.

  onConnected(): void {
    this.#activeMs = this.#plane.nowMs;
    this.#sendHeld(this.#upstream!);
  }

  onInterim(head: ResponseHead): void {
    this.#activeMs = this.#plane.nowMs;
    this.#attempts.body.forget();
    this.#client.sendInterim(head);
  }

  onResponseHead(head: ResponseHead): void {
    this.#phase = 'answering';
    this.#status = head.status;
    this.#activeMs = this.#plane.nowMs;
    this.#noteAnswer(head);
    this.#attempts.body.forget();
    this.#client.sendHead(head, this.extraFields());
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
    this.#fail(cause, failed);
  }

  onBug(error: unknown): void {
    this.#plane.onBug(error);
    this.abandon('internal_error');
  }

  /** Checks the deadlines of this request. */
  onTick(nowMs: number): void {
    if (!this.isRunning) return;
    const late = this.#phase === 'queued' ? this.#lateInLine(nowMs) : this.#lateBecause(nowMs);
    if (late === '') return;
    if (late === 'queue_timeout' && this.#goToFallback()) return;
    this.#upstream?.cancel();
    if (isTargetsFault(late)) this.onTargetFailed(late);
    else this.abandon(late);
  }

  /** The target that it runs on was taken out, and the time to finish is over. */
  endAfterDrain(): void {
    if (this.#phase !== 'answering' || !this.#isEventStream) {
      this.abandon('drained');
      return;
    }
    this.#client.sendEnd('');
    this.#finish('drained');
  }

  get isRunning(): boolean {
    return this.#phase === 'queued' || this.#phase === 'waiting' || this.#phase === 'answering';
  }

  /** What it holds of the request because its target has not taken it. */
  get heldBytes(): number {
    return this.#attempts.body.heldBytes + (this.#upstream?.unsentBytes ?? 0);
  }

  /** When something of it has moved last, on the plane's coarse clock. */
  get activeMs(): number {
    return this.#activeMs;
  }

  /** The answer's head was sent, and its body was not all. */
  get isAnswering(): boolean {
    return this.#phase === 'answering';
  }

  /** Ends an upgraded connection's record. `status` is 101, or what the target said instead, or 0 where `cause` tells. */
  finishUpgrade(status: number, cause: Cause | '', bytes: number, bytesReceived: number): void {
    this.#status = status;
    this.#record(cause, bytes, bytesReceived);
    this.claim.release();
  }

  /** Ends what runs, for a reason of our own. */
  abandon(cause: Cause): void {
    if (this.#phase === 'answering') this.#cutOff(cause);
    else if (this.isRunning) this.#answer(cause);
  }

  takeAnother(tried: readonly LiveTarget[]): boolean {
    return this.claim.takeAnother(tried, this.#plane) || this.claim.takeLastResort(tried, this.#plane);
  }

  noteOutcome(failed: boolean): void {
    const { routing, nowMs, wallMs } = this.#plane;
    const { target } = this.claim;
    const pool = this.claim.poolIn(routing);
    if (target === undefined || pool === undefined) return;
    if (failed) pool.noteFailure(target, nowMs, wallMs);
    else pool.noteSuccess(target, nowMs);
  }

  /** Finds the request its place, or a place in the line. `hasWaited`: parts of its body may have come since. */
  #place(hasWaited: boolean): void {
    const refusal = this.claim.take(this.#plane, this.#head!, this.#client, hasWaited);
    if (refusal === '') {
      this.#phase = 'waiting';
      this.#goOn(hasWaited);
    } else if (refusal === 'queued') {
      this.#joinLine();
    } else {
      this.#answer(refusal);
    }
  }

  #joinLine(): void {
    this.#phase = 'queued';
    // Who has begun anew has waited since the first time.
    if (this.#queuedMs === 0) this.#queuedMs = this.#plane.nowMs;
    this.claim.pool!.counts.waiting.join(this);
  }

  /** It has waited long enough: somebody else may have room. */
  #goToFallback(): boolean {
    this.#leaveLine();
    if (this.claim.takeFallback(this.#plane)) {
      this.proceed();
      return true;
    }
    this.#phase = 'waiting';
    return false;
  }

  /** It has a target. */
  #goOn(hasWaited: boolean): void {
    const head = this.#head!;
    this.#forwarding = this.#client.forwardingFields;
    if (head.upgrade !== '' && canUpgrade(head)) {
      this.#phase = 'upgraded';
      this.#plane.upgrades.take(this, head, this.#forwarding, this.#client.detach());
      return;
    }
    const service = this.claim.service!;
    // Who is rescued has been copied already.
    if (service.policy.mirrors.length > 0 && this.#attempts.isFirst && this.#rescuedFrom === undefined) this.#mirror(service, head);
    this.#attempt(hasWaited);
  }

  #mirror(service: LiveService, head: RequestHead): void {
    const { mirrors, nowMs, random } = this.#plane;
    const pickTarget = (pool: LivePool) => pool.balancer.pick(this.claim.hashFor(pool), nowMs, random);
    const recording = mirrors.begin(service, head, this.#forwarding, pickTarget);
    if (recording === undefined) return;
    this.#recording = recording;
    // Of a request that has waited the body has come meanwhile, or a part of it, and nothing of that was sent yet.
    this.#attempts.body.copyTo(recording);
    if (this.#requestComplete) this.#endRecording('whole');
  }

  #endRecording(how: 'whole' | 'broken off'): void {
    const recording = this.#recording;
    if (recording === undefined) return;
    this.#recording = undefined;
    if (how === 'whole') recording.onEnd();
    else recording.abandon();
  }

  #attempt(hasWaited: boolean): void {
    const { connector, latency } = this.claim.target!;
    if (latency !== undefined) this.#attemptStartedAt = hasWaited ? performance.now() : this.#startedAt;
    const attempts = this.#attempts;
    const isFragile = attempts.isFragile(this.#head!, this.claim.service!.policy.retry);
    const kept = attempts.needsNewConnection ? undefined : connector.take(this, isFragile);
    this.#send(kept ?? connector.open(this));
    // On a new connection it waits for that.
    if (hasWaited && this.#upstream!.connected) this.#sendHeld(this.#upstream!);
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
    this.#attempts.body.sendTo(upstream, this.#bodyBytesMax());
    if (this.#requestComplete && this.#head!.framing !== Framing.none) upstream.sendEnd(this.#requestTrailers);
    if (upstream.flush()) this.onTargetReady();
  }

  #bodyBytesMax(): number {
    return this.#attempts.bodyBytesMax(this.#head!, this.claim.service!.policy.retry);
  }

  /** The attempt has failed: again, by another target, by the fallback, or it has to be told. */
  #fail(cause: Cause, failed: Upstream | undefined): void {
    // A kept connection may have been closed by the target at the very moment we used it: that is no fault of anybody. One that stays open
    // and silent is.
    const isStale = failed !== undefined && failed.reused && !failed.heard && isBreak(cause);
    if (!isStale && isTargetsFault(cause)) this.noteOutcome(true);
    if (this.#phase === 'answering') this.#cutOff(cause);
    else if (failed === undefined || !(this.#tryAgain(failed, isStale) || this.#rescue(failed, cause))) this.#answer(cause);
  }

  #tryAgain(failed: Upstream, isStale: boolean): boolean {
    const next = this.#attempts.next(failed, isStale, this.claim, this.#head!);
    if (next === 'none') return false;
    if (next === 'same target') this.#send(this.claim.target!.connector.open(this));
    else if (next === 'in line') this.#joinLine();
    else this.#attempt(true);
    return true;
  }

  /** A safe request that its own pool could not answer: the fallback may, once, where the service wants that. */
  #rescue(failed: Upstream, cause: Cause): boolean {
    const { service, target } = this.claim;
    if (!service!.policy.retry.rescue || this.#rescuedFrom !== undefined || failed.heard || !this.#attempts.mayBeRescued(this.#head!))
      return false;
    const { claim } = this;
    const mustWait = !claim.takeRescue(this.#plane) && claim.waitForRescue(this.#plane);
    if (claim.target === target) return false;
    this.#rescuedFrom = { cause, target: target! };
    if (mustWait) this.#joinLine();
    else this.#attempt(true);
    return true;
  }

  /** The target has begun to answer, and took so long. */
  #noteAnswer(head: ResponseHead): void {
    const target = this.claim.target!;
    if (target.latency !== undefined) target.latency.observe(performance.now() - this.#attemptStartedAt, this.#plane.nowMs);
    if (head.framing === Framing.stream) this.#isEventStream = eventStream.test(head.fields);
  }

  #lateInLine(nowMs: number): Cause | '' {
    const { policy } = this.claim.pool!;
    if (nowMs - this.#queuedMs >= policy.limits.queueTimeoutMs) return 'queue_timeout';
    const { requestMs } = this.claim.service!.policy.timeouts;
    return requestMs > 0 && nowMs - this.#begunMs >= requestMs ? 'request_timeout' : '';
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
    this.#leaveLine();
    this.#phase = 'answering';
    this.#status = head.status;
    const client = this.#client;
    client.sendHead(head, this.#extraFields(false));
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
    this.#leaveLine();
    this.#endRecording('broken off');
    this.#record(cause, this.#client.bytesSent - this.#bytesBefore);
    const upstream = this.#upstream;
    this.#upstream = undefined;
    // Only here, where it cannot break any more: a target that breaks every answer in the middle has begun each of them.
    // A redirect of ours has none.
    const { target } = this.claim;
    if (cause === '' && target !== undefined && target.ejection.failures > 0) this.noteOutcome(false);
    this.#phase = 'idle';
    this.#head = undefined;
    this.#rescuedFrom = undefined;
    this.#attempts.clear();
    if (!this.#client.hasMore) this.claim.freshClient = '';
    // First the connection, so that who waits for room finds it.
    if (cause === '') upstream?.release();
    else upstream?.cancel();
    this.claim.release();
    this.claim.clear();
    this.#client.done();
  }

  #leaveLine(): void {
    if (this.#phase === 'queued') this.claim.pool!.counts.waiting.leave(this);
  }

  #record(cause: Cause | '', bytes: number, bytesReceived = 0): void {
    const { claim } = this;
    const plane = this.#plane;
    // Where it has waited in vain.
    claim.charge();
    const { service, picked, pool, target, revision, decision } = claim;
    const rescued = this.#rescuedFrom;
    const status = this.#status !== 0 ? this.#status : cause !== '' ? terminations[cause].status : 0;
    const durationMs = performance.now() - this.#startedAt;
    if (cause !== '') plane.terminations.add(cause);
    // A pool's failure stays its own, whoever has answered in its place: verdicts are made of this.
    if (rescued === undefined) target?.statuses.add(status);
    else rescued.target.statuses.add(terminations[rescued.cause].status);
    if (rescued !== undefined && cause === '') service!.counts.rescued++;
    (rescued === undefined ? pool : picked)?.counts.durations.add(durationMs);
    if (plane.access === undefined) return;
    plane.access({
      client: this.#client.clientAddress,
      method: this.#head?.method ?? '',
      host: this.#head?.authority ?? '',
      target: this.#head?.target ?? '',
      status,
      bytes,
      bytesReceived,
      durationMs,
      service: service?.id ?? '',
      pool: (rescued === undefined ? pool : picked)?.id ?? '',
      targetId: (rescued === undefined ? target : rescued.target)?.id ?? '',
      revision,
      decision,
      cause,
      rescued: rescued?.cause ?? '',
      rescuedBy: rescued === undefined ? '' : `${pool?.id}/${target?.id}`,
      requestId: this.#client.requestId,
      traceId: this.#client.traceId,
    });
  }

  /** Field lines for the target's answer: cookies of ours, and where the request went, where that is wanted. */
  extraFields(): string {
    return this.#extraFields(true);
  }

  /** The same, also for answers of our own. */
  #extraFields(isTargets: boolean): string {
    const { service, pool, target, revision } = this.claim;
    const cookies = this.claim.cookieFields(isTargets);
    if (service?.policy.debugHeaders !== true) return cookies;
    const place =
      pool === undefined ? '' : `x-sluice-pool: ${pool.id}\r\n${target === undefined ? '' : `x-sluice-target: ${target.id}\r\n`}`;
    return `${cookies}x-sluice-revision: ${revision}\r\n${place}`;
  }
}

const eventStream = /^content-type:[ \t]*text\/event-stream\b/im;

/** Failures of the connection, as against those of the application, the client, or our own limits. */
const targetsFaults = new Set<Cause>([
  'connection_refused',
  'unroutable',
  'connection_failed',
  'connection_timeout',
  'tls_certificate_error',
  'tls_protocol_error',
  'connection_terminated',
  'response_timeout',
  'response_incomplete',
  'target_stalled',
  'dns_error',
]);

function isTargetsFault(cause: Cause): boolean {
  return targetsFaults.has(cause);
}

/** The connection came to an end, as against an end that we have made because nothing came. */
function isBreak(cause: Cause): boolean {
  return cause === 'connection_terminated' || cause === 'tls_protocol_error';
}

/** An upgrade needs a request that ends with its head. */
function canUpgrade(head: RequestHead): boolean {
  return head.method === 'GET' && head.framing === Framing.none && mayUpgradeTo(head.upgrade);
}
