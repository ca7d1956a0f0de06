/**
 * Writes whole lines to a file descriptor, several processes to the same one, without ever blocking the event loop.
 *
 * It is written by hand because the access log is the only thing that is done for every request: a line costs a push here, and one write
 * carries many. Lines are kept whole: a pipe takes up to 4096 bytes (PIPE_BUF) in one piece, and may mix what is longer with the
 * output of the other workers. A reader that falls behind costs lines, never requests: beyond a bound they are dropped and counted, and
 * a line says how many. `test/telemetry/access-log.test.ts` holds it to that.
 */
import { constants, fstatSync, openSync, write, writeSync } from 'node:fs';

export interface LineWriterOptions {
  readonly fd: number;
  /** Makes the line that tells of dropped ones. */
  readonly describeDropped: (count: number) => string;
  /** Bytes that may wait for a slow reader. Default 1 MiB. */
  readonly pendingMax?: number;
}

/** PIPE_BUF: what a pipe takes in one piece. */
const pieceMax = 4096;
/** What waits longer than a tick is written when it is this much. */
const flushAt = 16 * 1024;
const tickMs = 100;
/** How soon a pipe that was full is tried again: it holds 64 KiB, so this bounds what a fast reader can get. */
const fullTickMs = 5;
/** Bytes that only events may use, so that access lines do not crowd them out. */
const reservedForEvents = 64 * 1024;
/** How long the process may wait at its end for a reader that does not read. */
const farewellMs = 250;

export class LineWriter {
  readonly #output: Output;
  readonly #options: LineWriterOptions;
  readonly #pendingMax: number;
  /** Lines with their ends. */
  #pending: string[] = [];
  #pendingBytes = 0;
  /** What is being written, cut at line ends. */
  #pieces: Buffer[] = [];
  #piecesBytes = 0;
  #dropped = 0;
  #timer: NodeJS.Timeout | undefined;
  #writing = false;
  #gone = false;
  /** The last write found no room. */
  #full = false;

  constructor(options: LineWriterOptions) {
    this.#options = options;
    this.#pendingMax = options.pendingMax ?? 1024 * 1024;
    this.#output = openOutput(options.fd);
  }

