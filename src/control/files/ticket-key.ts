/** After so long another key seals tickets: what was sealed by one that is found out later can be read no longer than that. Milliseconds. */
export const ticketKeyMs = 86_400_000;

/**
 * What all workers seal TLS session tickets with, so that a client may resume its session at any of them (RFC 5077 section 4, RFC 8446
 * section 4.6.1). In memory only: a control process that begins anew, like a change of keys, costs clients a whole handshake once.
 */
export class TicketKey {
  readonly #random: () => Buffer;
  readonly #nowMs: () => number;
  #text: string;
  #sinceMs: number;

  /** @param random 48 bytes @param nowMs a clock that is never set back */
  constructor(random: () => Buffer, nowMs: () => number) {
    this.#random = random;
    this.#nowMs = nowMs;
    this.#text = random().toString('base64');
    this.#sinceMs = nowMs();
  }

  /** 48 bytes in base64. */
  text(): string {
    return this.#text;
  }

  /** Makes a new one where the present one is old. Returns whether it did. */
  renew(): boolean {
    if (this.#nowMs() - this.#sinceMs < ticketKeyMs) return false;
    this.#text = this.#random().toString('base64');
    this.#sinceMs = this.#nowMs();
    return true;
  }
}
