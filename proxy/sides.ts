/**
 * The contract between the three parts of an exchange: the downstream side (a client's request and its answer), the exchange in the
 * middle, and the upstream side (a target's connection). Each side hides its HTTP version and its encryption; the exchange knows
 * neither. Everything is a direct call on a long-lived object: no events, promises or closures per request.
 *
 * Slices passed to `onRequestBody` and `onResponseBody` are borrowed: their bytes are overwritten by the next read, so whoever needs
 * them longer copies them. What is sent gathers on the side that sends until `flush`, so that a head and a small body leave together.
 */
import type { Socket } from 'node:net';
import type { Cause } from '../src/core/terminations.ts';
import type { Destination } from './http1/destination.ts';
import type { RequestHead, ResponseHead } from './message.ts';

/** Where answers go. */
export interface Downstream {
  /** Whom the present request comes from, as far as can be trusted: an address without port. */
  readonly clientAddress: string;
  /** Whether the client's connection is encrypted. */
  readonly encrypted: boolean;
  /** What the present request and its trace are called; '' = nothing. */
  readonly requestId: string;
  readonly traceId: string;
  /** Whether bytes of a further request have come already: whoever sent them does not know the answer to this one. */
  readonly hasMore: boolean;
  /** Field lines that tell the target whom it talks to, and about what: X-Forwarded-For, -Proto and -Host, Via, and what the request lacks of names. */
  readonly forwardingFields: string;
  /** An interim answer: 100, 103 … */
  sendInterim(head: ResponseHead): void;
  /** `extra` are further field lines. */
  sendHead(head: ResponseHead, extra: string): void;
  sendBody(slice: Buffer): void;
  sendEnd(trailers: string): void;
  /** Sends what has gathered. False = the client is behind: stop until `onClientReady`. */
  flush(): boolean;
  /** Breaks off an answer whose head was sent, so that the client can tell that it is incomplete. */
  cut(): void;
  /** The exchange is over, one way or the other: flush, and begin the next as soon as there is one. */
  done(): void;
  /** Stop and go on reading the request's body. */
  pauseRequest(): void;
  resumeRequest(): void;
  /** Bytes of answer written so far, heads included. */
  readonly bytesSent: number;
  /** Hands the connection over to another protocol: returns its socket, detached, and all bytes read from it that are not used yet. */
  detach(): Detached;
}

export interface Detached {
  readonly socket: Socket;
  readonly unread: Buffer;
}

/** What a downstream side tells its exchange. */
export interface DownstreamEvents {
  /** A request whose head was read; the side is the exchange's until it calls `done`. */
  begin(head: RequestHead): void;
  /** A request that cannot be passed on, and why; `head` knows as much of it as was read. */
  refuse(head: RequestHead, cause: Cause): void;
  onRequestBody(slice: Buffer): void;
  onRequestEnd(trailers: string): void;
  /** The read that brought the last pieces is over: send them on. */
  onRequestFlush(): void;
  /** The request's body is malformed or too large. */
  onRequestFault(cause: Cause): void;
  /** The client has taken what was sent; it may get more. */
  onClientReady(): void;
  /** The client has left, or was left because it did not read. */
  onClientGone(cause: 'client_closed' | 'client_stalled'): void;
  /** Something was thrown while this request was worked on. */
  onBug(error: unknown): void;
  onTick(nowMs: number): void;
}

/** Where requests go: one connection or stream to one target, for one request at a time. */
export interface Upstream {
  /** `forwarding` are the field lines that we add. */
  sendRequest(head: RequestHead, forwarding: string): void;
  sendBody(slice: Buffer): void;
  sendEnd(trailers: string): void;
  /** Sends what has gathered. False = the target is behind: stop until `onTargetReady`. */
  flush(): boolean;
  pauseResponse(): void;
  resumeResponse(): void;
  /** Done with it; it goes back to its target's idle connections where that is safe. */
  release(): void;
  /** Breaks it off. The exchange hears nothing of it any more. */
  cancel(): void;
  readonly connected: boolean;
  /** Bytes of the request that it was given and the system has not taken yet. */
  readonly unsentBytes: number;
  /** Whether it had served a request before this one: then the target may just have closed it as idle. */
  readonly reused: boolean;
  /** Whether any byte of an answer to this request has come: then the request must not be sent again. */
  readonly heard: boolean;
}

/** What an upstream side tells its exchange. */
export interface UpstreamEvents {
  onConnected(): void;
  onInterim(head: ResponseHead): void;
  onResponseHead(head: ResponseHead): void;
  onResponseBody(slice: Buffer): void;
  onResponseEnd(trailers: string): void;
  /** The read that brought the last pieces is over: send them on. */
  onResponseFlush(): void;
  onTargetReady(): void;
  /** The connection could not be made, broke, or said something that is not HTTP. Comes once, and nothing after it. */
  onTargetFailed(cause: Cause, detail: string): void;
  /** Something was thrown while the answer was worked on; comes in place of `onTargetFailed`. */
  onBug(error: unknown): void;
}

/** How a target is reached: over connections that are kept, or new ones. */
export interface Connector {
  /** An idle connection that is safe to use, or undefined. `isFragile` = the request would be lost with it. */
  take(events: UpstreamEvents, isFragile: boolean): Upstream | undefined;
  /** A new connection; its outcome comes as `onConnected` or `onTargetFailed`. */
  open(events: UpstreamEvents): Upstream;
  /** New connections are made by what the files of this one say; those that are open go on. */
  renew(destination: Destination): void;
  /** Closes idle connections that are too old. Called about every second. */
  tidy(): void;
  /** Closes the connection that has been idle for longest. False = none is idle. */
  closeIdle(): boolean;
  /** Closes idle connections now and keeps none any more. */
  close(): void;
  /** Connections to the target at most, idle ones included: for a new one the oldest idle one goes. Infinity = no limit. */
  connectionsMax: number;
}
