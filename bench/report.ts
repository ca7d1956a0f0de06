import type { BenchCase } from './case.ts';
import type { Cores, Machine } from './machine.ts';
import { ratio, type Round, type Summary } from './round.ts';
import { describeVerdict, judge, type VerdictTexts } from './target.ts';

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
  /** Peers that are not in the tables, or not in all of them, and why; and the rates that were chosen. */
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
  const tables = report.results.map((result) => {
    const title = heading(`${result.benchCase.name}: ${result.benchCase.title}`);
    return [title, render(rowsOf(result, report.yardstick)), ...verdictLines(result, report)].join('\n\n');
  });
  const bullets = [...factsOf(report), ...report.notes].map((line) => `${markdown ? '- ' : '  '}${line}`);
  return [...tables, bullets.join('\n')].join('\n\n');
}

/** What Sluice has to show, case by case, and whether it did. */
export function renderTargets(reports: readonly Report[]): string {
  const rows = reports.flatMap((report) =>
    report.results.flatMap((result) =>
      verdictsOf(result, report).map(({ claim, found, judgement }) => [`\`${result.benchCase.name}\``, claim, found, judgement]),
    ),
  );
  return markdownTable([['case', 'target', 'found', ''], ...rows]);
}

function verdictsOf({ benchCase, peers }: CaseResult, { cores }: Report): VerdictTexts[] {
  return benchCase.targets.map((target) => describeVerdict(judge(target, peers, cores.spare.length > 0)));
}

function verdictLines(result: CaseResult, report: Report): string[] {
  const lines = verdictsOf(result, report).map(({ claim, found, judgement }) => `Target: ${claim}: ${judgement} (${found}).`);
  return lines.length === 0 ? [] : [lines.join('\n\n')];
}

interface Column {
  readonly title: string;
  read(median: Round, rounds: readonly Round[], base: readonly Round[]): string;
}

function columnsOf({ benchCase, peers }: CaseResult, yardstick: string): Column[] {
  const over = (figureOf: (round: Round) => number) => (_: Round, rounds: readonly Round[], base: readonly Round[]) =>
    times(ratio(rounds, base, figureOf));
  const columns: Column[] = [
    { title: 'CPU µs/req', read: (median) => figure(median.cpuUs) },
    { title: `× ${yardstick}`, read: over((round) => round.cpuUs) },
    { title: 'user', read: (median) => figure(median.userUs) },
    { title: 'system', read: (median) => figure(median.systemUs) },
    { title: 'req/s', read: (median) => median.requestsPerSecond.toFixed(0) },
    { title: `× ${yardstick}`, read: over((round) => round.requestsPerSecond) },
    { title: 'p50 ms', read: (median) => median.p50Ms.toFixed(2) },
    { title: 'p99 ms', read: (median) => median.p99Ms.toFixed(2) },
    { title: 'core', read: (median) => `${(median.coreRatio * 100).toFixed(0)}%` },
    { title: 'RSS MiB', read: (median) => (median.rssPeakBytes / 2 ** 20).toFixed(0) },
  ];
  if (benchCase.rateShare !== undefined) columns.splice(8, 0, { title: 'p99.9 ms', read: ({ p999Ms }) => p999Ms?.toFixed(2) ?? '–' });
  if (peers.some(({ median }) => median?.bytesPerConnection !== undefined)) {
    const read = ({ bytesPerConnection }: Round): string =>
      bytesPerConnection === undefined ? '–' : (bytesPerConnection / 1024).toFixed(1);
    columns.push({ title: 'KiB/idle connection', read });
  }
  return columns;
}

function rowsOf(result: CaseResult, yardstick: string): string[][] {
  const columns = columnsOf(result, yardstick);
  const base = result.peers.find((one) => one.peer === yardstick)?.rounds ?? [];
  const rows = result.peers.map((one) => rowOf(one, columns, base));
  return [['peer', ...columns.map(({ title }) => title), 'rounds'], ...rows];
}

function rowOf({ peer, median, rounds, roundsFailed }: PeerResult, columns: readonly Column[], base: readonly Round[]): string[] {
  const counted = roundsFailed === 0 ? String(rounds.length) : `${rounds.length - roundsFailed} of ${rounds.length}`;
  const cells = columns.map((column) => (median === undefined ? '–' : column.read(median, rounds, base)));
  return [peer, ...cells, counted];
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