  /** Takes an access line, with or without its end; it is written within 100 ms. */
  write(line: string): void {
    this.#take(line, this.#pendingMax);
    if (this.#pendingBytes >= flushAt && this.#piecesBytes === 0) this.flush();
  }

  /** Takes the line of an event and writes it in this turn, if the reader takes it. */
  writeEvent(line: string): void {
    this.#take(line, this.#pendingMax + reservedForEvents);
    this.flush();
  }

  #take(line: string, bytesMax: number): void {
    if (this.#gone) return;
    if (this.#pendingBytes + this.#piecesBytes >= bytesMax) {
      this.#dropped += 1;
      return;
    }
    const whole = line.endsWith('\n') ? line : `${line}\n`;
    this.#pending.push(whole);
    // Characters, not bytes: lines are nearly all ASCII, and counting exactly would cost as much as encoding twice.
    this.#pendingBytes += whole.length;
    this.#schedule(tickMs);
  }

  /** Writes what the reader takes without waiting. */
  flush(): void {
    if (this.#writing || this.#gone) return;
    this.#cut();
    if (this.#output.nonBlocking) this.#pump();
    else this.#pumpInBackground();
  }

  /** Writes all that is left, waiting for a slow reader for a moment only. For the end of the process. */
  close(): void {
    clearTimeout(this.#timer);
    // A thread is writing this one already.
    if (this.#writing) this.#pieces.shift();
    const deadline = performance.now() + farewellMs;
    while (!this.#gone && performance.now() < deadline) {
      this.#cut();
      if (this.#pieces.length === 0) return;
      this.#pump();
      if (this.#pieces.length > 0) Atomics.wait(pause, 0, 0, 5);
    }
  }

  readonly #tick = (): void => {
    this.#timer = undefined;
    this.flush();
    if (this.#pendingBytes + this.#piecesBytes > 0 && !this.#gone) this.#schedule(this.#full ? fullTickMs : tickMs);
  };

  #schedule(inMs: number): void {
    // Unreferenced: what is left at the end is written by `close`.
    this.#timer ??= setTimeout(this.#tick, inMs).unref();
  }

  /** Moves pending lines into pieces of at most 4096 bytes that end where a line ends. A longer line is a piece of its own. */
  #cut(): void {
    if (this.#dropped > 0 && this.#pieces.length === 0) {
      this.#pending.unshift(`${this.#options.describeDropped(this.#dropped)}\n`);
      this.#dropped = 0;
    }
    if (this.#pending.length === 0) return;
    const bytes = Buffer.from(this.#pending.join(''));
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#piecesBytes += bytes.length;
    if (!this.#output.mixes) {
      this.#pieces.push(bytes);
      return;
    }
    let from = 0;
    while (from < bytes.length) {
      let to = bytes.length - from <= pieceMax ? bytes.length : bytes.lastIndexOf(newline, from + pieceMax - 1) + 1;
      if (to <= from) to = bytes.indexOf(newline, from) + 1;
      this.#pieces.push(bytes.subarray(from, to));
      from = to;
    }
  }

  /** Writes in this turn until the reader has had enough. */
  #pump(): void {
    for (let piece = this.#pieces[0]; piece !== undefined; piece = this.#pieces[0]) {
      try {
        this.#advance(piece, writeSync(this.#output.fd, piece));
      } catch (error) {
        this.#heedError(error);
        return;
      }
    }
  }

  /** For what cannot be written without blocking: one piece at a time, in a thread of the pool. */
  #pumpInBackground(): void {
    const piece = this.#pieces[0];
    if (piece === undefined) return;
    this.#writing = true;
    write(this.#output.fd, piece, (error, written) => {
      this.#writing = false;
      if (error === null) {
        this.#advance(piece, written);
        this.#pumpInBackground();
      } else this.#heedError(error);
    });
  }

  #advance(piece: Buffer, written: number): void {
    this.#full = false;
    this.#piecesBytes -= written;
    if (written === piece.length) this.#pieces.shift();
    else this.#pieces[0] = piece.subarray(written);
  }

  #heedError(error: unknown): void {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    // A full pipe; the tick tries again. A full disk may have room again later, so its lines wait and are dropped like any others.
    if (code === 'EAGAIN') this.#full = true;
    if (code === 'EAGAIN' || code === 'ENOSPC' || code === 'EINTR') return;
    // Nobody will ever read what we write (EPIPE, EBADF, EIO), and there is nowhere to complain.
    this.#gone = true;
    this.#pending = [];
    this.#pieces = [];
    this.#pendingBytes = 0;
    this.#piecesBytes = 0;
  }
}

const newline = 0x0a;
const pause = new Int32Array(new SharedArrayBuffer(4));

interface Output {
  readonly fd: number;
  /** A write returns EAGAIN instead of waiting. */
  readonly nonBlocking: boolean;
  /** Long writes may mix with those of other processes. */
  readonly mixes: boolean;
}

/**
 * A pipe or terminal is opened once more, through /proc: that makes a description of our own, whose O_NONBLOCK does not change the ones
 * that other processes, a shell perhaps, have of the same pipe. Sockets cannot be opened so, and other systems have no /proc: they are written from
 * a thread. A write to a file does not wait for a reader.
 */
function openOutput(fd: number): Output {
  try {
    const stat = fstatSync(fd);
    if (stat.isFile()) return { fd, nonBlocking: true, mixes: false };
    return { fd: openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK), nonBlocking: true, mixes: true };
  } catch {
    // A socket, no /proc, or no right to open it: written from a thread.
  }
  return { fd, nonBlocking: false, mixes: true };
}
