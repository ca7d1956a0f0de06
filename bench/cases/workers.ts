import type { BenchCase } from '../case.ts';

/** Whether a second worker carries as much as the first. On two cores, one of them taken by the load, only the cost can be seen. */
export const workers: BenchCase = {
  name: 'workers',
  title: '2 workers, 100-byte answers, 128 connections',
  connections: 128,
  answerBytes: 100,
  workers: 2,
  feature: 'second worker',
  targets: [{ figure: 'requestsPerSecond', against: 'sluice-plain', atLeast: true, limit: 1.8, needsCores: true }],
};
