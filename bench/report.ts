import type { BenchCase } from './case.ts';
import type { Cores, Machine } from './machine.ts';
import { ratio, type Round, type Summary } from './round.ts';

export interface Report {
  readonly command: string;
  readonly date: string;
  readonly machine: Machine;
  readonly cores: Cores;
  readonly load: string;
  readonly origin: string;
  /** The peer that ratios compare with, measured or not. */
  readonly yardstick: string;
  readonly versions: Readonly<Record<string, string>>;
  /** Peers that are not in the tables, or not in all of them, and why. */
  readonly notes: readonly string[];
  readonly results: readonly CaseResult[];
}

export interface CaseResult {
  readonly benchCase: BenchCase;
  readonly peers: readonly PeerResult[];
}

export interface PeerResult extends Summary {
  readonly peer: string;
}

/** For people: aligned text, or the same tables as Markdown. */
export function renderReport(report: Report, markdown: boolean): string {
  const render = markdown ? markdownTable : textTable;
  const heading = (text: string): string => (markdown ? `### ${text}` : text);
  const tables = report.results.map((result) => `${heading(result.benchCase.title)}\n\n${render(rowsOf(result, report.yardstick))}`);
  const bullets = [...factsOf(report), ...report.notes].map((line) => `${markdown ? '- ' : '  '}${line}`);
  return [...tables, bullets.join('\n')].join('\n\n');
}

function rowsOf(result: CaseResult, yardstick: string): string[][] {
  const header = [
    'peer',
    'CPU µs/req',
    `× ${yardstick}`,
    'user',
    'system',
    'req/s',
    `× ${yardstick}`,
    'p50 ms',
    'p99 ms',
    'core',
    'RSS MiB',
    'rounds',
  ];
  const base = result.peers.find((one) => one.peer === yardstick)?.rounds ?? [];
  return [header, ...result.peers.map((one) => rowOf(one, base))];
}

function rowOf({ peer, median, rounds, roundsFailed }: PeerResult, base: readonly Round[]): string[] {
  const counted = roundsFailed === 0 ? String(rounds.length) : `${rounds.length - roundsFailed} of ${rounds.length}`;
  if (median === undefined) return [peer, ...Array.from({ length: 10 }, () => '–'), counted];
  return [
    peer,
    figure(median.cpuUs),
    times(ratio(rounds, base, (round) => round.cpuUs)),
    figure(median.userUs),
    figure(median.systemUs),
    median.requestsPerSecond.toFixed(0),
    times(ratio(rounds, base, (round) => round.requestsPerSecond)),
    median.p50Ms.toFixed(2),
    median.p99Ms.toFixed(2),
    `${(median.coreRatio * 100).toFixed(0)}%`,
    (median.rssPeakBytes / 2 ** 20).toFixed(0),
    counted,
  ];
}

function factsOf({ command, date, machine, cores, load, origin, versions }: Report): string[] {
  const pinning =
    cores.proxy === undefined
      ? 'nothing pinned (one core, or no taskset): proxy, origin and load compete'
      : `origin and load on core ${cores.load}, the proxy on core ${cores.proxy}`;
  return [
    `${command} (${date})`,
    `${machine.cpu}, ${machine.cores} cores; ${machine.kernel}; node ${machine.node}; load average ${machine.loadAverage.toFixed(1)} at the start`,
    `${pinning}; load by ${load}; origin ${origin}`,
    Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(', '),
    'Medians; ratios are medians of the ratios within each round. CPU is that of the whole process tree; core is the share of its core the proxy had.',
  ];
}

/** Three digits say all that a noisy machine knows. */
function figure(us: number): string {
  return us < 100 ? us.toFixed(1) : us.toFixed(0);
}

function times(value: number | undefined): string {
  return value === undefined ? '–' : value.toFixed(2);
}

function textTable(rows: readonly (readonly string[])[]): string {
  const widths = columnWidths(rows);
  return rows
    .map((row) =>
      row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join('  '),
    )
    .join('\n');
}

function markdownTable(rows: readonly (readonly string[])[]): string {
  const [header = [], ...body] = rows;
  const rule = header.map((_, column) => (column === 0 ? '---' : '---:'));
  return [header, rule, ...body].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function columnWidths(rows: readonly (readonly string[])[]): number[] {
  return (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
}
