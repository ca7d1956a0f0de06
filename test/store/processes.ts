import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

const script = fileURLToPath(new URL('child.ts', import.meta.url));

export interface Child {
  /** Resolves with the lines said so far when there are at least `count`, or when it has ended. */
  lines(count: number): Promise<readonly string[]>;
  /** Kills it with -9 and resolves with everything that it said. */
  kill(): Promise<readonly string[]>;
  /** Resolves with everything that it said when it has ended by itself. */
  ended(): Promise<readonly string[]>;
}

/** Starts `child.ts`; it does not outlive the test. */
export function startChild(...args: readonly string[]): Child {
  const child = spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
  const close = once(child, 'close');
  const complete = (): string[] => said.split('\n').slice(0, -1);
  return {
    async lines(count) {
      const ended = close.then(() => 'ended');
      while (complete().length < count) {
        if ((await Promise.race([once(child.stdout, 'data'), ended])) === 'ended') break;
      }
      return complete();
    },
    async kill() {
      child.kill('SIGKILL');
      await close;
      return complete();
    },
    async ended() {
      await close;
      return complete();
    },
  };
}
