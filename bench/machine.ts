import { readFileSync } from 'node:fs';
import os from 'node:os';
import process from 'node:process';
import { findCommand } from './command.ts';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly kernel: string;
  readonly node: string;
  /** When the bench began. Anything but near 0 says that somebody else uses the machine. */
  readonly loadAverage: number;
}

export function describeMachine(): Machine {
  return {
    cpu: os.cpus()[0]?.model ?? 'unknown',
    cores: os.cpus().length,
    kernel: `${os.type()} ${os.release()}`,
    node: process.version,
    loadAverage: os.loadavg()[0] ?? 0,
  };
}

/** Where things run. Undefined: not pinned, because there is one core only or no taskset. */
export interface Cores {
  /** Origin and load tool. */
  readonly load: number | undefined;
  readonly proxy: number | undefined;
  /** For a second worker and a load tool of its own. Empty where the machine has fewer than four cores. */
  readonly spare: readonly number[];
}

export function chooseCores(): Cores {
  const [load, ...others] = allowedCores();
  if (load === undefined || others.length === 0 || findCommand('taskset') === undefined) {
    return { load: undefined, proxy: undefined, spare: [] };
  }
  // Two threads of one physical core slow each other down; take another core where the machine has one.
  const siblings = coreList(read(`/sys/devices/system/cpu/cpu${load}/topology/thread_siblings_list`));
  const proxy = others.find((core) => !siblings.includes(core)) ?? others[0];
  const rest = others.filter((core) => core !== proxy);
  return { load, proxy, spare: rest.length < 2 ? [] : rest.slice(0, 2) };
}

function allowedCores(): number[] {
  return coreList(/^Cpus_allowed_list:\s*(.*)$/m.exec(read('/proc/self/status'))?.[1] ?? '');
}

/** Reads the kernel's notation: `0-3,8`. */
function coreList(text: string): number[] {
  return text
    .trim()
    .split(',')
    .filter((range) => range !== '')
    .flatMap((range) => {
      const [first = 0, last = first] = range.split('-').map(Number);
      return Array.from({ length: last - first + 1 }, (_, index) => first + index);
    });
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
