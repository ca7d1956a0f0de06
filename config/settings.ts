import type { SocketAddress } from '../src/core/model.ts';

/** The part of the configuration that is fixed while the process runs: where it listens for orders, where it saves, how it logs. */
export interface Settings {
  readonly admin: AdminSettings;
  /** Where revisions and the journal are kept; relative paths count from the working directory. */
  readonly dataDir: string;
  /** Data-plane processes. 0 = everything in one process; `auto` = one per core. */
  readonly workers: number | 'auto';
  readonly log: LogSettings;
}

/** No machine has more cores to use. */
export const workersMax = 512;

export interface AdminSettings {
  readonly address: SocketAddress;
  /** Empty = no authentication, which is allowed on loopback only. */
  readonly tokens: readonly TokenSettings[];
}

export interface TokenSettings {
  /** Appears in the journal as the actor. */
  readonly name: string;
  readonly role: Role;
  /** A file that holds the secret; white space around it is ignored. */
  readonly tokenFile: string;
}

/** What a token may do. Each role may do all that the ones before it may. */
export const roles = ['viewer', 'operator', 'admin'] as const;
export type Role = (typeof roles)[number];

export interface LogSettings {
  readonly level: LogLevel;
  /** One JSON line per request on standard output. */
  readonly access: boolean;
}

export const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];
