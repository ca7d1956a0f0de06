import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Most tests wait for sockets and processes more than they compute.
    maxWorkers: Math.max(3, availableParallelism()),
    // Real sockets and processes on a small machine: a hang is a failure, slowness is not.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
