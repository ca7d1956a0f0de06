import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { closeFrame, FrameTracker } from './websocket-frames.ts';

/** How long a side may take to close its end of a connection that has ended, or that it was asked to close. */
export const lingerMs = 2000;
/** A frame of which nothing passes for so long is not waited for. */
const stalledMs = 500;

/** What the sides are told. Close codes: RFC 6455 section 7.4.1, and its registry for 1012, which says that coming back at once is right. */
export interface Farewell {
  readonly toClient: number;
  readonly toTarget: number;
  readonly reason: string;
}

export const serviceRestart: Farewell = { toClient: 1012, toTarget: 1001, reason: 'service restart' };
export const idleTimeout: Farewell = { toClient: 1001, toTarget: 1001, reason: 'idle timeout' };

/**
 * A WebSocket whose frames are followed both ways, so that it can be closed between two of them (RFC 6455 sections 5.5.1 and 7). The client
 * is told first, at the end of a frame, and what the target sends after that goes nowhere. What the client sends goes on to the target
 * until the client's own close frame, so that nothing is lost that it sent before it could know; in the place of that frame, the target
 * is told.
 */
export class ClosableWebSocket {
  readonly #client: Socket;
  readonly #target: Socket;
  readonly #clock: { readonly nowMs: number };
  readonly #fromClient = new FrameTracker();
  readonly #fromTarget = new FrameTracker();
  /** Undefined = it was not told to close. */
  #farewell: Farewell | undefined;
  #clientTold = false;
  #targetTold = false;
  /** On the coarse clock: when the frame under way must have ended, or the client must have answered. */
  #untilMs = 0;
  /** What had passed of that frame when that was last looked at, and since when it is so much. */
  #passed = 0;
  #passedAtMs = 0;

  /** Listens beside the pipes between the two. */
  constructor(client: Socket, target: Socket, clock: { readonly nowMs: number }) {
    this.#client = client;
    this.#target = target;
    this.#clock = clock;
    client.on('data', (chunk: Buffer) => this.#onClientData(chunk));
    target.on('data', (chunk: Buffer) => this.#onTargetData(chunk));
  }

  /** One side has said that it closes, and may still be doing so. */
  get isClosingItself(): boolean {
    return this.#fromClient.closed || this.#fromTarget.closed;
  }

  get malformed(): boolean {
    return this.#fromClient.malformed || this.#fromTarget.malformed;
  }

  get toldToClose(): boolean {
    return this.#farewell !== undefined;
  }

  /** From here on we carry the bytes, and the pipes do not. */
  close(farewell: Farewell): void {
    this.#farewell = farewell;
    this.#untilMs = this.#clock.nowMs + lingerMs;
    this.#passed = this.#progress();
    this.#passedAtMs = this.#clock.nowMs;
    this.#target.unpipe(this.#client);
    this.#client.unpipe(this.#target);
    this.#target.resume();
    this.#client.resume();
    if (this.#fromTarget.atBoundary) this.#tellClient();
  }

  /** A frame stands still, or takes too long to end, or the client does not answer. */
  isOverdue(): boolean {
    const { nowMs } = this.#clock;
    const progress = this.#progress();
    if (progress !== this.#passed) {
      this.#passed = progress;
      this.#passedAtMs = nowMs;
    }
    return nowMs >= this.#untilMs || (!this.#clientTold && nowMs - this.#passedAtMs >= stalledMs);
  }

  /** The client is gone. The target may go on reading for a while, since cutting it could take the close frame with it. */
  leaveTarget(): void {
    this.#tellTarget();
    const target = this.#target;
    if (target.destroyed) return;
    // The tick may stop with the last client.
    const timer = setTimeout(() => target.destroy(), lingerMs);
    target.once('close', () => clearTimeout(timer));
    target.resume();
  }

  #onTargetData(chunk: Buffer): void {
    if (!this.toldToClose) {
      this.#fromTarget.follow(chunk);
    } else if (!this.#clientTold) {
      pass(chunk.subarray(0, this.#fromTarget.follow(chunk, 'frame')), this.#target, this.#client);
      if (this.#fromTarget.atBoundary) this.#tellClient();
      else if (this.#fromTarget.malformed) this.#client.destroy();
    }
  }

  #onClientData(chunk: Buffer): void {
    let taken = 0;
    if (this.toldToClose && !this.#targetTold) {
      taken = this.#fromClient.follow(chunk, 'close');
      pass(chunk.subarray(0, taken), this.#client, this.#target);
      if (taken < chunk.length) this.#tellTarget();
    }
    this.#fromClient.follow(chunk.subarray(taken));
    if (this.#clientTold && this.#fromClient.closed) this.#client.end();
  }

  #tellClient(): void {
    this.#clientTold = true;
    this.#untilMs = this.#clock.nowMs + lingerMs;
    if (!this.#client.writable) return;
    const { toClient, reason } = this.#farewell!;
    this.#client.write(closeFrame(toClient, reason));
    if (this.#fromClient.closed) this.#client.end();
  }

  /** A frame that the client has left unfinished cannot be followed by another: then FIN has to do. */
  #tellTarget(): void {
    if (this.#targetTold) return;
    this.#targetTold = true;
    if (!this.#target.writable) return;
    const { toTarget, reason } = this.#farewell!;
    if (this.#fromClient.atBoundary) this.#target.write(closeFrame(toTarget, reason, randomBytes(4)));
    this.#target.end();
  }

  /** Bytes that have come from the target or gone to the client: where neither moves, the frame stands still. */
  #progress(): number {
    return this.#target.bytesRead + this.#client.bytesWritten - this.#client.writableLength;
  }
}

/** Passes bytes on as a pipe does: who sends waits for who takes. */
function pass(part: Buffer, from: Socket, to: Socket): void {
  if (part.length === 0 || !to.writable || to.write(part)) return;
  from.pause();
  to.once('drain', () => from.resume());
}
