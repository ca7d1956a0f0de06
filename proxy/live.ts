/** The live things that a revision names: what is counted, connected and picked from while requests run. */
import type { SocketAddress } from '../src/core/model.ts';
import type { CompiledService } from '../src/core/snapshot.ts';
import type { SplitSequence } from '../src/core/split.ts';
import { type DurationCounter, StatusCounter } from './counters.ts';
import type { Connector } from './sides.ts';

export interface LiveService {
  readonly id: string;
  readonly policy: CompiledService;
  readonly pools: readonly LivePool[];
  readonly split: SplitSequence;
  readonly counts: ServiceCounts;
}

export interface ServiceCounts {
  retries: number;
}

export interface LivePool {
  readonly id: string;
  readonly targets: readonly LiveTarget[];
  readonly rotation: readonly number[];
  /** The place in the rotation. */
  readonly turn: { next: number };
  readonly durations: DurationCounter;
}

export class LiveTarget {
  readonly id: string;
  /** Requests claimed and not yet released, upgraded connections included. */
  inFlight = 0;
  readonly statuses = new StatusCounter();
  address: SocketAddress;
  connector: Connector;

  constructor(id: string, address: SocketAddress, connector: Connector) {
    this.id = id;
    this.address = address;
    this.connector = connector;
  }
}
