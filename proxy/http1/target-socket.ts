import { readSync } from 'node:fs';
import { Socket, type SocketConstructorOpts } from 'node:net';

/** At most this much at once; what a target says before it resets a connection is short. */
const readMax = 65_536;

/**
 * A connection to a target that hears it out. A target that refuses an upload answers and closes at once, and its system then resets the
 * connection because of the bytes that nobody will read. If our next write meets that reset before our next read, Node closes the socket
 * and drops the answer that is already here. So what has arrived is read before a failed socket is closed.
 * See test/proxy/early-answers.test.ts.
 */
export class TargetSocket extends Socket {
  readonly #onLastBytes: (bytes: Buffer) => void;

  constructor(options: SocketConstructorOpts, onLastBytes: (bytes: Buffer) => void) {
    super(options);
    this.#onLastBytes = onLastBytes;
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    if (error !== null && !this.connecting) this.#readRest();
    super._destroy(error, callback);
  }

  #readRest(): void {
    // Node has no public way to read from a socket that it is about to destroy.
    const fd = (this as unknown as { _handle?: { fd?: number } | null })._handle?.fd;
    if (fd === undefined || fd < 0) return;
    const buffer = Buffer.allocUnsafe(readMax);
    for (;;) {
      const bytes = readOrNothing(fd, buffer);
      if (bytes === 0) return;
      this.#onLastBytes(buffer.subarray(0, bytes));
    }
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
