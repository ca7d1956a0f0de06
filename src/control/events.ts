import type { Clock, Events, Happening, Log } from './ports.ts';

/** A happening with its place in the order of things. */
export interface LoggedEvent extends Happening {
  /** 1, 2, 3 … since the control process started. */
  readonly seq: number;
  readonly atMs: number;
}

/** How many are kept to be asked for. */
export const eventsKept = 1000;

/** Fixed, so that log lines can be searched for. */
const messages = {
  health: 'target health changed',
  told: 'target told its own state',
  busy: 'target became busy or free',
  ejection: 'target ejection changed',
  state: 'operator state changed',
  drain: 'drain finished',
  addresses: 'addresses of a name changed',
  keys: 'another key signs cookies',
  certificates: 'files with certificates changed',
} satisfies Record<Happening['kind'], string>;

/** Each happening becomes one line of the log, where it has none of its own, and is kept for a while for those who ask what happened. */
export class EventLog implements Events {
  readonly #log: Pick<Log, 'info'>;
  readonly #clock: Clock;
  /** The event with number n is at n modulo {@link eventsKept}. */
  readonly #ring: LoggedEvent[] = [];
  #lastSeq = 0;

  constructor({ log, clock }: { readonly log: Pick<Log, 'info'>; readonly clock: Clock }) {
    this.#log = log;
    this.#clock = clock;
  }

  note(happening: Happening): void {
    const { kind, service, pool, target, from, to, cause } = happening;
    const about = Object.fromEntries(Object.entries({ service, pool, target }).filter(([, id]) => id !== ''));
    if (happening.isLogged !== true) this.#log.info({ ...about, from, to, cause }, messages[kind]);
    const seq = ++this.#lastSeq;
    this.#ring[seq % eventsKept] = { seq, atMs: this.#clock.nowMs(), kind, service, pool, target, from, to, cause };
  }

  /** The newest first, at most so many. */
  latest(limit: number): readonly LoggedEvent[] {
    const count = Math.min(limit, this.#lastSeq, eventsKept);
    return Array.from({ length: count }, (_, age) => this.#ring[(this.#lastSeq - age) % eventsKept]!);
  }
}
