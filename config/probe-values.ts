/** What a probe sends and expects, as people type it. */
import { isIPv6 } from 'node:net';
import type { Json } from '../src/core/json.ts';
import type { HealthCheck } from '../src/core/model.ts';
import { isHostName } from './addresses.ts';
import { quote, read, unreadable, type Reading } from './reading.ts';

/** Patterns for the published schema; the readers below decide. */
export const statusRangesPattern = '^[1-5][0-9]{2}(-[1-5][0-9]{2})?(, ?[1-5][0-9]{2}(-[1-5][0-9]{2})?)*$';
export const probePathPattern = '^/[!-"$-~]*$';
export const hostFieldPattern = '^[^/@\\s]+$';

const statusRanges = new RegExp(statusRangesPattern);
const probePath = new RegExp(probePathPattern);

/** `200-299`, `200,204`, `200-299,304` → ranges, both ends included. */
export function readStatusRanges(value: Json): Reading<HealthCheck['status']> {
  const expected = 'status codes such as "200-299" or "200,204"';
  if (typeof value === 'number') return unreadable(expected, value, statusRanges.test(String(value)) ? `put it in quotes: "${value}"` : '');
  if (typeof value !== 'string') return unreadable(expected, value);
  if (!statusRanges.test(value)) return unreadable(expected, value, statusHint(value));
  const ranges = value.split(',').map((part) => {
    const [from, to = from] = part.trim().split('-').map(Number);
    return { from: from!, to: to! };
  });
  const reversed = ranges.find(({ from, to }) => from > to);
  return reversed === undefined ? read(ranges) : unreadable(expected, value, `write ${reversed.to}-${reversed.from}`);
}

/** `2xx` and white space are what people write elsewhere. */
function statusHint(text: string): string {
  const tidy = text.replace(/\s+/g, '').replace(/([1-5])xx/gi, '$100-$199');
  return statusRanges.test(tidy) ? `write ${quote(tidy)}` : 'codes are from 100 to 599';
}

/** A path with its query, as it is sent. */
export function readProbePath(value: Json): Reading<string> {
  const expected = 'a path such as "/healthz"';
  if (typeof value !== 'string') return unreadable(expected, value);
  if (probePath.test(value)) return read(value);
  if (value.includes('://')) return unreadable(expected, value, 'write the path alone');
  if (value.includes('#')) return unreadable(expected, value, 'the part after # never reaches a server');
  if (probePath.test(`/${value}`)) return unreadable(expected, value, `it begins with a slash; write ${quote(`/${value}`)}`);
  const encoded = value.isWellFormed() ? encodeURI(value).replaceAll('%25', '%') : '';
  return unreadable(expected, value, probePath.test(encoded) ? `write it percent-encoded: ${quote(encoded)}` : '');
}

/** A Host field: a name or an address, with a port if need be. */
export function readHostField(value: Json): Reading<string> {
  const expected = 'a host such as "shop.example" or "shop.example:8080"';
  if (typeof value !== 'string') return unreadable(expected, value);
  if (value.includes('://')) return unreadable(expected, value, 'write the host alone, without scheme and path');
  if (isIPv6(value)) return unreadable(expected, value, `an IPv6 address needs brackets; write "[${value}]"`);
  const match = /^(\[[^\]]*\]|[^:[\]]*)(?::([0-9]{1,5}))?$/.exec(value);
  if (match === null) return unreadable(expected, value);
  const bracketed = match[1]!.startsWith('[');
  const host = bracketed ? match[1]!.slice(1, -1) : match[1]!;
  const port = Number(match[2] ?? 80);
  const ok = (bracketed ? isIPv6(host) : true) && isHostName(host) && port > 0 && port <= 65_535;
  return ok ? read(value) : unreadable(expected, value);
}
