/** Query parameters: each known by name, read once, strictly; what is not known is an error and never ignored. */
import { formatDuration, readDuration } from '../config/units.ts';
import type { CommandOptions } from '../src/control/ports.ts';
import { nameHint } from '../src/core/nearest.ts';
import { readIfMatch } from './if-match.ts';
import { Refusal } from './problems.ts';
import type { Call, Route } from './route.ts';

/** A query parameter: what the documentation says of it, and how its text is read. Both come from the same limits. */
interface QueryParameter<T> {
  readonly schema: { readonly type: string; readonly default?: string | number | boolean; readonly [keyword: string]: unknown };
  readonly description: string;
  /** `text` is undefined where the parameter is not given. Throws a {@link Refusal}. */
  readonly read: (text: string | undefined, name: string) => T;
}

/** Nobody waits longer. */
export const timeoutMsMax = 600_000;

/** Every query parameter there is. */
export const queryParameters = {
  dryRun: flag('Check the change and say what it would do, but do nothing.'),
  reason: text({ lengthMax: 1000 }, 'Why, in your own words; kept in the journal.'),
  timeout: duration(
    { ms: 5000, msMax: timeoutMsMax },
    'How long to wait, at most 10m; 202 when it runs out. With `wait=drained` the default is the time for draining and 10s.',
  ),
  wait: choice(
    ['workers', 'none', 'drained'],
    'What to wait for before the answer; with "none" it is always 202. "drained", where something is taken out or removed: until nothing runs there and nobody may come any more.',
  ),
  force: flag('Rotate the signing keys although that was done within the last minute.'),
  limit: count({ minimum: 1, maximum: 1000, byDefault: 50 }, 'How many to answer at most, newest first.'),
} as const satisfies Record<string, QueryParameter<unknown>>;
export type QueryName = keyof typeof queryParameters;

/** What every change takes. */
export const changeQuery: readonly QueryName[] = ['dryRun', 'reason', 'timeout', 'wait'];

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

/** What a parameter of the call says, or its default. */
export function readParameter<Name extends QueryName>(call: Call, name: Name): ReturnType<(typeof queryParameters)[Name]['read']>;
export function readParameter(call: Call, name: QueryName): unknown {
  return queryParameters[name].read(call.query.get(name), name);
}

/** `wait=drained` is for the calls that know what drains (see `drained.ts`), and for them it includes waiting for the workers. */
export function readCommandOptions(call: Call): CommandOptions {
  const wait = readParameter(call, 'wait');
  if (wait === 'drained') throw nothingDrains('nothing is taken out or removed');
  return {
    actor: call.actor,
    reason: readParameter(call, 'reason'),
    ifRevisions: readIfMatch(call.ifMatch),
    dryRun: readParameter(call, 'dryRun'),
    timeoutMs: readParameter(call, 'timeout'),
    wait,
  };
}

/** One refusal for all calls by which nothing drains. */
export function nothingDrains(why: string): Refusal {
  return new Refusal(
    'MALFORMED',
    `Query parameter "wait": nothing drains by this call, because ${why}; it is workers or none, and not "drained".`,
  );
}

function flag(description: string): QueryParameter<boolean> {
  return {
    schema: { type: 'boolean', default: false },
    description,
    read: (given = 'false', name) => oneOf(['true', 'false'], given, name) === 'true',
  };
}

function text({ lengthMax }: { lengthMax: number }, description: string): QueryParameter<string> {
  return {
    schema: { type: 'string', maxLength: lengthMax },
    description,
    read(given = '', name) {
      if (given.length <= lengthMax) return given;
      throw new Refusal('MALFORMED', `The ${name} has ${given.length} characters; at most ${lengthMax} are kept, so shorten it.`);
    },
  };
}

function duration({ ms, msMax }: { ms: number; msMax: number }, description: string): QueryParameter<number> {
  return {
    schema: { type: 'string', default: formatDuration(ms) },
    description,
    read(given = formatDuration(ms), name) {
      const reading = readDuration(given);
      if (!reading.ok) throw new Refusal('MALFORMED', `Query parameter "${name}": ${reading.message}.`);
      if (reading.value > msMax) throw badValue(name, `a duration of at most ${formatDuration(msMax)}`, given);
      return reading.value;
    },
  };
}

/** The first choice is the default. */
function choice<const T extends string>(choices: readonly [T, ...T[]], description: string): QueryParameter<T> {
  return {
    schema: { type: 'string', enum: choices, default: choices[0] },
    description,
    read: (given = choices[0], name) => oneOf(choices, given, name),
  };
}

function count(limits: { minimum: number; maximum: number; byDefault: number }, description: string): QueryParameter<number> {
  const { minimum, maximum, byDefault } = limits;
  return {
    schema: { type: 'integer', minimum, maximum, default: byDefault },
    description,
    read(given = String(byDefault), name) {
      const number = /^[0-9]{1,9}$/.test(given) ? Number(given) : NaN;
      if (number >= minimum && number <= maximum) return number;
      throw badValue(name, `a whole number from ${minimum} to ${maximum}`, given);
    },
  };
}

function oneOf<const T extends string>(choices: readonly T[], given: string, name: string): T {
  const found = choices.find((candidate) => candidate === given);
  if (found === undefined) throw badValue(name, enumerate(choices), given);
  return found;
}

function enumerate(choices: readonly string[]): string {
  return `${choices.slice(0, -1).join(', ')} or ${choices.at(-1)}`;
}

function badValue(name: string, expected: string, got: string): Refusal {
  return new Refusal('MALFORMED', `Query parameter "${name}": expected ${expected}, found ${JSON.stringify(got)}.`);
}
