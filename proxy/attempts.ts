import type { RetryPolicy } from '../src/core/model.ts';
import { mayRetry } from '../src/core/retry-budget.ts';
import type { Claim } from './claim.ts';
import { KeptBody } from './kept-body.ts';
import type { LiveService, LiveTarget, ServiceCounts } from './live.ts';
import { Framing, type RequestHead, safeMethods } from './message.ts';
import type { Plane } from './plane.ts';
import type { Upstream } from './sides.ts';

/** Where a request goes after an attempt that failed: nowhere, to the same target anew, to the one that is claimed now, or into the line. */
export type NextAttempt = 'none' | 'same target' | 'other target' | 'in line';

/** Whether a method may be carried out twice as far as the operator says (RFC 9110 section 9.2.2). */
export function isRepeatable(method: string, { putDelete }: RetryPolicy): boolean {
  return safeMethods.has(method) || (putDelete && (method === 'PUT' || method === 'DELETE'));
}

/** The attempts to have one request answered: where it has been, what of it is kept, and whether it may go on. Filled anew for each request. */
export class Attempts {
  readonly body: KeptBody;
  /** Targets that have failed it. */
  tried: LiveTarget[] = [];
  /** Targets that it was given to. */
  #count = 1;
  /** It was sent over a connection that broke. From then on only new ones are used: a kept one might be about to break as well. */
  #wasSent = false;
  /** It was sent to another target although it may have reached the one before: that happens once. */
  #wasSentAgain = false;
  /** Where it counts as one that was sent again. */
  #charged: ServiceCounts | undefined;
  readonly #plane: Plane;

  constructor(plane: Plane) {
    this.#plane = plane;
    this.body = new KeptBody(plane.bodyMemory);
  }

  get isFirst(): boolean {
    return this.#count === 1;
  }

  /** Whether no kept connection will do. */
  get needsNewConnection(): boolean {
    return this.#wasSent;
  }

  /** The request is over. */
  clear(): void {
    this.#count = 1;
    this.#wasSent = this.#wasSentAgain = false;
    this.body.clear();
    if (this.tried.length > 0) this.tried = [];
    this.#uncharge();
  }

  /** Whether a connection that breaks would lose the request: it must not be sent twice, or cannot because its body will be gone. */
  isFragile(head: RequestHead, retry: RetryPolicy): boolean {
    if (!isRepeatable(head.method, retry)) return true;
    if (head.framing === Framing.none) return false;
    return head.framing === Framing.stream || head.contentLength > retry.bodyBufferBytes;
  }

  /** So many bytes of the body are worth keeping after they were sent. */
  bodyBytesMax({ method }: RequestHead, retry: RetryPolicy): number {
    return isRepeatable(method, retry) ? retry.bodyBufferBytes : 0;
  }

  /** Whether a safe request can still be sent as it came, for the fallback to answer. */
  mayBeRescued({ method }: RequestHead): boolean {
    return safeMethods.has(method) && this.body.isWhole;
  }

  /**
   * Where the request goes now. Nothing was written → another target of the pool, any method. Written, but no byte of an answer → once more by
   * another, if it may be carried out twice, its body is still here, and the budget allows it. A stale connection is replaced first, and does
   * not count as that once: when a target is killed, its connections break before its port is closed, and the new one breaks too. See
   * test/proxy/retries-after-stale.test.ts. What takes neither budget nor a turn does the targets no harm: the one that closed a connection as
   * idle has done nothing for the request, and one that could not be connected to has not seen it.
   */
  next(failed: Upstream, isStale: boolean, claim: Claim, head: RequestHead): NextAttempt {
    const { target } = claim;
    const service = claim.service!;
    const { retry } = service.policy;
    const written = failed.connected;
    if (failed.heard || (written && !this.#maySendAgain(head, retry))) return 'none';
    this.#wasSent ||= written;
    if (isStale) {
      service.counts.retries++;
      return 'same target';
    }
    this.#wasSentAgain ||= written;
    if (this.#count > retry.attempts) return 'none';
    this.tried.push(target!);
    if (written && !this.#charge(service)) return 'none';
    const mustWait = !claim.takeAnother(this.tried, this.#plane) && claim.waitForAnother(this.tried, this.#plane);
    if (!mustWait && claim.target === target && !claim.takeLastResort(this.tried, this.#plane)) {
      this.#uncharge();
      return 'none';
    }
    service.counts.retries++;
    this.#count++;
    return mustWait ? 'in line' : 'other target';
  }

  #maySendAgain({ method }: RequestHead, retry: RetryPolicy): boolean {
    return !this.#wasSentAgain && isRepeatable(method, retry) && this.body.isWhole;
  }

  #charge(service: LiveService): boolean {
    if (this.#charged !== undefined) return true;
    const { counts, policy } = service;
    if (!mayRetry(counts.retrying, this.#runningOf(service), policy.retry.budgetShare)) {
      counts.retriesRefused++;
      return false;
    }
    counts.retrying++;
    this.#charged = counts;
    return true;
  }

  #uncharge(): void {
    if (this.#charged === undefined) return;
    this.#charged.retrying--;
    this.#charged = undefined;
  }

  /** Requests in flight, without the connections that were upgraded: these last for hours, and would make the budget one without an end. */
  #runningOf({ pools }: LiveService): number {
    let running = 0;
    for (const { targets } of pools) for (const target of targets) running += target.inFlight - this.#plane.upgrades.carriedTo(target);
    return running;
  }
}
