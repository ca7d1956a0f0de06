import type { Socket } from 'node:net';
import type { SocketAddress } from '../../src/core/model.ts';
import type { Cause } from '../../src/core/terminations.ts';
import { Framing, type RequestHead } from '../message.ts';
import type { Upstream, UpstreamEvents } from '../sides.ts';
import { authorityOf } from './authority.ts';
import { BodyReader } from './body.ts';
import { CR, LF } from './characters.ts';
import type { BodySink } from './chunked.ts';
import { connectFailure, isEncryptionFailure } from './connect-failure.ts';
import type { Destination } from './destination.ts';
import { copyBytesMax } from './copies.ts';
import { emptyLineIn } from './head-search.ts';
import { ReadBuffer } from './read-buffer.ts';
import type { HeadLimits } from './request-head.ts';
import { Outbox } from './outbox.ts';
import { Http1ResponseHead } from './response-head.ts';
import { openTargetSocket, readyEvent } from './target-socket.ts';

/** What an upstream connection tells the connector that made it. */
export interface UpstreamOwner {
  /** It has finished a request and can take another. */
  onIdle(upstream: Http1Upstream): void;
  /** It is gone, or no use any more. */
  onClosed(upstream: Http1Upstream): void;
  /** The target said how long it keeps idle connections. */
  onKeepAlive(seconds: number): void;
}

/** Heads of answers are bounded like those of requests; targets are ours, so one bound serves all. */
export const responseLimits: HeadLimits = { headBytes: 65_536, fields: 256 };

const readBuffer = new ReadBuffer(copyBytesMax);

/** One HTTP/1.1 connection to a target, which serves one request after the other. */
export class Http1Upstream implements Upstream, BodySink {
  connected = false;
  reused = false;
  heard = false;
  /** When it became idle, on the connector's clock. */
  idleSinceMs = 0;

  readonly #socket: Socket;
  readonly #address: SocketAddress;
  readonly #owner: UpstreamOwner;
  readonly #outbox: Outbox;
  readonly #head = new Http1ResponseHead();
  readonly #body = new BodyReader();
  #events: UpstreamEvents | undefined;
  #state: 'idle' | 'head' | 'body' | 'ended' | 'closed' = 'idle';
  #partialHead: Buffer | undefined;
  #toHead = false;
  #requestFraming: Framing = Framing.none;
  #requestDone = true;
  #readPaused = false;

