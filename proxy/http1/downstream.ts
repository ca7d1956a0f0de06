import type { Socket } from 'node:net';
import type { Listener } from '../../src/core/model.ts';
import type { Networks } from '../../src/core/networks.ts';
import type { Cause } from '../../src/core/terminations.ts';
import { ownAnswer } from '../answer.ts';
import { Exchange } from '../exchange.ts';
import { Forwarding } from '../forwarding.ts';
import { Framing, type RequestHead, type ResponseHead } from '../message.ts';
import type { Plane } from '../plane.ts';
import type { Detached, Downstream } from '../sides.ts';
import { BodyReader } from './body.ts';
import type { BodySink } from './chunked.ts';
import { giveSocket, ignoreError, isBorrowed, type SocketTaker, startReading, takeBack } from './client-socket.ts';
import { HeadSearch } from './head-search.ts';
import { Outbox } from './outbox.ts';
import { Http1RequestHead } from './request-head.ts';

/** What the listener keeps of its connections. */
export interface DownstreamOwner {
  readonly listener: Listener;
  /** The networks of the proxies whose word is taken; another object with every revision. */
  readonly trusted: Networks;
  /** The connection is closed, be it by then another protocol's. */
  onGone(downstream: Http1Downstream): void;
}

/**
 * `head`: between requests, or reading a head. `body`: reading a request's body. `waiting`: the request is read, its answer is not
 * complete. `discarding`: answered early, the rest of the body is read and thrown away. `closing`: answered for the last time, reading
 * on until the client has gone, because closing with unread bytes would reset the connection and could take the answer with it.
 */
type State = 'head' | 'body' | 'waiting' | 'discarding' | 'closing' | 'detached' | 'gone';

/** Pipelined bytes that are held while a request is under way; then reading stops. */
const pipelinedMax = 65_536;
/** So much is read all the same, bit by bit, where it lasts: a FIN is only seen behind what came before it. */
const pipelinedLookMax = 2 * pipelinedMax;
/** After so long without reading it is seen to whether the client is still there, and then again and again. */
const lookEveryMs = 1000;
/** Of an upload that was answered early, this much is read for the sake of keeping the connection. */
const discardMax = 262_144;
/** How long a connection that was answered for the last time may go on sending. */
const lingerMs = 2000;
/** Idle connections of a stopping process go when they have been idle for this long; those in use are told to leave. */
const idleWhenDrainingMs = 1000;

/** Connections that live so long are asked, from time to time, whether anybody is there; for short ones the four system calls are saved. */
const keepAliveAfterMs = 10_000;

/** One client's HTTP/1.1 connection: requests one after the other, answered in order. */
export class Http1Downstream implements Downstream, BodySink, SocketTaker {
  /** Who is at the other end of the connection, or whom a PROXY protocol header has named in its place. */
  readonly peerAddress: string;
  readonly #plane: Plane;
  readonly #owner: DownstreamOwner;
  readonly #socket: Socket;
  /** What the bytes really go through: another socket only where they are encrypted. */
  readonly #below: Socket;
  readonly #outbox: Outbox;
  readonly #head = new Http1RequestHead();
  readonly #search = new HeadSearch();
  readonly #body = new BodyReader();
  readonly #exchange: Exchange;
  readonly #forwarding: Forwarding;
  /** Whether this connection itself is encrypted. */
  readonly #secured: boolean;
  /** Read, but not used yet. */
  #unread: Buffer | undefined;
  #state: State = 'head';
  #processing = false;
  #isReading = false;
  #bodyBytes = 0;
  #continueSent = false;
  /** This answer is the connection's last. */
  #lastAnswer = false;
  #answerFraming: 'none' | 'length' | 'chunked' | 'untilClose' = 'none';
  #answered = false;
  /** The client may go on sending after its request's head: a body, white space behind one, or what nobody has understood. */
  #hasMoreToSend = false;
  /** Since when the present state lasts, on the coarse clock. */
  #sinceMs: number;
  /** How much the client had taken when that was last looked at, and since when it is so much; or since when nothing is left to take. */
  #bytesTaken = 0;
  #takenAtMs: number;
  readonly #openedMs: number;
  /** When reading was stopped, or since then the client was last looked after, on the coarse clock. */
  #lookedMs = 0;
  /** Whether the system looks after clients that vanish without a word. */
  #keptAlive = false;

