import type { BenchCase } from './case.ts';
import type { Command } from './command.ts';

/**
 * One proxy to measure. A new peer is a file in bench/peers/ and a line in its index.
 *
 * Every peer does the same work, and `verify.ts` refuses those that do not: connections kept alive on both sides, X-Forwarded-For,
 * X-Forwarded-Proto, X-Forwarded-Host and Via sent to the origin, a log line per request only where the case is about it, one process that
 * carries traffic.
 */
export interface Peer {
  /** What `--peers` calls it. */
  readonly name: string;
  /** Measured only when `--peers` names it. */
  readonly onlyWhenNamed?: true;
  /** Costs several times as much as the others: takes part where a case is for everyone, and elsewhere when `--peers` names it. */
  readonly isSlow?: true;
  /** Default: every case. */
  takesPart?(benchCase: BenchCase): boolean;
  /** Its version, or why it cannot run here and what to type about it. */
  find(): Found | Missing;
  /** Writes the configuration into `setup.dir` and returns the command that serves in the foreground. */
  prepare(setup: PeerSetup): Promise<Command>;
}

export interface Found {
  readonly version: string;
}

export interface Missing {
  readonly missing: string;
}

export interface PeerSetup {
  /** To listen on, at 127.0.0.1. */
  readonly port: number;
  /** Where the origin listens, at 127.0.0.1. */
  readonly originPort: number;
  /** The peer's own, empty, removed at the end. In memory where the machine has a tmpfs. */
  readonly dir: string;
  readonly benchCase: BenchCase;
}

/** For peers that we have written ourselves with what a library brings: they do the work of a request and nothing else. */
export function isPlainHttp({ encrypted, accessLog, services, cookies }: BenchCase): boolean {
  return (encrypted ?? accessLog ?? services ?? cookies) === undefined;
}
