import type { BenchCase } from './case.ts';
import type { LoadTool } from './load.ts';
import { treeUsage } from './proc.ts';

/** One run of load against one peer. */
export interface Round {
  readonly requests: number;
  readonly requestsPerSecond: number;
  /** CPU time of the proxy's whole process tree, user and system, divided by the requests completed. */
  readonly cpuUs: number;
  readonly userUs: number;
  readonly systemUs: number;
  /** Share of one core that the proxy had: well below 1, something else (the load, the origin, a neighbour) held it back. */
  readonly coreRatio: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms?: number;
  /** What each idle connection beside the load holds of the proxy's memory. */
  readonly bytesPerConnection?: number;
  /** Since the peer's start. */
  readonly rssPeakBytes: number;
  /** Clients saw that many; when not 0 the round is reported and not used. */
  readonly errors: number;
}

/** A peer's figures for one case: the median of each figure over the rounds without errors. */
export interface Summary {
  readonly rounds: readonly Round[];
  readonly roundsFailed: number;
  /** Undefined when no round was without errors. */
  readonly median: Round | undefined;
}

/** Stands for a round in which the load tool itself gave up. */
export const failedRound: Round = {
  requests: 0,
  requestsPerSecond: 0,
  cpuUs: 0,
  userUs: 0,
  systemUs: 0,
  coreRatio: 0,
  p50Ms: 0,
  p99Ms: 0,
  rssPeakBytes: 0,
  errors: 1,
};

export async function measure(pid: number, port: number, benchCase: BenchCase, seconds: number, load: LoadTool): Promise<Round> {
  const before = treeUsage(pid);
  const result = await load.run(port, benchCase, seconds);
  const after = treeUsage(pid);

  const userMs = after.userMs - before.userMs;
  const systemMs = after.systemMs - before.systemMs;
  return {
    requests: result.requests,
    requestsPerSecond: (result.requests / result.elapsedMs) * 1000,
    cpuUs: ((userMs + systemMs) * 1000) / result.requests,
    userUs: (userMs * 1000) / result.requests,
    systemUs: (systemMs * 1000) / result.requests,
    coreRatio: (userMs + systemMs) / result.elapsedMs,
    p50Ms: result.p50Ms,
    p99Ms: result.p99Ms,
    ...(result.p999Ms === undefined ? {} : { p999Ms: result.p999Ms }),
    rssPeakBytes: after.rssPeakBytes,
    errors: result.errors,
  };
}

export function summarise(rounds: readonly Round[]): Summary {
  const used = rounds.filter(isGood);
  return { rounds, roundsFailed: rounds.length - used.length, median: used.length === 0 ? undefined : medianRound(used) };
}

/**
 * The median over the rounds of `figure` divided by the yardstick's in the same round: neighbours on the machine come and go between
 * rounds, and disturb both alike within one. Undefined when no round of both is good.
 */
export function ratio(rounds: readonly Round[], yardstick: readonly Round[], figure: (round: Round) => number): number | undefined {
  const ratios = rounds.flatMap((round, index) => {
    const other = yardstick[index];
    return other !== undefined && isGood(round) && isGood(other) ? figure(round) / figure(other) : [];
  });
  return ratios.length === 0 ? undefined : median(ratios);
}

function isGood(round: Round): boolean {
  return round.errors === 0 && round.requests > 0;
}

/** The median of a figure that rounds of some cases have. */
function maybe<Name extends 'p999Ms' | 'bytesPerConnection'>(rounds: readonly Round[], name: Name): Partial<Record<Name, number>> {
  const values = rounds.flatMap((round) => round[name] ?? []);
  return values.length === 0 ? {} : ({ [name]: median(values) } as Record<Name, number>);
}

function medianRound(rounds: readonly Round[]): Round {
  const of = (figure: (round: Round) => number): number => median(rounds.map(figure));
  return {
    requests: of((round) => round.requests),
    requestsPerSecond: of((round) => round.requestsPerSecond),
    cpuUs: of((round) => round.cpuUs),
    userUs: of((round) => round.userUs),
    systemUs: of((round) => round.systemUs),
    coreRatio: of((round) => round.coreRatio),
    p50Ms: of((round) => round.p50Ms),
    p99Ms: of((round) => round.p99Ms),
    ...maybe(rounds, 'p999Ms'),
    ...maybe(rounds, 'bytesPerConnection'),
    rssPeakBytes: Math.max(...rounds.map((round) => round.rssPeakBytes)),
    errors: 0,
  };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.floor(middle)] ?? Number.NaN) + (sorted[Math.ceil(middle) - 1] ?? Number.NaN)) / 2;
}
