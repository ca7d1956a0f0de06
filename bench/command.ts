import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';

export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  /** Besides what the bench has itself. */
  readonly env?: Readonly<Record<string, string>>;
}

/** The checkout: peers are run from here, and their npm packages found here. */
export const rootDir = path.resolve(import.meta.dirname, '..');

/** Runs one of our TypeScript files (or a package's script) with the node that runs the bench. */
export function nodeCommand(script: string, ...args: string[]): Command {
  return { file: process.execPath, args: [script, ...args] };
}

/** Looks where Debian puts daemons too: /usr/sbin is not in everybody's PATH. */
export function findCommand(name: string): string | undefined {
  const dirs = [...(process.env['PATH'] ?? '').split(path.delimiter), '/usr/sbin', '/usr/local/sbin'];
  return dirs.map((dir) => path.join(dir, name)).find((file) => existsSync(file));
}

/** The first thing that looks like a version in what `file` prints about itself; `?` when there is none. */
export function versionOf(file: string, ...args: string[]): string {
  const { stdout, stderr } = spawnSync(file, args, { encoding: 'utf8', timeout: 5000 });
  return /\d+\.\d+(\.\d+)?/.exec(`${stdout}${stderr}`)?.[0] ?? '?';
}

/** The version of an npm package of this project, or undefined when it is not installed. */
export function packageVersion(name: string): string | undefined {
  const file = path.join(rootDir, 'node_modules', name, 'package.json');
  if (!existsSync(file)) return undefined;
  const { version }: { version: string } = JSON.parse(readFileSync(file, 'utf8'));
  return version;
}
