import type { FleetReading } from '../core/merge-reports.ts';
import { emptyWindow, noteCounts, observedShares, type ObservedShares, type ObservedWindow } from '../core/observed.ts';
import type { WorkerReport } from '../core/reports.ts';
import type { Snapshot } from '../core/snapshot.ts';
import { drainsBetween, isSettled, transitionsBetween, type Look } from '../core/transitions.ts';
import type { Clock, Events } from './ports.ts';

/**
 * Compares each reading of the fleet with the one before: keeps what the last minute's shares are computed from, and notes what happened
 * to targets. The composition root hands it a reading once per second.
 */
export class Observer {
  readonly #events: Events;
  readonly #clock: Clock;
  readonly #snapshot: () => Snapshot;
  #window: ObservedWindow = emptyWindow;
  #lastLook: Look | undefined;
  /** The last one in which every worker had applied what was in force: ends of drains are told from one such to the next. */
  #lastSettled: Look | undefined;

  constructor(parts: { readonly events: Events; readonly clock: Clock; readonly snapshot: () => Snapshot }) {
    this.#events = parts.events;
    this.#clock = parts.clock;
    this.#snapshot = parts.snapshot;
  }

  onReading({ totals, workers }: FleetReading): void {
    this.#window = noteCounts(this.#window, totals, this.#clock.nowMs());
    const look: Look = { snapshot: this.#snapshot(), totals, workers };
    const happenings = this.#lastLook === undefined ? [] : transitionsBetween(this.#lastLook, look);
    this.#lastLook = look;
    if (isSettled(look)) {
      if (this.#lastSettled !== undefined) happenings.push(...drainsBetween(this.#lastSettled, look));
      this.#lastSettled = look;
    }
    for (const happening of happenings) this.#events.note(happening);
  }

  /** The shares of the last minute, up to these totals. */
  shares(totals: WorkerReport): ObservedShares {
    return observedShares(this.#window, totals, this.#clock.nowMs());
  }
}
