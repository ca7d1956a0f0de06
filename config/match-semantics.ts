/** When two matches take the same requests, however they are written. */
import { childPointer } from '../src/core/json.ts';
import type { OverrideMatch, RouteMatch } from '../src/core/model.ts';
import type { Findings } from './findings.ts';
import { quote } from './reading.ts';
import { readRouteMatch } from './routes.ts';
import type { OverrideMatchDocument, RouteMatchDocument } from './schema.ts';
import { readOverrideMatch } from './services.ts';

/** Field names are compared without case, so two spellings in one object are one condition with two values. */
export function checkFieldNames(headers: object | undefined, pointer: string, findings: Findings): void {
  const seen = new Set<string>();
  for (const name of Object.keys(headers ?? {})) {
    const lower = name.toLowerCase();
    if (seen.has(lower))
      findings.add(childPointer(pointer, name), `the field ${quote(lower)} stands here twice; case does not count`, 'key');
    seen.add(lower);
  }
}

/** The match, or undefined where a part of it could not be read: then it is unknown what it would take. */
export function completeRouteMatch(home: { readonly match?: unknown }): RouteMatch | undefined {
  if (!('match' in home)) return readRouteMatch({});
  return isRouteMatch(home.match) ? readRouteMatch(home.match) : undefined;
}

/** The same for overrides. */
export function completeOverrideMatch(home: { readonly match?: unknown }): OverrideMatch | undefined {
  if (!('match' in home)) return readOverrideMatch({});
  return isOverrideMatch(home.match) ? readOverrideMatch(home.match) : undefined;
}

/** Whether nothing had to be dropped. What is left has passed the schema. */
function isRouteMatch(match: unknown): match is RouteMatchDocument {
  return isComplete(match);
}

/** Of all conditions only `percent` has keys that must be there. */
function isOverrideMatch(match: unknown): match is OverrideMatchDocument {
  const { percent = { of: {}, share: '' } } = (match ?? {}) as Partial<OverrideMatchDocument>;
  return isComplete(match) && 'of' in percent && 'share' in percent;
}

function isComplete(value: unknown): boolean {
  if (value === undefined) return false;
  return typeof value !== 'object' || value === null || Object.values(value).every(isComplete);
}

/** Equal for matches that take the same requests. */
export function matchKey(match: RouteMatch | OverrideMatch): string {
  return JSON.stringify([
    match.host ?? null,
    match.path ?? null,
    match.methods.toSorted(),
    sorted(match.headers),
    sorted(match.query),
    sorted(match.cookies),
    'clients' in match ? [match.clients.toSorted(), match.percent ?? null] : [],
  ]);
}

function sorted(pairs: RouteMatch['headers']): string[] {
  return pairs.map(({ name, value }) => JSON.stringify([name, value])).toSorted();
}
