/** Free buffers kept for the next copy; more than that were a peak. */
const freeMax = 64;
/** The size of what is read at once: larger ones cost less per byte, and a client that does not read holds one of them. */
export const readBytes = 131_072;

/** A buffer that is lent to one write, and comes back when that write is over. */
class Copy {
  readonly bytes = Buffer.allocUnsafeSlow(readBytes);
  /** The write's callback, made once. */
  readonly release = (): void => {
    if (free.length < freeMax) free.push(this);
  };
}

const free: Copy[] = [];

/**
 * Writes a copy of a borrowed slice. Copies go into buffers that are used again: a new one for every read would leave garbage outside
 * of the heap faster than it is collected, and would have to be paged in first.
 */
export function writeCopy(socket: { write(bytes: Buffer, done: () => void): boolean }, slice: Buffer): void {
  for (let from = 0; from < slice.length; from += readBytes) {
    const copy = free.pop() ?? new Copy();
    const length = slice.copy(copy.bytes, 0, from);
    socket.write(length === readBytes ? copy.bytes : copy.bytes.subarray(0, length), copy.release);
  }
}
