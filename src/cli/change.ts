import { printable } from '../../config/reading.ts';
import { type Difference } from '../core/json.ts';
import { exitCodes, type ExitCode } from './exit-codes.ts';
import type { Output } from './output.ts';

/** The answer to a change; see the admin API's documentation. */
export interface ChangeBody {
  readonly revision: number;
  readonly previous: number;
  readonly changed: boolean;
  readonly dryRun?: boolean;
  readonly changes: readonly Difference[];
  readonly applied: readonly { readonly worker: number; readonly ms: number }[];
  readonly stragglers?: readonly { readonly worker: number; readonly pid: number }[];
  /** Where a drain was waited for: whether nothing runs there and nobody may come any more … */
  readonly drained?: boolean;
  /** … or else what does … */
  readonly remaining?: Remaining;
  /** … and whether clients that are bound to it may come. */
  readonly mayCome?: boolean;
  /** What is allowed and probably not meant. */
  readonly warnings?: readonly string[];
}

/** What still runs somewhere, by kind. */
export interface Remaining {
  readonly http: number;
  readonly streaming: number;
  readonly upgraded: number;
}

/** Says what became of a change, and gives the exit code for it: 0 only when every worker has applied it, and a drain that was waited for is over. */
export function reportChange(body: ChangeBody, json: boolean, output: Output): ExitCode {
  if (json) output.print(JSON.stringify(body));
  else describe(body, output);
  return (body.stragglers ?? []).length > 0 || body.drained === false ? exitCodes.timedOut : exitCodes.ok;
}

function describe(body: ChangeBody, output: Output): void {
  const stragglers = body.stragglers ?? [];
  if (!body.changed) output.print(`Nothing to change: revision ${body.revision} says so already.`);
  else if (body.dryRun === true) output.print(`Would become revision ${body.revision}:`);
  else if (stragglers.length === 0) output.print(`Revision ${body.revision} is in force (before: ${body.previous}).`);
  else output.print(`Revision ${body.revision} is saved and sent (before: ${body.previous}).`);
  for (const { pointer, before, after } of body.changes) output.print(printable(`  ${pointer}: ${show(before)} -> ${show(after)}`));
  for (const warning of body.warnings ?? []) output.complain(printable(`Warning: ${warning}`));
  if (body.remaining !== undefined) output.complain(describeDrain(body.remaining, body));
  if (stragglers.length === 0) return;
  const names = stragglers.map(({ worker, pid }) => `worker ${worker} (pid ${pid})`).join(', ');
  output.complain(
    `Not yet applied by ${names}: ${stragglers.length === 1 ? 'it still handles' : 'they still handle'} requests by an earlier revision.`,
  );
}

function describeDrain(remaining: Remaining, { mayCome, stragglers = [] }: ChangeBody): string {
  const what = `Not drained yet: ${describeRemaining(remaining)}`;
  if (mayCome === true) return `${what}, and clients that are bound to it may come until the deadline; "sluice maint" sends nobody there.`;
  if (totalOf(remaining) > 0) return `${what}. What is left when the deadline is over is ended; "sluice status" shows it.`;
  return stragglers.length > 0 ? `${what} as far as is known.` : `${what}, but it is back, or not every worker has told yet.`;
}

function totalOf({ http, streaming, upgraded }: Remaining): number {
  return http + streaming + upgraded;
}

/** `3 in flight (1 streaming, 1 upgraded)` */
export function describeRemaining(remaining: Remaining): string {
  const { streaming, upgraded } = remaining;
  const kinds = [streaming > 0 ? `${streaming} streaming` : '', upgraded > 0 ? `${upgraded} upgraded` : ''].filter((kind) => kind !== '');
  return `${totalOf(remaining)} in flight${kinds.length === 0 ? '' : ` (${kinds.join(', ')})`}`;
}

/** More of a value is not read; `--json` has all of it. */
const shownMax = 200;

function show(value: unknown): string {
  const text = value === undefined ? 'nothing' : JSON.stringify(value);
  return text.length <= shownMax ? text : `${text.slice(0, shownMax - 1)}…`;
}
