import { connect, type Socket } from 'node:net';
import type { HealthCheck, SocketAddress } from '../../core/model.ts';
import { failure, type Finding, findingOf } from './details.ts';
import type { Prober } from './prober.ts';

/** A connection that can be made is a pass, and is closed at once. */
export class TcpProber implements Prober {
  readonly #timeoutMs: number;
  readonly #address: SocketAddress;
  #socket: Socket | undefined;
  #report: ((finding: Finding) => void) | undefined;

  constructor({ timeoutMs }: HealthCheck, address: SocketAddress) {
    this.#timeoutMs = timeoutMs;
    this.#address = address;
  }

  start(report: (finding: Finding) => void): void {
    const socket = connect(this.#address);
    this.#socket = socket;
    this.#report = report;
    // A listener for errors stays for as long as the socket lives: without one, a late error would end the process.
    socket.on('error', (error) => this.#end(socket, findingOf(error)));
    socket.once('connect', () => this.#end(socket, { kind: 'pass', detail: 'connected', words: '' }));
  }

  timeOut(): void {
    if (this.#socket) this.#end(this.#socket, failure(`no connection within ${this.#timeoutMs} ms`));
  }

  close(): void {
    this.#report = undefined;
    this.#socket?.destroy();
    this.#socket = undefined;
  }

  #end(socket: Socket, finding: Finding): void {
    if (this.#socket !== socket) return;
    const report = this.#report;
    this.close();
    report?.(finding);
  }
}
