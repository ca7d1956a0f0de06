/** Query parameters: each known by name, read once, strictly; what is not known is an error and never ignored. */
import { readDuration } from '../config/units.ts';
import type { CommandOptions } from '../src/control/ports.ts';
import { nameHint } from '../src/core/nearest.ts';
import { readIfMatch } from './if-match.ts';
import { Refusal } from './problems.ts';
import type { Call, Route } from './route.ts';

/** Every query parameter there is, with its schema for the documentation. */
export const queryParameters = {
  dryRun: { schema: { type: 'boolean', default: false }, description: 'Check the change and say what it would do, but do nothing.' },
  reason: { schema: { type: 'string', maxLength: 1000 }, description: 'Why, in your own words; kept in the journal.' },
  timeout: {
    schema: { type: 'string', default: '5s' },
    description: 'How long to wait for the workers, at most 10m; 202 when it runs out.',
  },
  wait: {
    schema: { enum: ['workers', 'none'], default: 'workers' },
    description: 'What to wait for before the answer; with "none" it is always 202.',
  },
  limit: { schema: { type: 'integer', minimum: 1, maximum: 1000, default: 50 }, description: 'How many to answer at most, newest first.' },
} as const;
export type QueryName = keyof typeof queryParameters;

/** What every change takes. */
export const changeQuery: readonly QueryName[] = ['dryRun', 'reason', 'timeout', 'wait'];

const timeoutMsDefault = 5000;
const timeoutMsMax = 600_000;
const reasonLengthMax = 1000;
const limitDefault = 50;
const limitMax = 1000;

/** Parameters that interface.md promises and that are not there yet: better refused than ignored. */
const notYet = ['lease'];

/** Splits the raw query of a URL and checks that the route knows every parameter. */
export function readQuery(route: Route, search: string): ReadonlyMap<QueryName, string> {
  const query = new Map<QueryName, string>();
  for (const [name, value] of new URLSearchParams(search)) {
    const known = route.query.find((candidate) => candidate === name);
    if (known === undefined) {
      const hint = notYet.includes(name) ? 'It is not supported yet.' : nameHint(name, route.query);
      throw new Refusal('MALFORMED', `Unknown query parameter "${name}". ${hint}`);
    }
    if (query.has(known)) throw new Refusal('MALFORMED', `The query parameter "${name}" is given twice; give it once.`);
    query.set(known, value);
  }
  return query;
}

export function readCommandOptions(call: Call): CommandOptions {
  return {
    actor: call.actor,
    reason: readReason(call.query.get('reason')),
    ifRevisions: readIfMatch(call.ifMatch),
    dryRun: readChoice('dryRun', call.query.get('dryRun') ?? 'false', ['true', 'false']) === 'true',
    timeoutMs: readTimeout(call.query.get('timeout')),
    wait: readChoice('wait', call.query.get('wait') ?? 'workers', ['workers', 'none']),
  };
}

export function readLimit(call: Call): number {
  const text = call.query.get('limit');
  if (text === undefined) return limitDefault;
  const limit = /^[0-9]{1,9}$/.test(text) ? Number(text) : 0;
  if (limit < 1 || limit > limitMax) throw badValue('limit', `a whole number from 1 to ${limitMax}`, text);
  return limit;
}

function readReason(reason = ''): string {
  if (reason.length <= reasonLengthMax) return reason;
  throw new Refusal('MALFORMED', `The reason has ${reason.length} characters; at most ${reasonLengthMax} are kept, so shorten it.`);
}

function readTimeout(text: string | undefined): number {
  if (text === undefined) return timeoutMsDefault;
  const reading = readDuration(text);
  if (!reading.ok) throw new Refusal('MALFORMED', `Query parameter "timeout": ${reading.message}.`);
  if (reading.value > timeoutMsMax) throw badValue('timeout', 'a duration of at most 10m', text);
  return reading.value;
}

function readChoice<const T extends string>(name: QueryName, value: string, choices: readonly T[]): T {
  const choice = choices.find((candidate) => candidate === value);
  if (choice === undefined) throw badValue(name, choices.join(' or '), value);
  return choice;
}

function badValue(name: QueryName, expected: string, got: string): Refusal {
  return new Refusal('MALFORMED', `Query parameter "${name}": expected ${expected}, found ${JSON.stringify(got)}.`);
}
