import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { rootDir } from './command.ts';
import { renderReport, renderTargets, type Report } from './report.ts';

/** docs/performance.md: the prose of the template and what was measured, one report after the other. */
export function writePage(reports: readonly Report[]): void {
  const template = readFileSync(path.join(import.meta.dirname, 'performance.template.md'), 'utf8');
  const page = template
    .replace('<!-- targets -->', () => renderTargets(reports))
    .replace('<!-- results -->', () => reports.map((report) => renderReport(report, true)).join('\n\n'));
  writeFileSync(path.join(rootDir, 'docs', 'performance.md'), page);
}

/** As `--json` wrote them. */
export function readReports(files: readonly string[]): Report[] {
  return files.map((file) => JSON.parse(readFileSync(file, 'utf8')) as Report);
}
