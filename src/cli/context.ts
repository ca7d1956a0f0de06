import type { Launcher } from './launcher.ts';
import type { Output } from './output.ts';

/** What a command works with, and what it leaves: `exitCode` is 0 until a command sets it. */
export interface Context {
  readonly output: Output;
  readonly launcher: Launcher;
  exitCode: number;
  /** Whether the command that runs was asked for JSON: then a failure is told as JSON too. */
  json: boolean;
}
