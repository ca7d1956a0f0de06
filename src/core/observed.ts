/**
 * How requests and clients were really spread over the pools lately, as against how the weights say they should be: the differences
 * between what the fleet has counted now and what it had counted up to a minute ago.
 */
import { countClients } from './clients.ts';
import type { ServiceReport, WorkerReport } from './reports.ts';

/** How far back is looked. */
export const observedWindowMs = 60_000;

/** Counts are kept this far apart: a dozen of them cover the window, also where there are thousands of pools. */
export const observedStepMs = 5000;

/** What had been counted at some moments of the last minute, oldest first. Empty after a start: nothing is known of before. */
export interface ObservedWindow {
  readonly counts: readonly Counts[];
}

interface Counts {
  readonly atMs: number;
  /** Requests charged to a pool so far, by service and pool. */
  readonly picked: ReadonlyMap<string, ReadonlyMap<string, number>>;
}

export const emptyWindow: ObservedWindow = { counts: [] };

/** A pool's part of what its service had in the window, 0 to 1. */
export interface ObservedShare {
  /** Undefined: the service had no request. */
  readonly requests: number | undefined;
  /** Undefined: clients are not told apart, or none came. About 3% off. */
  readonly clients: number | undefined;
}

/** By service and pool. */
export type ObservedShares = ReadonlyMap<string, ReadonlyMap<string, ObservedShare>>;

/** The window with one more moment, and without what is too old. The very same one where the last is not old enough yet. */
export function noteCounts(window: ObservedWindow, totals: WorkerReport, nowMs: number): ObservedWindow {
  const last = window.counts.at(-1);
  if (last !== undefined && last.atMs > nowMs - observedStepMs && last.atMs <= nowMs) return window;
  const counts = { atMs: nowMs, picked: new Map(totals.services.map((service) => [service.id, pickedIn(service)])) };
  return { counts: [...window.counts.filter((earlier) => isInside(earlier, nowMs)), counts] };
}

/** Shares from the oldest moment in the window until now. What the fleet has counted may be read at any time, between moments too. */
export function observedShares(window: ObservedWindow, totals: WorkerReport, nowMs: number): ObservedShares {
  const base = window.counts.find((counts) => isInside(counts, nowMs));
  return new Map(totals.services.map((service) => [service.id, sharesIn(service, base)]));
}

/** A clock that was set back leaves moments in the future, which say nothing. */
function isInside({ atMs }: Counts, nowMs: number): boolean {
  return atMs >= nowMs - observedWindowMs && atMs <= nowMs;
}

function pickedIn(service: ServiceReport): ReadonlyMap<string, number> {
  return new Map(service.pools.map((pool) => [pool.id, pool.picked]));
}

function sharesIn(service: ServiceReport, base: Counts | undefined): ReadonlyMap<string, ObservedShare> {
  const before = base?.picked.get(service.id);
  // Counts never run backwards; but a pool that was removed and came back may have begun anew.
  const requests = service.pools.map((pool) => (base === undefined ? 0 : Math.max(0, pool.picked - (before?.get(pool.id) ?? 0))));
  const clients = service.pools.map((pool) => (pool.clients === undefined ? 0 : countClients(pool.clients)));
  const shareOf = (parts: readonly number[], index: number): number | undefined => {
    const total = parts.reduce((sum, part) => sum + part, 0);
    return total === 0 ? undefined : parts[index]! / total;
  };
  return new Map(service.pools.map((pool, index) => [pool.id, { requests: shareOf(requests, index), clients: shareOf(clients, index) }]));
}
