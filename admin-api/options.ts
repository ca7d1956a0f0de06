import type { Role } from '../config/settings.ts';
import type { Controller, Log } from '../src/control/ports.ts';
import type { FleetReading } from '../src/core/merge-reports.ts';
import type { SocketAddress } from '../src/core/model.ts';

/** What the admin API needs from the rest of Sluice. */
export interface AdminApiOptions {
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
