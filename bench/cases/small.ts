import type { BenchCase } from '../case.ts';

/** What a proxy costs when the answer costs nothing: heads, system calls and the event loop. */
export const small: BenchCase = {
  name: 'small',
  title: '100-byte answers, 64 connections',
  connections: 64,
  answerBytes: 100,
  everyone: true,
  targets: [
    { figure: 'cpuUs', against: 'nginx', limit: 1.25 },
    { figure: 'cpuUs', against: 'fast-proxy', limit: 0.5 },
  ],
};
