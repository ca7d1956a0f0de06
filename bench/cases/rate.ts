import type { BenchCase } from '../case.ts';

/** How long requests take when the proxy is half busy, as in production, and not as fast as it can go. */
export const rate: BenchCase = {
  name: 'rate',
  title: 'at half the maximum rate, 100-byte answers, 64 connections',
  connections: 64,
  answerBytes: 100,
  rateShare: 0.5,
  everyone: true,
  targets: [{ figure: 'p99Ms', against: 'nginx', limit: 2 }],
};
