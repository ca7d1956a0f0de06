import type { Role } from '../config/settings.ts';
import type { Controller, Happening, Log, RotationOptions, RotationReply } from '../src/control/ports.ts';
import type { TargetCondition } from '../src/core/conditions.ts';
import type { FleetReading } from '../src/core/merge-reports.ts';
import type { SocketAddress } from '../src/core/model.ts';
import type { ObservedShares } from '../src/core/observed.ts';
import type { WorkerReport } from '../src/core/reports.ts';
import type { Snapshot } from '../src/core/snapshot.ts';

/** What the admin API needs from the rest of Sluice. */
export interface AdminApiOptions {
  /** What an operator should see to beside traffic: certificates. Sentences. Absent = nothing is looked at. */
  readonly warnings?: () => readonly string[];
  readonly controller: Controller;
  readonly fleet: FleetView;
  readonly metrics: { render(): Promise<{ readonly contentType: string; readonly text: string }> };
  /** Empty = no authentication, which is allowed on loopback only. */
  readonly tokens: readonly AccessToken[];
  /** The configured address, as it stands in the settings. */
  readonly address: SocketAddress;
  /** Whether the process is on its way up, serving or on its way down. */
  readonly state: () => ProcessState;
  readonly log: Log;
  /** Milliseconds since the epoch. Default: the machine's clock. */
  readonly nowMs?: () => number;
  /** What the workers were sent, with targets whose names have been resolved. Default: compiled from the model, with names as they are. */
  readonly snapshot?: () => Snapshot;
  /** Without it, targets are shown as if nobody probed them. */
  readonly health?: HealthView;
  /** Without it, no shares are shown. */
  readonly observed?: { shares(totals: WorkerReport): ObservedShares };
  /** Without it, nothing has happened. */
  readonly events?: EventsView;
  /** Without it, there are no keys to rotate. */
  readonly signingKeys?: SigningKeys;
}

/** What probes have found out about targets. */
export interface HealthView {
  /** Undefined where the target is not probed. */
  conditionOf(service: string, pool: string, target: string): ProbedCondition | undefined;
}

export interface ProbedCondition extends TargetCondition {
  /** Since when `health` has been so; ms since the epoch. */
  readonly sinceMs: number;
  /** What the last probe found, such as `status 503`; undefined before the first. */
  readonly last: { readonly detail: string } | undefined;
}

/** What happened lately. */
export interface EventsView {
  /** The newest first, at most so many. */
  latest(limit: number): readonly (Happening & { readonly seq: number; readonly atMs: number })[];
}

/** The keys that cookies are signed with. */
export interface SigningKeys {
  /** Makes a new one, brings it to the workers, and lets it sign. */
  rotate(options: RotationOptions): Promise<RotationReply>;
}

export type ProcessState = 'starting' | 'ready' | 'draining';

/** The workers, as far as the API shows them. */
export interface FleetView {
  readonly supervisorPid: number;
  readonly controlPid: number;
  workers(): readonly { readonly id: number; readonly pid: number; readonly revision: number }[];
  read(timeoutMs: number): Promise<FleetReading>;
}

/** A secret that callers show, read from its file. */
export interface AccessToken {
  /** The actor in the journal. */
  readonly name: string;
  readonly role: Role;
  readonly secret: string;
}
