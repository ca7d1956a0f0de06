import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** What a process and all its descendants have used so far. */
export interface Usage {
  readonly userMs: number;
  readonly systemMs: number;
  /** The largest resident set of each process, added up: pages that processes share count once for each of them. */
  readonly rssPeakBytes: number;
}

interface Stat {
  readonly pid: number;
  readonly parentPid: number;
  readonly userTicks: number;
  readonly systemTicks: number;
}

/** The kernel counts to the nanosecond but shows ticks of (nearly always) 10 ms: a round of 4 s is right to 0.3%. */
const tickMs = 1000 / Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

export function treeUsage(rootPid: number): Usage {
  let userMs = 0;
  let systemMs = 0;
  let rssPeakBytes = 0;
  for (const stat of tree(rootPid)) {
    userMs += stat.userTicks * tickMs;
    systemMs += stat.systemTicks * tickMs;
    rssPeakBytes += rssPeak(stat.pid);
  }
  return { userMs, systemMs, rssPeakBytes };
}

/** What a tree holds now: pages that processes share count in parts (Pss), so that the sum counts them once. */
export function treeMemory(rootPid: number): number {
  return treePids(rootPid).reduce((sum, pid) => {
    const kib = /^Pss:\s+(\d+) kB$/m.exec(readProc(`/proc/${pid}/smaps_rollup`) ?? '')?.[1];
    return sum + Number(kib ?? 0) * 1024;
  }, 0);
}

export function treePids(rootPid: number): number[] {
  return tree(rootPid).map((stat) => stat.pid);
}

/** The first process below `rootPid` that has `argument` among its arguments. */
export function pidOf(rootPid: number, argument: string): number | undefined {
  return treePids(rootPid).find((pid) => readProc(`/proc/${pid}/cmdline`)?.split('\0').includes(argument));
}

function tree(rootPid: number): Stat[] {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => readStat(Number(name)) ?? []);
  const found = all.filter((stat) => stat.pid === rootPid);
  // Grows while it is walked: children are appended behind their parents.
  for (const parent of found) found.push(...all.filter((stat) => stat.parentPid === parent.pid));
  return found;
}

function readStat(pid: number): Stat | undefined {
  const text = readProc(`/proc/${pid}/stat`);
  if (text === undefined) return undefined;
  // The second field is the command in parentheses and may hold spaces and parentheses itself; numbering resumes after the last one.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const field = (number: number): number => Number(fields[number - 3]);
  // Fields 16 and 17 are children that have exited and been waited for: their time must not vanish with them.
  return { pid, parentPid: field(4), userTicks: field(14) + field(16), systemTicks: field(15) + field(17) };
}

function rssPeak(pid: number): number {
  const kib = /^VmHWM:\s+(\d+) kB$/m.exec(readProc(`/proc/${pid}/status`) ?? '')?.[1];
  return Number(kib ?? 0) * 1024;
}

/** Undefined when the process went away between the listing and the reading. */
function readProc(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
