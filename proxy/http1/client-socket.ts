/**
 * Clients' connections, read into one buffer that is used again and again, as `onread` does it for connections that we open ourselves
 * (`upstream.ts`). A server of node:net has no such option: it allocates 64 KiB for every read, and a stream carries them on, which
 * together cost a tenth of a small request. So connections are taken before the server makes its own sockets of them.
 *
 * What that needs of Node is not documented: the `handle` option of a socket, which Node's own cluster module lives by, and where a
 * server is told of connections. This file is the only one that knows; where a Node is built otherwise the server's own sockets do, and
 * test/proxy/client-socket.test.ts says that the runtime of this project is not.
 */
import { type Server, Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { ReadBuffer } from './read-buffer.ts';

/** Who is told of what happens to a socket, directly: without a stream, and without listeners of its own. */
export interface SocketTaker {
  /** The bytes are borrowed: the next read of any connection overwrites them. */
  onBytes(bytes: Buffer): void;
  onDrain(): void;
  /** The other side has sent FIN. */
  onEnd(): void;
  onClose(): void;
}

/** What node:net calls a connection below its sockets. */
export type ConnectionHandle = object;

/** An upload that its target does not take holds so much in our memory. */
const readBuffer = new ReadBuffer(131_072);

/** A socket that belongs to its taker; as long as it has none it is a stream like any other. It begins paused. */
export class ClientSocket extends Socket {
  taker: SocketTaker | undefined = undefined;

  constructor(handle: ConnectionHandle) {
    super({ handle, readable: true, writable: true, pauseOnCreate: true, onread } as object);
  }

  /** Four listeners for each of many short connections cost a thirtieth of what such a connection costs. */
  override emit(event: string, ...details: unknown[]): boolean {
    // Errors are followed by `close`, which is where they are dealt with; nobody need listen for them.
    if (event === 'error' && this.listenerCount('error') === 0) return true;
    const wasHeard = (super.emit as (event: string, ...details: unknown[]) => boolean)(event, ...details);
    const { taker } = this;
    if (taker === undefined) return wasHeard;
    if (event === 'drain') taker.onDrain();
    else if (event === 'end') taker.onEnd();
    else if (event === 'close') taker.onClose();
    return wasHeard;
  }

  /** A paused stream reads on until it is full, and so hears that the other side has left; a paused taker wants nothing any more. */
  override pause(): this {
    if (this.taker !== undefined) return super.pause();
    Duplex.prototype.pause.call(this);
    return this;
  }
}

/** One for all: node:net calls it as a method of the socket. */
const onread = {
  buffer: readBuffer.bytes,
  callback(this: ClientSocket, length: number): boolean {
    const bytes = readBuffer.view(length);
    if (this.taker === undefined) return this.push(Buffer.from(bytes));
    this.taker.onBytes(bytes);
    return true;
  },
};

/** A socket's errors are followed by its `close`, which is where they are dealt with. */
export function ignoreError(): void {}

/** Gives a socket, whatever its kind, to a taker. What lies in its buffer already is the taker's to read. */
export function giveSocket(socket: Socket, taker: SocketTaker): void {
  if (socket instanceof ClientSocket) {
    socket.taker = taker;
    return;
  }
  socket.setNoDelay(true);
  // What a TLS socket has decrypted need not pass through the buffers of a stream.
  socket.push = (chunk: Buffer | null): boolean => {
    if (chunk === null) return Duplex.prototype.push.call(socket, null);
    taker.onBytes(chunk);
    return !socket.isPaused();
  };
  // The stream, which is handed nothing, believes that a read is still under way.
  socket.resume = () => {
    Duplex.prototype.resume.call(socket);
    socket._read(0);
    return socket;
  };
  socket.on('drain', () => taker.onDrain()).on('end', () => taker.onEnd());
  socket.on('close', () => taker.onClose()).on('error', ignoreError);
}

/** Lets a taker have what comes. */
export function startReading(socket: Socket): void {
  // Resuming would have the stream look for somebody who reads from it, in a turn of its own.
  if (socket instanceof ClientSocket) socket.read(0);
  else socket.resume();
}

/** Takes a socket back from its taker: it is a stream again, which nobody listens to. */
export function takeBack(socket: Socket): void {
  if (socket instanceof ClientSocket) {
    socket.taker = undefined;
    return;
  }
  delete (socket as { push?: unknown }).push;
  delete (socket as { resume?: unknown }).resume;
  // Tells the stream that its read is over.
  socket.push(Buffer.alloc(0));
  for (const event of ['drain', 'end', 'close']) socket.removeAllListeners(event);
}

/** Whether these bytes will be overwritten by the next read. */
export function isBorrowed(bytes: Buffer): boolean {
  return readBuffer.lends(bytes);
}

/** What node:net has below a server. */
interface ListeningHandle {
  onconnection?: unknown;
  setNoDelay?(on: boolean): void;
}

/** From now on a server that listens emits `connection` with a {@link ClientSocket}. */
export function acceptClientSockets(server: Server): void {
  const listening = (server as unknown as { readonly _handle?: ListeningHandle | null })._handle;
  if (typeof listening?.onconnection !== 'function') return;
  // Connections inherit it from the socket that they come in by: one system call less for each.
  listening.setNoDelay?.(true);
  const acceptPlain = listening.onconnection as (error: number, handle?: ConnectionHandle) => void;
  listening.onconnection = (error: number, handle?: ConnectionHandle): void => {
    if (error !== 0 || handle === undefined) acceptPlain.call(listening, error, handle);
    else server.emit('connection', new ClientSocket(handle));
  };
}
