import type { BenchCase } from '../case.ts';

/** A line per request, written to a file as a service manager would. */
export const log: BenchCase = {
  name: 'log',
  title: 'access log on, 100-byte answers, 64 connections',
  connections: 64,
  answerBytes: 100,
  accessLog: true,
  feature: 'access log',
  targets: [{ figure: 'cpuUs', against: 'sluice-plain', limit: 1.15 }],
};
