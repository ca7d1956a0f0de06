import type { Log } from '../control/ports.ts';
import { delayRestart } from '../core/restart-delay.ts';
import type { Handle } from './channel.ts';
import { type Child, describeExit, type Exit } from './child.ts';

/** What happens in a place; `C` is the kind of child. */
export interface PlaceEvents<C, Received> {
  started(child: C): void;
  message(child: C, message: Received, handle: Handle | undefined): void;
  ended(child: C, exit: Exit): void;
}

/** A place that one process fills. When the process dies another takes its place, at once or, if they keep dying, after a growing delay. */
export class Place<Sent, Received> {
  readonly #name: string;
  readonly #fork: () => Child<Sent, Received>;
  readonly #events: PlaceEvents<Child<Sent, Received>, Received>;
  readonly #log: Log;
  #child: Child<Sent, Received> | undefined;
  #closed = false;
  #earlyDeaths = 0;
  #restart: NodeJS.Timeout | undefined;
  #onEmpty: (() => void)[] = [];

  constructor(name: string, fork: () => Child<Sent, Received>, events: PlaceEvents<Child<Sent, Received>, Received>, log: Log) {
    this.#name = name;
    this.#fork = fork;
    this.#events = events;
    this.#log = log;
  }

  /** The process that fills the place now; undefined between a death and the next start. */
  get child(): Child<Sent, Received> | undefined {
    return this.#child;
  }

  start(): void {
    const startedAt = performance.now();
    let child: Child<Sent, Received>;
    try {
      child = this.#fork();
    } catch (error) {
      // The system is out of processes, memory or descriptors: as good as a process that died at once.
      this.#replace(0, startedAt, error instanceof Error ? error.message : String(error));
      return;
    }
    this.#child = child;
    child.onMessage((message, handle) => this.#events.message(child, message, handle));
    child.onExit((exit) => {
      this.#child = undefined;
      this.#events.ended(child, exit);
      for (const resolve of this.#onEmpty.splice(0)) resolve();
      this.#replace(child.pid, startedAt, describeExit(exit));
    });
    this.#events.started(child);
  }

  /** From now on nobody is replaced. Resolves when the place is empty. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#restart);
    if (this.#child !== undefined) await new Promise<void>((resolve) => this.#onEmpty.push(resolve));
  }

  #replace(pid: number, startedAt: number, how: string): void {
    if (this.#closed) return;
    const { earlyDeaths, delayMs } = delayRestart(this.#earlyDeaths, performance.now() - startedAt);
    this.#earlyDeaths = earlyDeaths;
    const fields = { place: this.#name, endedPid: pid, how, restartInMs: delayMs, earlyDeaths };
    if (earlyDeaths > 1) this.#log.error(fields, 'a process keeps dying; another takes its place after a delay');
    else this.#log.warn(fields, 'a process ended unexpectedly; another takes its place');
    // Not at once in this turn: whoever is told of the death may still be closing the place.
    this.#restart = setTimeout(() => this.start(), delayMs);
  }
}