  constructor(plane: Plane, owner: DownstreamOwner, socket: Socket, peerAddress: string, encrypted: boolean, below = socket) {
    this.#plane = plane;
    this.#owner = owner;
    this.#socket = socket;
    this.#below = below;
    this.#outbox = new Outbox(socket);
    this.peerAddress = peerAddress;
    this.#secured = encrypted;
    this.#forwarding = new Forwarding(peerAddress, encrypted);
    this.#exchange = new Exchange(plane, this);
    this.#openedMs = this.#sinceMs = this.#takenAtMs = plane.nowMs;
    giveSocket(socket, this);
  }

  get clientAddress(): string {
    return this.#forwarding.clientAddress;
  }

  get encrypted(): boolean {
    return this.#forwarding.encrypted;
  }

  get requestId(): string {
    return this.#forwarding.requestId;
  }

  get traceId(): string {
    return this.#forwarding.traceId;
  }

  get hasMore(): boolean {
    return this.#unread !== undefined;
  }

  /** What is under way on this connection. */
  get exchange(): Exchange {
    return this.#exchange;
  }

  get bytesSent(): number {
    return this.#outbox.bytes;
  }

  // Of the listener.

  /** Begins to read: first what somebody has put back, who had to see it before. */
  begin(): void {
    const early = this.#socket.readableLength > 0 ? (this.#socket.read() as Buffer | null) : null;
    this.#isReading = true;
    startReading(this.#socket);
    if (early !== null) this.#onData(early);
  }

  /** Checks the deadlines of whatever is under way. */
  onTick(nowMs: number): void {
    if (this.#state === 'detached') return;
    if (!this.#keptAlive && nowMs - this.#openedMs >= keepAliveAfterMs) this.#keepAlive();
    const { timeouts } = this.#owner.listener;
    const unsent = this.#socket.writableLength;
    if (this.#stalledFor(unsent, nowMs) >= timeouts.writeMs) {
      this.#loseClient('client_stalled');
      return;
    }
    // As long as the end of an answer is on its way, the client cannot be idle, late or gone.
    if (unsent > 0 && this.#exchange.idle) this.#sinceMs = nowMs;
    const forMs = nowMs - this.#sinceMs;
    switch (this.#state) {
      case 'head':
        if (this.#unread !== undefined) {
          if (forMs >= timeouts.headMs) this.#refuse(nothingRead, 'head_timeout');
        } else if (forMs >= timeouts.keepAliveMs || (this.#plane.draining && forMs >= idleWhenDrainingMs)) {
          this.#destroy();
        }
        return;
      case 'closing':
      case 'discarding':
        if (forMs >= lingerMs) this.#destroy();
        return;
      default:
        if (unsent === 0 && !this.#isReading && nowMs - this.#lookedMs >= lookEveryMs) this.#lookAfterClient(nowMs);
        this.#exchange.onTick(nowMs);
    }
  }

  /** Ends what runs and closes, because the process must go. */
  abandon(): void {
    if (this.#state === 'detached') return;
    this.#exchange.abandon('shutdown');
    this.#destroy();
  }

  /** Since when it has been between two requests, on the coarse clock; undefined where it is not. */
  get idleSinceMs(): number | undefined {
    const isIdle = this.#state === 'head' && this.#unread === undefined && this.#exchange.idle && this.#socket.writableLength === 0;
    return isIdle ? this.#sinceMs : undefined;
  }

  /** Bytes that were read from the client and that no target has taken yet, or that it has not taken. Of a connection that has left HTTP: 0. */
  get heldBytes(): number {
    if (this.#state === 'detached') return 0;
    const { writableLength, readableLength } = this.#socket;
    return writableLength + readableLength + (this.#unread?.length ?? 0) + this.#exchange.heldBytes;
  }

  /** Since when nothing of that has moved, as far as the last tick could tell. */
  get heldSinceMs(): number {
    if (this.#socket.writableLength > 0) return this.#takenAtMs;
    return this.#exchange.idle ? this.#sinceMs : this.#exchange.activeMs;
  }

  /** Ends what runs and closes, because there is no room for it any more. */
  turnOut(): void {
    if (this.#state === 'detached') return;
    this.#exchange.abandon('memory_limit');
    this.#destroy();
  }

  // Of the exchange.

  get forwardingFields(): string {
    return this.#forwarding.lines;
  }

  sendInterim(head: ResponseHead): void {
    // HTTP/1.0 has none (RFC 9110 section 15.2).
    if (this.#head.version === '1.0') return;
    if (head.status === 100) this.#continueSent = true;
    this.#outbox.addText(`HTTP/1.1 ${head.status} ${head.reason}\r\n${head.fields}\r\n`);
  }

  sendHead(head: ResponseHead, extra: string): void {
    const request = this.#head;
    const oldClient = request.version === '1.0';
    const closeDelimited = head.framing === Framing.stream && oldClient;
    this.#answerFraming =
      head.framing === Framing.none ? 'none' : head.framing === Framing.length ? 'length' : closeDelimited ? 'untilClose' : 'chunked';
    const waitsForContinue = request.expectsContinue && !this.#continueSent && this.#state === 'body';
    this.#lastAnswer ||=
      !request.persistent || this.#plane.draining || closeDelimited || waitsForContinue || this.#mayLeaveUpload || head.status === 408;
    const connection = this.#lastAnswer ? 'connection: close\r\n' : oldClient ? 'connection: keep-alive\r\n' : '';
    const coding = this.#answerFraming === 'chunked' ? 'transfer-encoding: chunked\r\n' : '';
    const date = head.hasDate ? '' : this.#plane.dateLine;
    this.#outbox.addText(
      `HTTP/1.1 ${head.status} ${head.reason}\r\n${head.fields}${date}via: ${head.version} sluice\r\n${extra}${coding}${connection}\r\n`,
    );
  }

  sendBody(slice: Buffer): void {
    if (this.#answerFraming === 'chunked') this.#outbox.addChunk(slice);
    else if (this.#answerFraming !== 'none') this.#outbox.addBytes(slice);
  }

  sendEnd(trailers: string): void {
    if (this.#answerFraming === 'chunked') this.#outbox.addText(`0\r\n${trailers}\r\n`);
    this.#answered = true;
  }

  flush(): boolean {
    return this.#outbox.flush();
  }

  cut(): void {
    this.#outbox.discard();
    this.#destroy();
  }

  pauseRequest(): void {
    this.#stopReading();
  }

  resumeRequest(): void {
    this.#readOn();
  }

  done(): void {
    this.#forwarding.end();
    if (this.#state === 'gone') return;
    this.flush();
    if (!this.#answered) return;
    this.#answered = false;
    this.#sinceMs = this.#plane.nowMs;
    if (this.#state === 'body') this.#afterEarlyAnswer();
    else if (this.#lastAnswer) this.#close();
    else this.#state = 'head';
    this.#readOn();
    this.#process();
  }

  detach(): Detached {
    const unread = Buffer.from(this.#unread ?? []);
    this.#unread = undefined;
    this.#state = 'detached';
    const socket = this.#socket;
    if (!this.#keptAlive) this.#keepAlive();
    takeBack(socket);
    // It still counts as a connection of the listener's.
    socket.on('close', () => this.#owner.onGone(this));
    return { socket, unread };
  }

  // Of the socket.

  onBodySlice(slice: Buffer): void {
    this.#bodyBytes += slice.length;
    if (this.#state === 'body') this.#exchange.onRequestBody(slice);
  }

  /** What is not used at once is copied. */
  onBytes(bytes: Buffer): void {
    this.#onData(bytes);
    if (this.#unread !== undefined && isBorrowed(this.#unread)) this.#unread = Buffer.from(this.#unread);
  }

  #onData(chunk: Buffer): void {
    if (this.#state === 'closing') return;
    if (this.#unread === undefined && this.#state === 'head') this.#sinceMs = this.#plane.nowMs;
    this.#unread = this.#unread === undefined ? chunk : Buffer.concat([this.#unread, chunk]);
    this.#process();
    if (this.#unread !== undefined && this.#unread.length > pipelinedMax && this.#mustWait) this.#stopReading();
  }

  #readOn(): void {
    if (this.#isReading) return;
    this.#isReading = true;
    this.#socket.resume();
  }

  #stopReading(): void {
    this.#isReading = false;
    this.#socket.pause();
    this.#lookedMs = this.#plane.nowMs;
  }

  /**
   * The system does not tell that a client has left while nothing is read from it. RST is seen by writing, be it nothing; FIN by reading
   * what is before it, which is done within bounds, and not where it would go on to a target that takes nothing.
   */
  #lookAfterClient(nowMs: number): void {
    this.#lookedMs = nowMs;
    if (this.#below.writable) this.#below.write('', 'latin1');
    if (this.#state === 'waiting' && this.#unread !== undefined && this.#unread.length < pipelinedLookMax) this.#readOn();
  }

  /** The next request has its turn when this one is answered, and when the client has taken what it was answered before. */
  get #mustWait(): boolean {
    return this.#state === 'waiting' || (this.#state === 'head' && this.#socket.writableNeedDrain);
  }

  onDrain(): void {
    this.#exchange.onClientReady();
    if (this.#state !== 'head') return;
    this.#readOn();
    this.#process();
  }

  /**
   * The client has sent FIN: it closed, or it closed its sending half. The two look the same, and the first is by far the more common:
   * a request whose client has gone should not go on at the target. nginx and node:http decide alike.
   */
  onEnd(): void {
    if (this.#state === 'closing') this.#destroy();
    else if (this.#exchange.idle) this.#closeGently();
    else this.#loseClient('client_closed');
  }

  onClose(): void {
    this.#destroy();
  }

  #destroy(): void {
    this.#loseClient('client_closed');
  }

  #loseClient(cause: 'client_closed' | 'client_stalled'): void {
    if (this.#state === 'gone') return;
    // Without a length or chunks only a reset tells an incomplete body from a complete one.
    const complete = this.#state === 'closing' && this.#socket.writableLength === 0;
    if (this.#answerFraming === 'untilClose' && !complete) this.#socket.resetAndDestroy();
    else this.#socket.destroy();
    this.#state = 'gone';
    this.#unread = undefined;
    this.#exchange.onClientGone(cause);
    this.#owner.onGone(this);
  }

  #keepAlive(): void {
    this.#keptAlive = true;
    this.#socket.setKeepAlive(true, 60_000);
  }

  /** For how long the client has taken nothing, although there was something to take. */
  #stalledFor(unsent: number, nowMs: number): number {
    const taken = this.#outbox.bytes - unsent;
    if (unsent === 0 || taken !== this.#bytesTaken) {
      this.#bytesTaken = taken;
      this.#takenAtMs = nowMs;
    }
    return nowMs - this.#takenAtMs;
  }

  /** Works off what was read, as far as the state allows. Not re-entered: an answer that is complete at once only sets the state. */
  #process(): void {
    if (this.#processing) return;
    this.#processing = true;
    try {
      // Each round uses bytes up or leaves; so there are at most as many rounds as bytes were read.
      while (this.#unread !== undefined && !this.#mustWait) {
        const before = this.#unread;
        if (this.#state === 'head') this.#readHead(before);
        else if (this.#state === 'body' || this.#state === 'discarding') this.#readBody(before, 0);
        if (this.#unread === before) break;
      }
    } catch (error) {
      this.#lastAnswer = true;
      this.#exchange.onBug(error);
      // Where nothing was under way that could be answered.
      if (this.#state !== 'closing') this.#destroy();
    }
    this.#processing = false;
  }

  #readHead(bytes: Buffer): void {
    const { limits } = this.#owner.listener;
    const search = this.#search;
    const headEnd = search.find(bytes, limits.headBytes);
    const { start } = search;
    if (headEnd < 0) {
      this.#unreadFrom(bytes, start);
      if (search.fault !== '') this.#refuse(nothingRead, search.fault);
      return;
    }
    this.#unreadFrom(bytes, headEnd + 4);
    const fault = this.#head.parse(bytes, start, headEnd + 2, limits);
    if (fault !== '') {
      this.#refuse(this.#head, fault);
      return;
    }
    this.#forwarding.begin(this.#head, this.#owner.trusted, this.#owner.listener);
    if (limits.bodyBytes > 0 && this.#head.contentLength > limits.bodyBytes) {
      this.#refuse(this.#head, 'body_too_large');
      return;
    }
    this.#beginRequest(bytes, headEnd + 4);
  }

  #beginRequest(bytes: Buffer, offset: number): void {
    const head = this.#head;
    const { limits } = this.#owner.listener;
    this.#continueSent = this.#lastAnswer = this.#answered = false;
    this.#bodyBytes = 0;
    this.#hasMoreToSend = head.framing !== Framing.none;
    if (!this.#hasMoreToSend) {
      this.#state = 'waiting';
      this.#begin(head);
      return;
    }
    if (head.framing === Framing.length) this.#body.beginLength(head.contentLength);
    else this.#body.beginChunked(limits.headBytes, limits.fields);
    this.#state = 'body';
    this.#begin(head);
    if (this.#state === 'body' || this.#state === 'discarding') this.#readBody(bytes, offset);
  }

  #begin(head: Http1RequestHead): void {
    const { redirectToHttps } = this.#owner.listener;
    // What has come encrypted, if only to a proxy that is trusted, is where it belongs.
    if (redirectToHttps !== undefined && !this.encrypted) this.#exchange.redirect(head, redirectToHttps);
    else if (head.goesNoFurther) this.#exchange.answerOptions(head);
    else this.#exchange.begin(head);
  }

  #readBody(bytes: Buffer, offset: number): void {
    const body = this.#body;
    const next = body.read(bytes, offset, this);
    if (this.#state !== 'body' && this.#state !== 'discarding') return;
    this.#unreadFrom(bytes, next);
    const { bodyBytes } = this.#owner.listener.limits;
    if (body.failed) this.#bodyFault('malformed_request');
    else if (bodyBytes > 0 && this.#bodyBytes > bodyBytes) this.#bodyFault('body_too_large');
    else if (body.done) this.#bodyDone();
    else if (this.#state === 'body') this.#exchange.onRequestFlush();
    else if (this.#bodyBytes > discardMax) this.#closeGently();
  }

  #bodyDone(): void {
    if (this.#state === 'discarding') {
      this.#state = 'head';
      this.#sinceMs = this.#plane.nowMs;
      return;
    }
    this.#state = 'waiting';
    this.#exchange.onRequestEnd(this.#body.trailers);
    this.#exchange.onRequestFlush();
  }

  #bodyFault(cause: Cause): void {
    this.#lastAnswer = true;
    if (this.#state === 'body') this.#exchange.onRequestFault(cause);
    else this.#closeGently();
  }

  /**
   * So much of the upload is missing that it will not be read if the answer is complete before it. Whose answer has begun by then is told
   * that it is the last (RFC 9112 section 9.6). Of chunks nobody knows how many are left.
   */
  get #mayLeaveUpload(): boolean {
    return this.#state === 'body' && this.#body.bytesLeft > discardMax && this.#body.bytesLeft !== Infinity;
  }

  /** The answer is complete and the request is not: read the rest if that is little, or else close. */
  #afterEarlyAnswer(): void {
    this.#bodyBytes = 0;
    if (this.#lastAnswer || this.#mayLeaveUpload) this.#closeGently();
    else this.#state = 'discarding';
  }

  #unreadFrom(bytes: Buffer, offset: number): void {
    this.#unread = offset === 0 ? bytes : offset < bytes.length ? bytes.subarray(offset) : undefined;
  }

  /** Answers what cannot be passed on, and closes: after it nobody knows where the next request would begin. */
  #refuse(head: RequestHead, cause: Cause): void {
    this.#lastAnswer = true;
    this.#hasMoreToSend = true;
    this.#state = 'waiting';
    this.#exchange.refuse(head, cause);
  }

  /** A client that has asked for the end, and whose request was all in its head, sends nothing more: nothing need be waited for. */
  #close(): void {
    const isOver =
      !this.#head.persistent && !this.#hasMoreToSend && this.#unread === undefined && this.#socket.writableLength === 0 && !this.#secured;
    if (!isOver) {
      this.#closeGently();
      return;
    }
    this.#state = 'closing';
    this.#destroy();
  }

  #closeGently(): void {
    this.#state = 'closing';
    this.#unread = undefined;
    this.#sinceMs = this.#plane.nowMs;
    this.#socket.end();
  }
}

/** Answers a connection that is over the listener's limit, before anything was read from it. */
export function turnAway(socket: Socket, dateLine: string): void {
  socket.on('error', ignoreError);
  socket.end(answerText('connection_limit', dateLine));
}

/** The whole answer to a connection that no request was read from, and that is closed behind it. */
export function answerText(cause: Cause, dateLine: string): string {
  const { head, body } = ownAnswer(cause);
  return `HTTP/1.1 ${head.status} ${head.reason}\r\n${head.fields}${dateLine}connection: close\r\n\r\n${body.toString('latin1')}`;
}

/** Stands for a head of which nothing is known: it is late, too large or broken before its end. */
const nothingRead: RequestHead = new Http1RequestHead();
