import { type BodySink, ChunkedDecoder } from './chunked.ts';

type Kind = 'none' | 'length' | 'chunked' | 'untilClose';

/** Reads one body after the other from a connection's bytes, whatever delimits it. One per connection and direction. */
export class BodyReader {
  /** Made when it is first needed: most connections never do. */
  #chunks: ChunkedDecoder | undefined;
  #kind: Kind = 'none';
  #left = 0;

  beginNone(): void {
    this.#kind = 'none';
  }

  beginLength(bytes: number): void {
    this.#kind = 'length';
    this.#left = bytes;
  }

  beginChunked(trailerBytesMax: number, trailerFieldsMax: number): void {
    this.#kind = 'chunked';
    this.#chunks ??= new ChunkedDecoder();
    this.#chunks.begin(trailerBytesMax, trailerFieldsMax);
  }

  /** Ends when the connection does; the caller knows when that is. */
  beginUntilClose(): void {
    this.#kind = 'untilClose';
  }

  /** The whole body was read. Never true of one that lasts until the connection closes. */
  get done(): boolean {
    if (this.#kind === 'length') return this.#left === 0;
    return this.#kind === 'chunked' ? this.#chunks!.done : this.#kind === 'none';
  }

  /** The chunked coding is malformed. */
  get failed(): boolean {
    return this.#kind === 'chunked' && this.#chunks!.failed;
  }

  get trailers(): string {
    return this.#kind === 'chunked' ? this.#chunks!.trailers : '';
  }

  /** Bytes still to come where that is known, Infinity where not. */
  get bytesLeft(): number {
    return this.#kind === 'length' ? this.#left : this.done ? 0 : Infinity;
  }

  /** Hands the body's bytes from `offset` to `sink` and returns the offset of the first byte that is not part of the body. */
  read(buffer: Buffer, offset: number, sink: BodySink): number {
    switch (this.#kind) {
      case 'none':
        return offset;
      case 'length': {
        const taken = Math.min(this.#left, buffer.length - offset);
        if (taken === 0) return offset;
        this.#left -= taken;
        sink.onBodySlice(taken === buffer.length ? buffer : buffer.subarray(offset, offset + taken));
        return offset + taken;
      }
      case 'chunked':
        return this.#chunks!.decode(buffer, offset, sink);
      case 'untilClose':
        if (offset < buffer.length) sink.onBodySlice(offset === 0 ? buffer : buffer.subarray(offset));
        return buffer.length;
    }
  }
}
