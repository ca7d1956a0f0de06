/** Free buffers kept of each size for the next copy; more than that were a peak. */
const freeMax = 64;
/**
 * The most that is written, and so the most that need be read, at once. The larger, the fewer times a body stops at our door: a download of
 * 1 MiB costs a quarter less than with 128 KiB. But a client that does not read holds one of them.
 */
export const copyBytesMax = 262_144;

/** Buffers of one size that are not lent now. */
class Shelf {
  readonly bytes: number;
  readonly #free: Copy[] = [];

  constructor(bytes: number) {
    this.bytes = bytes;
  }

  take(): Copy {
    return this.#free.pop() ?? new Copy(this);
  }

  giveBack(copy: Copy): void {
    if (this.#free.length < freeMax) this.#free.push(copy);
  }
}

/** A buffer that is lent to one write, and comes back when that write is over. */
class Copy {
  readonly bytes: Buffer;
  /** The write's callback, made once. */
  readonly release: () => void;

  constructor(shelf: Shelf) {
    this.bytes = Buffer.allocUnsafeSlow(shelf.bytes);
    this.release = () => shelf.giveBack(this);
  }
}

const shelves = [8, 4, 2].map((part) => new Shelf(copyBytesMax / part));
const largest = new Shelf(copyBytesMax);

/** The smallest that fits: a client that does not read makes each piece that was written to it stay, and the room around the piece with it. */
function shelfFor(length: number): Shelf {
  for (const shelf of shelves) if (length <= shelf.bytes) return shelf;
  return largest;
}

interface Writer {
  write(text: string, encoding: 'latin1'): boolean;
  write(bytes: Buffer, done: () => void): boolean;
  cork(): void;
  uncork(): void;
}

/**
 * Writes text (Latin-1, may be '') and a copy of a borrowed slice behind it, at once. Copies go into buffers that are used again: a new one
 * for every read would leave garbage outside of the heap faster than it is collected, and would have to be paged in first.
 */
export function writeCopy(socket: Writer, text: string, slice: Buffer): void {
  if (text.length + slice.length <= copyBytesMax) {
    const copy = shelfFor(text.length + slice.length).take();
    const start = text === '' ? 0 : copy.bytes.write(text, 'latin1');
    writeFirst(socket, copy, start + slice.copy(copy.bytes, start));
    return;
  }
  socket.cork();
  if (text !== '') socket.write(text, 'latin1');
  for (let from = 0; from < slice.length; from += copyBytesMax) {
    const copy = shelfFor(slice.length - from).take();
    writeFirst(socket, copy, slice.copy(copy.bytes, 0, from));
  }
  socket.uncork();
}

function writeFirst(socket: Writer, { bytes, release }: Copy, length: number): void {
  socket.write(length === bytes.length ? bytes : bytes.subarray(0, length), release);
}
