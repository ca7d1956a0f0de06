/** A whole data plane whose clients are no sockets but objects in memory, so that a million of them can be tried. */
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import type { DataPlane } from '../../proxy/data-plane.ts';
import { createDataPlane } from '../../proxy/engine.ts';
import { bareSurroundings, compileSnapshot } from '../../src/core/snapshot.ts';
import { aListener } from '../support/model.ts';
import { bytes, cutAt, readRequests } from '../proxy/http1/reading.ts';
import type { Cuts } from './checks.ts';

/** A client's connection as the proxy sees it. */
class MemorySocket extends Duplex {
  readonly remoteAddress = '192.0.2.1';
  answers = '';

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.answers += chunk.toString('latin1');
    done();
  }

  setNoDelay(): this {
    return this;
  }

  resetAndDestroy(): this {
    return this.destroy();
  }
}

/** No request has a route, so each head that was understood is answered with 404 and is a line of the access log. */
export class FuzzedConnections {
  readonly #plane: DataPlane;
  readonly #listening: Promise<unknown>;
  #lines: string[] = [];
  #bugs: unknown[] = [];

  constructor() {
    this.#plane = createDataPlane({
      warn: (fields) => this.#bugs.push(fields['err']),
      access: (line) => {
        const { method, host, path, cause } = JSON.parse(line) as Record<string, string>;
        // One that is refused may be refused before all of it has come; then its log line knows less.
        this.#lines.push(cause === 'no_route' ? `${method} ${host} ${path}` : 'refused');
      },
    });
    const listener = aListener('web', {
      limits: { headBytes: 32_768, fields: 128, connections: 0, connectionsPerClient: 0, bodyBytes: 0 },
    });
    this.#plane.apply(compileSnapshot({ listeners: [listener], services: [], routes: [] }, 1, bareSurroundings));
    this.#listening = this.#plane.listen();
  }

  /** '' or how the answers depend on where the bytes were cut, or differ from what the parser by itself makes of them. */
  async check(text: string, cuts: Cuts): Promise<string> {
    await this.#listening;
    const whole = await this.#serve([bytes(text)]);
    const alone = readRequests([bytes(text)]).messages.map(({ start }) => start.replace(/\?.*$/, ''));
    for (const [index, line] of whole.lines.entries()) {
      if (line !== 'refused' && line !== alone[index]) return `line ${index} is ${line}, the parser alone reads ${alone[index]}`;
    }
    for (const at of cuts) {
      const cut = await this.#serve(cutAt(text, at));
      if (cut.told !== whole.told) return `cut at ${at.join(', ')} it is ${cut.told}, whole ${whole.told}`;
    }
    if (this.#bugs.length > 0) return `bug: ${String(this.#bugs.pop())}`;
    return '';
  }

  async #serve(pieces: readonly Buffer[]): Promise<{ readonly lines: readonly string[]; readonly told: string }> {
    this.#lines = [];
    const socket = new MemorySocket();
    this.#plane.adopt(socket as unknown as Socket, 'web');
    // The first piece waits until the connection reads.
    await new Promise((resolve) => process.nextTick(resolve));
    for (const piece of pieces) {
      if (socket.destroyed) break;
      socket.push(piece);
      await new Promise((resolve) => process.nextTick(resolve));
    }
    const lines = this.#lines;
    const answers = socket.answers.split('HTTP/1.1 ').length - 1;
    const told = JSON.stringify({ lines, answers, ended: socket.writableEnded || socket.destroyed });
    socket.destroy();
    await new Promise((resolve) => setImmediate(resolve));
    return { lines, told };
  }

  async close(): Promise<void> {
    await this.#plane.drain(0);
  }
}