  constructor(destination: Destination, owner: UpstreamOwner, events: UpstreamEvents) {
    this.#address = destination.address;
    this.#owner = owner;
    this.#events = events;
    const onread = {
      buffer: readBuffer.bytes,
      callback: (length: number) => {
        this.#onData(readBuffer.view(length));
        return true;
      },
    };
    const socket = openTargetSocket(destination, { onread, onLastBytes: (bytes) => this.#onData(bytes) });
    this.#socket = socket;
    this.#outbox = new Outbox(socket);
    let failure: Error | undefined;
    socket.on(readyEvent(destination), () => this.#onConnect());
    socket.on('drain', () => this.#events?.onTargetReady());
    socket.on('end', () => this.#onClose(undefined));
    socket.on('error', (error) => (failure = error));
    socket.on('close', () => this.#onClose(failure));
  }

  /** Gives the connection to the next request. */
  reuse(events: UpstreamEvents): void {
    this.reused = true;
    this.#events = events;
  }

  get unsentBytes(): number {
    return this.#socket.writableLength;
  }

  get usable(): boolean {
    return this.#state === 'idle' && this.#socket.writable;
  }

  sendRequest(head: RequestHead, forwarding: string): void {
    this.#state = 'head';
    this.heard = false;
    this.#toHead = head.method === 'HEAD';
    this.#requestFraming = head.framing;
    this.#requestDone = head.framing === Framing.none;
    const authority = head.authority === '' ? authorityOf(this.#address) : head.authority;
    const coding = head.framing === Framing.stream ? 'transfer-encoding: chunked\r\n' : '';
    this.#outbox.addText(`${head.method} ${head.target} HTTP/1.1\r\nhost: ${authority}\r\n${head.fields}${forwarding}${coding}\r\n`);
  }

  sendBody(slice: Buffer): void {
    if (this.#requestFraming === Framing.stream) this.#outbox.addChunk(slice);
    else this.#outbox.addBytes(slice);
  }

  sendEnd(trailers: string): void {
    this.#requestDone = true;
    if (this.#requestFraming === Framing.stream) this.#outbox.addText(`0\r\n${trailers}\r\n`);
  }

  /** While it connects, what was sent waits. */
  flush(): boolean {
    return this.connected ? this.#outbox.flush() : false;
  }

  pauseResponse(): void {
    this.#readPaused = true;
    this.#socket.pause();
  }

  resumeResponse(): void {
    if (!this.#readPaused) return;
    this.#readPaused = false;
    this.#socket.resume();
  }

  release(): void {
    this.#events = undefined;
    const reusable = this.#state === 'ended' && this.#requestDone && this.#head.persistent && this.#socket.writable;
    if (!reusable) {
      this.cancel();
      return;
    }
    this.#state = 'idle';
    this.resumeResponse();
    this.#owner.onIdle(this);
  }

  cancel(): void {
    this.#events = undefined;
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#socket.destroy();
    this.#owner.onClosed(this);
  }

  /** Sends FIN once nothing is left to write, and does not wait for the target's; for a connection that is idle. */
  close(): void {
    this.#state = 'closed';
    this.#socket.destroySoon();
    this.#owner.onClosed(this);
  }

  onBodySlice(slice: Buffer): void {
    this.#events?.onResponseBody(slice);
  }

  #onConnect(): void {
    if (this.#state === 'closed') return;
    this.connected = true;
    this.#events?.onConnected();
  }

  #onData(bytes: Buffer): void {
    try {
      this.#read(bytes);
    } catch (error) {
      const events = this.#events;
      this.cancel();
      events?.onBug(error);
    }
  }

  #read(bytes: Buffer): void {
    if (this.#state === 'head') {
      this.heard = true;
      const partial = this.#partialHead;
      this.#partialHead = undefined;
      if (partial === undefined) this.#onHeadBytes(bytes, 0);
      else this.#onHeadBytes(Buffer.concat([partial, bytes]), partial.length);
    } else if (this.#state === 'body') {
      this.#onBodyBytes(bytes, 0);
    } else if (this.#state !== 'closed') {
      // Nobody asked: whatever this is, it must not become the answer to the next request.
      this.cancel();
    }
  }

  /** @param searched so many bytes at the beginning hold no end of a head, but perhaps a part of one */
  #onHeadBytes(chunk: Buffer, searched: number): void {
    for (let offset = 0; ;) {
      const headEnd = emptyLineIn(chunk, Math.max(offset, searched - 3));
      if (headEnd < 0 || headEnd - offset > responseLimits.headBytes) {
        if (chunk.length - offset > responseLimits.headBytes) this.#fail('response_head_too_large', '');
        else if (offset < chunk.length && !mayBeAnswer(chunk, offset)) this.#fail('malformed_response', 'it does not begin with HTTP/1.');
        else if (hasBareLineFeed(chunk, Math.max(offset, searched))) this.#fail('malformed_response', 'its head has a bare line feed');
        else this.#partialHead = Buffer.from(chunk.subarray(offset));
        this.#events?.onResponseFlush();
        return;
      }
      const fault = this.#head.parse(chunk, offset, headEnd + 2, responseLimits.fields, this.#toHead);
      if (fault !== '') {
        this.#fail(fault, '');
        return;
      }
      offset = headEnd + 4;
      if (this.#head.status >= 200) {
        this.#beginBody(chunk, offset);
        return;
      }
      // A 101 that nobody asked for would turn the connection into something else (RFC 9110 section 15.2.2).
      if (this.#head.status === 101) {
        this.#fail('malformed_response', 'it switched protocols without being asked');
        return;
      }
      this.#events?.onInterim(this.#head);
      if (this.#state !== 'head') return;
    }
  }

  #beginBody(chunk: Buffer, offset: number): void {
    const head = this.#head;
    this.#state = 'body';
    if (head.keepAliveSeconds >= 0) this.#owner.onKeepAlive(head.keepAliveSeconds);
    if (head.untilClose) this.#body.beginUntilClose();
    else if (head.framing === Framing.stream) this.#body.beginChunked(responseLimits.headBytes, responseLimits.fields);
    else if (head.framing === Framing.length) this.#body.beginLength(head.contentLength);
    else this.#body.beginNone();
    this.#events?.onResponseHead(head);
    this.#onBodyBytes(chunk, offset);
  }

  #onBodyBytes(chunk: Buffer, offset: number): void {
    const body = this.#body;
    const next = this.#state === 'body' ? body.read(chunk, offset, this) : offset;
    // The exchange may have given up while it was handed the head or a slice.
    if (this.#state !== 'body') return;
    if (body.failed) {
      this.#fail('malformed_response', 'its chunks are malformed');
      return;
    }
    if (!body.done) {
      this.#events?.onResponseFlush();
      return;
    }
    // Bytes after the end answer no request: the connection cannot be trusted with another.
    this.#state = next === chunk.length ? 'ended' : 'idle';
    this.#events?.onResponseEnd(body.trailers);
  }

  #onClose(failure: Error | undefined): void {
    if (this.#state === 'closed') return;
    if (this.#state === 'body' && this.#head.untilClose && failure === undefined) {
      this.#state = 'ended';
      this.#events?.onResponseEnd('');
      return;
    }
    const { cause, detail } = this.connected ? brokenOff(this.#state, failure) : connectFailure(failure, this.#socket);
    this.#fail(cause, detail);
  }

  #fail(cause: Cause, detail: string): void {
    const events = this.#events;
    this.cancel();
    events?.onTargetFailed(cause, detail);
  }
}

function brokenOff(state: string, failure: Error | undefined): { cause: Cause; detail: string } {
  const detail = failure?.message ?? '';
  if (state === 'body') return { cause: 'response_incomplete', detail };
  return { cause: isEncryptionFailure(failure) ? 'tls_protocol_error' : 'connection_terminated', detail };
}

const answerStart = Buffer.from('HTTP/1.');

/** Lines that end otherwise would have us wait for an end of the head that never comes. */
function hasBareLineFeed(chunk: Buffer, from: number): boolean {
  for (let feed = chunk.indexOf(LF, from); feed >= 0; feed = chunk.indexOf(LF, feed + 1)) {
    if (chunk[feed - 1] !== CR) return true;
  }
  return false;
}

/** So that a target that talks something else is found out at its first bytes, not at a time-out. */
function mayBeAnswer(chunk: Buffer, offset: number): boolean {
  const length = Math.min(answerStart.length, chunk.length - offset);
  return chunk.compare(answerStart, 0, length, offset, offset + length) === 0;
}
