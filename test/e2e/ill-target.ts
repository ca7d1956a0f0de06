import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { Mood, Order, Word } from './ill-app.ts';

const program = fileURLToPath(new URL('ill-app.ts', import.meta.url));

/**
 * Ports below those that systems give to outgoing connections (from 32768 on Linux, 49152 elsewhere): a port that is left for a while must
 * not be taken by somebody's connection meanwhile, least of all by the proxy's own attempt, which would then be connected to itself.
 */
const ports = { first: 20_000, count: 12_000 };
let nextPort = process.pid % ports.count;

/** Something that was posted to a target, and whether the upload was whole. */
export interface LedgerLine {
  readonly id: string;
  readonly whole: boolean;
}

/** A target as a process of its own, which can be killed, stopped and made ill, and comes back at the same address. */
export class IllTarget {
  readonly name: string;
  readonly port: number;
  readonly #ledgerFile: string;
  #child: ChildProcess;

  private constructor(name: string, port: number, ledgerFile: string, child: ChildProcess) {
    this.name = name;
    this.port = port;
    this.#ledgerFile = ledgerFile;
    this.#child = child;
  }

  static async start(name: string, ledgerFile: string): Promise<IllTarget> {
    const port = await freePort();
    return new IllTarget(name, port, ledgerFile, await run(name, port, ledgerFile));
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** With -9; resolves when it is dead. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }

  async revive(): Promise<void> {
    this.#child = await run(this.name, this.port, this.#ledgerFile);
  }

  /** It hangs: its connections stay open, and the system even accepts new ones for it. */
  hang(): void {
    this.#child.kill('SIGSTOP');
  }

  wake(): void {
    this.#child.kill('SIGCONT');
  }

  /** Resolves when it is so. */
  async become(mood: Mood): Promise<void> {
    const obeyed = nextWord(this.#child);
    this.#child.send({ mood } satisfies Order);
    await obeyed;
  }

  ledger(): readonly LedgerLine[] {
    const lines = readFileSync(this.#ledgerFile, 'latin1').split('\n').slice(0, -1);
    return lines.map((line) => ({ id: line.slice(0, line.indexOf(' ')), whole: line.endsWith(' whole') }));
  }
}

async function run(name: string, port: number, ledgerFile: string): Promise<ChildProcess> {
  const child = fork(program, [name, String(port), ledgerFile], { execArgv: [], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  await nextWord(child);
  return child;
}

function nextWord(child: ChildProcess): Promise<Word> {
  return new Promise((resolve, reject) => {
    const onExit = () => reject(new Error('the target has ended without a word'));
    child.once('exit', onExit);
    child.once('message', (word: Word) => {
      child.off('exit', onExit);
      resolve(word);
    });
  });
}

async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < ports.count; attempt++) {
    const port = ports.first + (nextPort++ % ports.count);
    if (await isFree(port)) return port;
  }
  throw new Error(`no port from ${ports.first} on is free`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
