import type { BenchCase } from '../case.ts';

/** What it costs to move bytes: copies, buffers and back-pressure. Few connections, so that they stay busy rather than queue. */
export const large: BenchCase = {
  name: 'large',
  title: '1 MiB answers, 16 connections',
  connections: 16,
  answerBytes: 1024 * 1024,
  everyone: true,
  targets: [{ figure: 'cpuUs', against: 'nginx', limit: 1 }],
};
