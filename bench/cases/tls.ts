import type { BenchCase } from '../case.ts';

/** What encryption adds to each request once the handshake is over. Everybody has the same key (P-256) and the same cipher. */
export const tls: BenchCase = {
  name: 'tls',
  title: 'TLS 1.3, 100-byte answers, 64 connections',
  connections: 64,
  answerBytes: 100,
  encrypted: true,
  targets: [{ figure: 'cpuUs', against: 'nginx', limit: 1.3 }],
};
