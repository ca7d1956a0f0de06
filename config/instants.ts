/** Points in time as people and programs type them. */
import type { Json } from '../src/core/json.ts';
import { read, unreadable, type Reading } from './reading.ts';

/** For the published schema; {@link readInstant} decides. */
export const instantPattern = '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}:[0-9]{2})$';

const expected = 'an instant such as "2026-05-01T12:00:00Z"';

/**
 * `2026-05-01T12:00:00Z`, `2026-05-01T14:00+02:00` → ms since the epoch. ISO 8601 in the profile of RFC 3339, seconds optional; the zone
 * is not, because what is written on one machine is read on another.
 */
export function readInstant(value: Json): Reading<number> {
  if (typeof value !== 'string') return unreadable(expected, value, typeof value === 'number' ? epochHint(value) : '');
  const ms = instantOf(value);
  return ms === undefined ? unreadable(expected, value, instantHint(value)) : read(ms);
}

const parts = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2})(?::(\d{2})(\.\d{1,9})?)?(?:Z|([+-])(\d{2}):(\d{2}))$/;

function instantOf(text: string): number | undefined {
  const match = parts.exec(text);
  if (match === null) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map((digits) => Number(digits ?? 0)) as Six;
  const [offsetHour, offsetMinute] = [Number(match[9] ?? 0), Number(match[10] ?? 0)];
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  // A 30th of February would silently become the 2nd of March.
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined;
  if (hour > 23 || minute > 59 || second > 59 || offsetHour > 23 || offsetMinute > 59) return undefined;
  const offset = (match[8] === '-' ? -1 : 1) * (offsetHour * 60 + offsetMinute);
  return date.getTime() + ((hour * 60 + minute - offset) * 60 + second) * 1000 + Number((match[7] ?? '.0').slice(1, 4).padEnd(3, '0'));
}

type Six = [number, number, number, number, number, number];

function instantHint(text: string): string {
  if (/^[0-9]+(ms|s|m|h|d)$/.test(text)) return 'a length of time goes under timeouts.drain';
  const tidy = text
    .trim()
    .toUpperCase()
    .replace(/^([0-9-]{10})\s+/, '$1T')
    .replace(/\s+(?=[Z+-])/, '');
  if (instantOf(tidy) !== undefined) return `write "${tidy}"`;
  const inUtc = /^[0-9-]{10}$/.test(tidy) ? `${tidy}T00:00:00Z` : `${tidy}Z`;
  return instantOf(inUtc) === undefined ? '' : `the time zone is missing; write "${inUtc}" for UTC`;
}

/** Programs like to count from 1970, in seconds or in milliseconds; both are guessed for this century only. */
function epochHint(value: number): string {
  const ms = value >= 1e12 ? value : value * 1000;
  return ms >= 1e12 && ms < 4e12 ? `write "${new Date(ms).toISOString()}"` : '';
}
