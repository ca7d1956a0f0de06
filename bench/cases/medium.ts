import type { BenchCase } from '../case.ts';

/** The size of a page or a bundle of JSON: larger than a head, smaller than what one read takes. */
export const medium: BenchCase = {
  name: 'medium',
  title: '16 KiB answers, 64 connections',
  connections: 64,
  answerBytes: 16 * 1024,
  targets: [{ figure: 'cpuUs', against: 'nginx', limit: 1 }],
};
