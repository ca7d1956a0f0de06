/** How often one is logged at most. Milliseconds. */
const everyMs = 1000;

type Info = (fields: Readonly<Record<string, unknown>>, message: string) => void;

/** Handshakes that come to nothing, for the log: one per second, and how many more there were. Scanners cause them by the thousand. */
export class FailedHandshakes {
  readonly #info: Info;
  #nextMs = -Infinity;
  #unlogged = 0;

  constructor(info: Info) {
    this.#info = info;
  }

  /** @param reason as Node has it, such as `ERR_SSL_UNSUPPORTED_PROTOCOL` @param nowMs on the coarse clock */
  note(listener: string, client: string, reason: string, nowMs: number): void {
    if (nowMs < this.#nextMs) {
      this.#unlogged++;
      return;
    }
    this.#nextMs = nowMs + everyMs;
    this.#info({ listener, client, reason, unlogged: this.#unlogged }, 'TLS handshake failed');
    this.#unlogged = 0;
  }
}
