/** Plain text for people. No colours yet, so there is nothing that NO_COLOR would have to switch off. */
import { printable } from '../../config/reading.ts';

/** Where a command writes; tests bring their own. */
export interface Output {
  /** A line, or several, on standard output. */
  print(text: string): void;
  /** The same on standard error. */
  complain(text: string): void;
}

export const standardOutput: Output = {
  print: (text) => void process.stdout.write(`${text}\n`),
  complain: (text) => void process.stderr.write(`${text}\n`),
};

/**
 * Columns as wide as they must be, two spaces apart. Columns in which every cell is a number are set to the right. Whatever cells hold,
 * it is shown and not obeyed by the terminal, and a row is a line.
 */
export function formatTable(header: readonly string[], unsafeRows: readonly (readonly string[])[]): string {
  const rows = unsafeRows.map((row) => row.map(printable));
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => (row[column] ?? '').length)));
  const numeric = header.map((_, column) => rows.length > 0 && rows.every((row) => /^[-\d.,]*%?$/.test(row[column] ?? '')));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => (numeric[column] === true ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)))
      .join('  ')
      .trimEnd();
  return [header, ...rows].map(line).join('\n');
}
