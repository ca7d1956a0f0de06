/** The way of a client's bytes through a whole connection, whose socket is an object in memory, so that a million of them can be tried. */
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import type { AccessLine } from '../../proxy/access-line.ts';
import { CauseCounter } from '../../proxy/counters.ts';
import { Http1Downstream } from '../../proxy/http1/downstream.ts';
import type { Plane } from '../../proxy/plane.ts';
import { emptyRouting } from '../../proxy/routing.ts';
import { compileNetworks } from '../../src/core/networks.ts';
import { aListener } from '../support/model.ts';
import { bytes, cutAt, readRequests } from '../proxy/http1/reading.ts';
import type { Cuts } from './checks.ts';

/** A client's connection as the proxy sees it. */
class MemorySocket extends Duplex {
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

const listener = aListener('web');

/** No request has a route, so each head that was understood is answered with 404 and is a line of the access log. */
export class FuzzedConnections {
  #lines: string[] = [];
  #bugs: unknown[] = [];
  /** All that a request needs of its surroundings which goes no further than this. */
  readonly #plane = {
    routing: emptyRouting,
    nowMs: 0,
    wallMs: 0,
    dateLine: 'date: today\r\n',
    draining: false,
    terminations: new CauseCounter(),
    onBug: (error: unknown) => void this.#bugs.push(error),
    access: ({ method, host, target, cause }: AccessLine) => {
      // One that is refused may be refused before all of it has come; then its log line knows less.
      this.#lines.push(cause === 'no_route' ? `${method} ${host} ${target}` : 'refused');
    },
  } as unknown as Plane;

  /** '' or how the answers depend on where the bytes were cut, or differ from what the parser by itself makes of them. */
  async check(text: string, cuts: Cuts): Promise<string> {
    const whole = await this.#serve([bytes(text)]);
    const alone = readRequests([bytes(text)]).messages.map(({ start }) => start);
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
    const connection = new Http1Downstream(
      this.#plane,
      { listener, trusted: compileNetworks([]), onGone() {} },
      socket as unknown as Socket,
      '192.0.2.1',
      false,
    );
    // The first piece waits until the connection reads.
    await new Promise((resolve) => process.nextTick(resolve));
    for (const piece of pieces) {
      if (socket.destroyed) break;
      socket.push(piece);
      await new Promise((resolve) => process.nextTick(resolve));
    }
    const lines = this.#lines;
    const answers = socket.answers.match(/HTTP\/1\.1 \d{3} /g)?.length ?? 0;
    const told = JSON.stringify({ lines, answers, ended: socket.writableEnded || socket.destroyed });
    connection.abandon();
    socket.destroy();
    await new Promise((resolve) => setImmediate(resolve));
    return { lines, told };
  }
}
