import { readSync } from 'node:fs';
import { isIP, type OnReadOpts, Socket, type SocketConstructorOpts } from 'node:net';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import type { Destination, TargetEncryption } from './destination.ts';

/** At most this much at once; what a target says before it resets a connection is short. */
const readMax = 65_536;

export interface TargetSocketOptions {
  /** Where everything that comes is read into; left out: it comes as `data`. */
  readonly onread?: OnReadOpts;
  /** Told what had come when the connection failed, before it is closed; left out: that is lost. */
  readonly onLastBytes?: (bytes: Buffer) => void;
  /** Until the system looks whether the other side of a silent connection is still there. 0 = as it likes. */
  readonly keepAliveDelayMs?: number;
}

/** Begins to connect. When requests may be sent, {@link readyEvent} comes. */
export function openTargetSocket(destination: Destination, options: TargetSocketOptions = {}): Socket {
  const { address, encryption } = destination;
  if (encryption !== undefined) return openEncrypted(destination, encryption, options);
  const { onread, onLastBytes, keepAliveDelayMs = 0 } = options;
  const socket = new TargetSocket(
    { noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveDelayMs, ...(onread && { onread }) },
    onLastBytes,
  );
  // All addresses of a name are tried, as anybody expects of a name with an IPv6 and an IPv4 address.
  return socket.connect({ host: address.host, port: address.port, autoSelectFamily: true });
}

export function readyEvent({ encryption }: Destination): 'connect' | 'secureConnect' {
  return encryption === undefined ? 'connect' : 'secureConnect';
}

function openEncrypted({ address }: Destination, encryption: TargetEncryption, options: TargetSocketOptions): TLSSocket {
  const { serverName, settings, context, checkName, session } = encryption;
  const { onread, onLastBytes, keepAliveDelayMs = 0 } = options;
  const wanted: ConnectionOptions & { readonly onread?: OnReadOpts; readonly autoSelectFamily: boolean } = {
    host: address.host,
    port: address.port,
    autoSelectFamily: true,
    // An IP address is no name to ask for (RFC 6066 section 3).
    servername: isIP(serverName) === 0 ? serverName : '',
    secureContext: context,
    rejectUnauthorized: settings.verify,
    checkServerIdentity: checkName,
    ALPNProtocols: ['http/1.1'],
    ...(session && { session }),
    ...(onread && { onread }),
  };
  const socket = connectTls(wanted);
  // Until it is connected, these would be set on a socket that may be replaced by one of another address family.
  socket.once('connect', () => socket.setNoDelay(true).setKeepAlive(true, keepAliveDelayMs));
  socket.on('session', (latest) => (encryption.session = latest));
  if (onLastBytes !== undefined) hearOut(socket, settings.verify);
  return socket;
}

/** What is left in the system's buffer, fed to the decryption as if it had been read in time: what that makes of it goes the usual way. */
function hearOut(socket: TLSSocket, verify: boolean): void {
  const destroy = socket.destroy.bind(socket);
  // Node makes the socket, so there is no class of ours whose method this could be; and in `_destroy` it would pass nothing on any more.
  socket.destroy = (error) => {
    const handle = handleOf(socket);
    if (error !== undefined && error !== null && !socket.destroyed && isSecure(socket, verify))
      readRest(handle, (bytes) => handle?.receive?.(bytes));
    return destroy(error ?? undefined);
  };
}

/** Its handshake is over. Where nobody asks whether the target can be trusted, Node says all the same why it could not. */
function isSecure(socket: TLSSocket, verify: boolean): boolean {
  return !socket.connecting && socket.getProtocol() !== null && (!verify || socket.authorizationError === null);
}

/** Node has no public way to read from a socket that it is about to destroy. */
interface InnerHandle {
  readonly fd?: number;
  receive?(bytes: Buffer): void;
}

function handleOf(socket: Socket): InnerHandle | null | undefined {
  return (socket as unknown as { _handle?: InnerHandle | null })._handle;
}

/**
 * A connection to a target that hears it out. A target that refuses an upload answers and closes at once, and its system then resets the
 * connection because of the bytes that nobody will read. If our next write meets that reset before our next read, Node closes the socket
 * and drops the answer that is already here. So what has arrived is read before a failed socket is closed.
 * See test/proxy/early-answers.test.ts.
 */
class TargetSocket extends Socket {
  readonly #onLastBytes: ((bytes: Buffer) => void) | undefined;

  constructor(options: SocketConstructorOpts, onLastBytes: ((bytes: Buffer) => void) | undefined) {
    super(options);
    this.#onLastBytes = onLastBytes;
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    if (error !== null && !this.connecting && this.#onLastBytes !== undefined) readRest(handleOf(this), this.#onLastBytes);
    super._destroy(error, callback);
  }
}

function readRest(handle: InnerHandle | null | undefined, onBytes: (bytes: Buffer) => void): void {
  const fd = handle?.fd;
  if (fd === undefined || fd < 0) return;
  const buffer = Buffer.allocUnsafe(readMax);
  for (;;) {
    const bytes = readOrNothing(fd, buffer);
    if (bytes === 0) return;
    onBytes(buffer.subarray(0, bytes));
  }
}

/** 0 at the end, when there is nothing, and when there is only the reset. */
function readOrNothing(fd: number, buffer: Buffer): number {
  try {
    return readSync(fd, buffer);
  } catch {
    return 0;
  }
}
