import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathOf, type BenchCase } from './case.ts';
import { startChild, type Child } from './child.ts';
import { nodeCommand } from './command.ts';
import { treeMemory } from './proc.ts';

/** Connections that are held open beside the load. */
export interface IdleConnections {
  /** What they have added to the proxy's memory, divided by their number. */
  readonly bytesEach: number;
  /** How many the proxy has closed so far. */
  lost(): number;
  close(): Promise<void>;
}

/** Opens those that the case asks for, and says what they cost `proxy`. */
export async function holdIdle(
  proxy: Child,
  port: number,
  benchCase: BenchCase,
  count: number,
  cores: readonly number[],
  dir: string,
): Promise<IdleConnections> {
  const before = await settledMemory(proxy.pid);
  const logFile = path.join(dir, 'idle.log');
  const script = path.join(import.meta.dirname, 'idle-connections.ts');
  const holder = startChild(nodeCommand(script, String(port), pathOf(benchCase), String(count)), cores, logFile);
  const lines = (word: string): number =>
    readFileSync(logFile, 'utf8')
      .split('\n')
      .filter((line) => line === word).length;
  await holder.ready(async () => lines('open') === 1);
  const after = await settledMemory(proxy.pid);
  return { bytesEach: (after - before) / count, lost: () => lines('lost'), close: () => holder.stop() };
}

/** Memory once it has stood still within 0.2% for a second; after ten seconds as it is. */
async function settledMemory(pid: number): Promise<number> {
  let last = treeMemory(pid);
  for (let tries = 0; tries < 10; tries += 1) {
    await sleep(1000);
    const now = treeMemory(pid);
    if (Math.abs(now - last) <= last * 0.002) return now;
    last = now;
  }
  return last;
}
