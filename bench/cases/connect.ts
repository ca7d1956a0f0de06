import type { BenchCase } from '../case.ts';

/** Clients that do not keep connections: accepting and closing one for each request. Those to the origin are kept. */
export const connect: BenchCase = {
  name: 'connect',
  title: 'a connection per request, 100-byte answers, 64 at a time',
  connections: 64,
  answerBytes: 100,
  headers: { connection: 'close' },
  targets: [{ figure: 'cpuUs', against: 'nginx', limit: 1.5 }],
};
