import type { MirrorDrop, MirrorLimits } from '../../src/core/mirror-limits.ts';
import type { Destination } from '../http1/destination.ts';
import { Framing, type RequestHead } from '../message.ts';
import type { MirrorAccount } from './account.ts';

/** A copy whose request has a body: it is fed what the target of the request itself gets. Nothing of it ever throws or waits. */
export interface Recording {
  /** The bytes are borrowed: what is needed of them is copied. */
  onBody(slice: Buffer): void;
  /** The body is whole; the copy goes. */
  onEnd(): void;
  /** The body will not become whole. Without effect after `onEnd`. */
  abandon(): void;
}

/** What one worker's copies share. */
export interface CopyOwner {
  readonly limits: MirrorLimits;
  /** Bytes that copies hold now. */
  heldBytes: number;
  /** Sends a copy that is whole, soon. */
  send(copy: Copy): void;
  /** The copy is over, one way or the other. */
  forget(copy: Copy): void;
}

/** Who has a copy that is whole: a connection, or a line of copies that wait for one. */
export interface Carrier {
  /** The copy is given up. */
  discard(copy: Copy): void;
}

/** One copy, from the head of its request to the end of its answer: `recording` → `whole` → `over`. */
export class Copy implements Recording {
  readonly destination: Destination;
  readonly method: string;
  readonly target: string;
  readonly authority: string;
  /** Field lines of the request and of ours. */
  readonly fields: string;
  /** On the worker's coarse clock. */
  readonly begunMs: number;
  carrier: Carrier | undefined;
  readonly #owner: CopyOwner;
  readonly #account: MirrorAccount;
  /** Bytes of the body, where its length is known beforehand. */
  readonly #announced: number;
  #state: 'recording' | 'whole' | 'over' = 'recording';
  #body: Buffer | undefined;
  #bodyBytes = 0;

  // The head is used again for the next request of its connection, so everything needed of it is taken now.
  constructor(owner: CopyOwner, account: MirrorAccount, destination: Destination, head: RequestHead, forwarding: string, nowMs: number) {
    this.#owner = owner;
    this.#account = account;
    this.destination = destination;
    this.method = head.method;
    this.target = head.target;
    this.authority = head.authority;
    this.fields = head.fields + forwarding;
    this.#announced = head.framing === Framing.length ? head.contentLength : 0;
    this.begunMs = nowMs;
    account.inFlight++;
  }

  get isRecording(): boolean {
    return this.#state === 'recording';
  }

  get isOver(): boolean {
    return this.#state === 'over';
  }

  /** Undefined = none. */
  get body(): Buffer | undefined {
    return this.#body?.subarray(0, this.#bodyBytes);
  }

  onBody(slice: Buffer): void {
    if (this.#state !== 'recording' || slice.length === 0) return;
    const bytes = this.#bodyBytes + slice.length;
    if (bytes > this.#owner.limits.bodyBytes) this.drop('body_too_large');
    else if (!this.#makeRoom(bytes)) this.drop('memory');
    else {
      slice.copy(this.#body!, this.#bodyBytes);
      this.#bodyBytes = bytes;
    }
  }

  onEnd(): void {
    if (this.#state !== 'recording') return;
    this.#state = 'whole';
    this.#owner.send(this);
  }

  abandon(): void {
    if (this.#state === 'recording') this.drop('incomplete');
  }

  /** It is on a connection. */
  onSent(): void {
    this.#account.sent++;
  }

  drop(reason: MirrorDrop): void {
    if (this.#state === 'over') return;
    this.#account.drop(reason);
    this.finish();
  }

  /** Releases all that it held. */
  finish(): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.#account.inFlight--;
    this.#owner.heldBytes -= this.#body?.length ?? 0;
    this.#body = undefined;
    const { carrier } = this;
    this.carrier = undefined;
    carrier?.discard(this);
    this.#owner.forget(this);
  }

  /** One growing piece of memory: a body that comes byte by byte must not cost an object for each of them. */
  #makeRoom(bytes: number): boolean {
    const owner = this.#owner;
    const before = this.#body?.length ?? 0;
    if (bytes <= before) return true;
    const room = Math.max(bytes, Math.min(owner.limits.bodyBytes, this.#announced || before * 2));
    if (owner.heldBytes - before + room > owner.limits.memoryBytes) return false;
    const grown = Buffer.allocUnsafe(room);
    this.#body?.copy(grown, 0, 0, this.#bodyBytes);
    owner.heldBytes += room - before;
    this.#body = grown;
    return true;
  }
}

/** Feeds two recordings at once, each of which may be another pair. */
export class Pair implements Recording {
  readonly #first: Recording;
  readonly #second: Recording;

  constructor(first: Recording, second: Recording) {
    this.#first = first;
    this.#second = second;
  }

  onBody(slice: Buffer): void {
    this.#first.onBody(slice);
    this.#second.onBody(slice);
  }

  onEnd(): void {
    this.#first.onEnd();
    this.#second.onEnd();
  }

  abandon(): void {
    this.#first.abandon();
    this.#second.abandon();
  }
}
