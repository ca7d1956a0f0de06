import type { Recording } from './mirrors.ts';
import type { Upstream } from './sides.ts';

/** Small slices share a buffer of this size: a body that comes byte by byte must not cost an object for each. */
const partBytesMin = 4096;

/** What the bodies that are kept for being sent again take of a worker's memory. What was not sent yet is no part of it: its client holds it. */
export class BodyMemory {
  /** Taken now. */
  bytes = 0;
  readonly bytesMax: number;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }
}

/** A buffer that is filled from the front. */
interface Part {
  readonly buffer: Buffer;
  filled: number;
}

/**
 * What was read so far of a request's body: held while there is no connection that could take it, which is bounded because the client is
 * stopped meanwhile; and kept after it was sent, within bounds, where it may have to be sent again.
 */
export class KeptBody {
  /** Whether all that was read is here. True of a body of which nothing was read yet, and of none at all. */
  isWhole = true;
  readonly #memory: BodyMemory;
  #parts: Part[] = [];
  /** Of the buffers, filled or not. */
  #bytes = 0;
  /** Of these, what counts in the worker's memory for kept bodies: what was sent. */
  #keptBytes = 0;
  #length = 0;

  constructor(memory: BodyMemory) {
    this.#memory = memory;
  }

  /** What it holds because nobody could take it yet. */
  get heldBytes(): number {
    return this.#bytes - this.#keptBytes;
  }

  /** There is no connection yet. */
  hold(slice: Buffer): void {
    this.#add(slice);
  }

  /** The slice was sent. @param bytesMax so much of one body is worth keeping */
  keep(slice: Buffer, bytesMax: number): void {
    if (this.#length + slice.length > bytesMax || this.#memory.bytes + slice.length > this.#memory.bytesMax) this.forget();
    else {
      this.#add(slice);
      this.#countAsKept();
    }
  }

  /** Sends all of it, and keeps it afterwards if it is no longer than that. */
  sendTo(upstream: Upstream, bytesMax: number): void {
    for (const { buffer, filled } of this.#parts) upstream.sendBody(buffer.subarray(0, filled));
    if (this.#length > 0 && (this.#length > bytesMax || this.#memory.bytes + this.heldBytes > this.#memory.bytesMax)) this.forget();
    else this.#countAsKept();
  }

  /** What came before the copy was begun. */
  copyTo(recording: Recording): void {
    for (const { buffer, filled } of this.#parts) recording.onBody(buffer.subarray(0, filled));
  }

  /** It will not be needed any more; neither will what is still to come. */
  forget(): void {
    this.isWhole = false;
    this.#drop();
  }

  /** The request is over. */
  clear(): void {
    this.isWhole = true;
    this.#drop();
  }

  #add(slice: Buffer): void {
    this.#length += slice.length;
    const last = this.#parts.at(-1);
    const fits = last === undefined ? 0 : Math.min(slice.length, last.buffer.length - last.filled);
    if (fits > 0) {
      slice.copy(last!.buffer, last!.filled, 0, fits);
      last!.filled += fits;
    }
    if (fits === slice.length) return;
    const rest = slice.length - fits;
    const buffer = Buffer.allocUnsafeSlow(Math.max(rest, partBytesMin));
    slice.copy(buffer, 0, fits);
    this.#parts.push({ buffer, filled: rest });
    this.#bytes += buffer.length;
  }

  #countAsKept(): void {
    this.#memory.bytes += this.#bytes - this.#keptBytes;
    this.#keptBytes = this.#bytes;
  }

  #drop(): void {
    if (this.#bytes === 0) return;
    this.#memory.bytes -= this.#keptBytes;
    this.#bytes = this.#keptBytes = this.#length = 0;
    this.#parts = [];
  }
}
