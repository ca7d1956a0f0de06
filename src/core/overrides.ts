/**
 * Overrides: requests whose pool is forced, whatever weights and cookies say. The first whose conditions all hold decides.
 *
 * A percentage is one of values, not of requests: who is in it stays in it, raising the share only adds, and neither the order of the
 * overrides nor their other conditions change who it is. Overrides of one service that go by the same key count the same people in the same
 * order, so 10% followed by 20% gives each of the two a tenth.
 */
import { hashText } from './hash.ts';
import type { OverrideMatch, RequestKey, RouteMatch } from './model.ts';
import { compileNetworks, containsAddress, type Networks } from './networks.ts';
import { routablePath } from './path.ts';
import { readKey } from './request-key.ts';
import { conditionsHold, type RouteSubject } from './routes.ts';
import { serviceSeed } from './slots.ts';

/** Overrides made ready for the hot path. */
export interface OverrideTable {
  readonly rules: readonly Rule[];
}

interface Rule {
  readonly match: OverrideMatch;
  readonly pool: number;
  /** Undefined: any client. */
  readonly networks: Networks | undefined;
  readonly part: Part | undefined;
}

/** Some of the values of a key: those whose hash is below the bound. */
interface Part {
  readonly of: RequestKey;
  readonly seed: number;
  /** 0 … 2³²: the share of all hashes. */
  readonly below: number;
}

/** @param salt the service's id: so that ten percent of one service are not the ten percent of another */
export function compileOverrides(
  overrides: readonly { readonly match: OverrideMatch; readonly pool: number }[],
  salt: string,
): OverrideTable {
  const seed = serviceSeed(salt);
  return { rules: overrides.map(({ match, pool }) => compileRule(match, pool, seed)) };
}

/** The pool that the first matching override forces, or -1. */
export function matchOverride({ rules }: OverrideTable, subject: RouteSubject, clientAddress: string): number {
  for (const rule of rules) if (isMatch(rule, subject, clientAddress)) return rule.pool;
  return -1;
}

function compileRule(match: OverrideMatch, pool: number, seed: number): Rule {
  const { clients, percent } = match;
  return {
    match,
    pool,
    networks: clients.length === 0 ? undefined : compileNetworks(clients),
    part: percent && { of: percent.of, seed: hashText(keyText(percent.of), seed), below: percent.share * 2 ** 32 },
  };
}

/** Tells keys apart, whatever their names. Without it, whoever is in ten percent by one key would be so by another of the same value. */
function keyText(key: RequestKey): string {
  const name = 'name' in key ? key.name : 'claim' in key ? key.claim : '';
  return `${key.from} ${name}`;
}

/** What costs least is asked first. */
function isMatch({ match, networks, part }: Rule, subject: RouteSubject, clientAddress: string): boolean {
  return (
    (match.host === undefined || isHost(match.host, subject.host)) &&
    (match.path === undefined || isPath(match.path, routablePath(subject.path))) &&
    (networks === undefined || containsAddress(networks, clientAddress)) &&
    conditionsHold(match, subject) &&
    (part === undefined || isPart(part, readKey(part.of, subject, clientAddress)))
  );
}

function isHost({ kind, value }: NonNullable<RouteMatch['host']>, host: string): boolean {
  // A suffix wants at least one label in front of it.
  return kind === 'exact' ? host === value : host.endsWith(value) && host.at(-value.length - 1) === '.';
}

function isPath({ kind, value }: NonNullable<RouteMatch['path']>, path: string): boolean {
  if (kind === 'exact') return path === value;
  return value === '' || (path.startsWith(value) && (path.length === value.length || path.charAt(value.length) === '/'));
}

function isPart({ seed, below }: Part, value: string | undefined): boolean {
  return value !== undefined && hashText(value, seed) < below;
}
