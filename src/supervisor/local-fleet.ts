import type { DataPlane } from '../../proxy/data-plane.ts';
import type { Fleet, PublishResult, WorkerState } from '../control/ports.ts';
import { type Conditions, noConditions } from '../core/conditions.ts';
import type { WorkerReport } from '../core/reports.ts';
import type { FileTexts, ResolvedNames, Snapshot } from '../core/snapshot.ts';
import { heard } from '../core/tellings.ts';

/** The data plane where control and one worker share a process. Its only worker is number 0. */
export class LocalFleet implements Fleet {
  readonly supervisorPid: number;
  readonly #plane: Pick<DataPlane, 'apply' | 'inform' | 'tell'>;
  #told: WorkerReport | undefined;
  #snapshot: Snapshot | undefined;
  #conditions = noConditions;

  constructor(plane: Pick<DataPlane, 'apply' | 'inform' | 'tell'>, pid: number) {
    this.#plane = plane;
    this.supervisorPid = pid;
  }

  workers(): readonly WorkerState[] {
    return [{ id: 0, pid: this.supervisorPid, revision: this.#snapshot?.revision ?? 0 }];
  }

  async publish(snapshot: Snapshot): Promise<PublishResult> {
    const startedAt = performance.now();
    this.#plane.apply(snapshot);
    this.#snapshot = snapshot;
    return { applied: [{ worker: 0, ms: performance.now() - startedAt }], stragglers: [] };
  }

  inform(conditions: Conditions): void {
    this.#conditions = conditions;
    this.#plane.inform(conditions);
  }

  conditions(): Conditions {
    return this.#conditions;
  }

  /** Nobody has been here before. */
  addressesBefore(): ResolvedNames {
    return new Map();
  }

  filesBefore(): FileTexts {
    return new Map();
  }

  async collect(): Promise<ReadonlyMap<number, WorkerReport>> {
    this.#told = heard(this.#told, this.#plane.tell(false));
    return new Map([[0, this.#told]]);
  }

  /** In the order of the addresses that the plane listens on. */
  listenerNames(): readonly string[] {
    return (this.#snapshot?.listeners ?? []).map(({ name }) => name);
  }

  toldBefore(): ReadonlyMap<number, WorkerReport> {
    return new Map();
  }

  departed(): readonly WorkerReport[] {
    return [];
  }
}
