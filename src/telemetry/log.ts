import { pino, stdTimeFunctions, type Logger } from 'pino';
import { LineWriter } from './access-log.ts';

export type { Logger } from 'pino';

/** One process's output: events and access lines, in the order in which they happened. */
export interface ProcessLog {
  readonly log: Logger;
  /** Takes whole access-log lines. */
  readonly access: (line: string) => void;
  /** Writes what is left; to be called at the end of the process. */
  readonly close: () => void;
}

/**
 * JSON lines on standard output, one per event. `process` says which of our processes speaks (`supervisor`, `control`, `worker 1`).
 * Events leave in the turn in which they happen, access lines within 100 ms.
 */
export function createProcessLog(options: { readonly process: string; readonly level: string; readonly fd?: number }): ProcessLog {
  const { process: name, level, fd = 1 } = options;
  const writer = new LineWriter({
    fd,
    describeDropped: (count) =>
      JSON.stringify({
        level: 'warn',
        time: new Date().toISOString(),
        process: name,
        dropped: count,
        msg: 'log lines were dropped: the reader is too slow',
      }),
  });
  const log = pino(
    {
      level,
      base: { process: name, pid: process.pid },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: (line: string) => writer.writeEvent(line) },
  );
  return { log, access: (line) => writer.write(line), close: () => writer.close() };
}
