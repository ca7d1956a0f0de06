import type { BenchCase } from '../case.ts';

/** Connections that clients keep open and do not use: what each holds, and whether the others notice. */
export const idle: BenchCase = {
  name: 'idle',
  title: '10,000 idle connections besides, 100-byte answers, 64 connections',
  connections: 64,
  answerBytes: 100,
  idleConnections: 10_000,
  feature: '10,000 idle connections',
  targets: [
    { figure: 'bytesPerConnection', limit: 12 * 1024 },
    { figure: 'cpuUs', against: 'sluice-plain', limit: 1.1 },
    { figure: 'p50Ms', against: 'sluice-plain', limit: 1.1 },
  ],
};
