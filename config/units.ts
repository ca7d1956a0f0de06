/** Durations, sizes and percentages as people type them. */
import type { Json } from '../src/core/json.ts';
import { read, unreadable, type Reading } from './reading.ts';

/** For the published schema; {@link readDuration} decides. */
export const durationPattern = '^[0-9]{1,12}(ms|s|m|h|d)$';
/** A duration that may not be 0. */
export const positiveDurationPattern = '^0*[1-9][0-9]{0,11}(ms|s|m|h|d)$';
export const sizePattern = '^[0-9]{1,15}(B|KiB|MiB|GiB)$';
/** Six digits behind the point: one in a hundred million, which is finer than anybody counts. */
export const percentPattern = '^(100(\\.0{1,6})?|[0-9]{1,2}(\\.[0-9]{1,6})?)%$';

const millisecondsPer: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Longer is a typing error, and timers that hold it stay far from the limits of their integers. */
export const durationMsMax = 365 * 86_400_000;

const bytesPer: Readonly<Record<string, number>> = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };

/** 1 TiB: beyond any head or body that a limit is for, and exact as a number. */
export const sizeBytesMax = 1024 ** 4;

/** `250ms`, `30s`, `10m`, `24h`, `7d` → milliseconds. */
export function readDuration(value: Json): Reading<number> {
  const expected = 'a duration such as 30s';
  if (typeof value === 'number') {
    return unreadable(
      expected,
      value,
      Number.isInteger(value) && value >= 0 ? `write ${value}s for seconds or ${value}ms for milliseconds` : '',
    );
  }
  if (typeof value !== 'string') return unreadable(expected, value);
  const match = /^([0-9]+)(ms|s|m|h|d)$/.exec(value);
  if (match === null) return unreadable(expected, value, durationHint(value));
  const ms = Number(match[1]) * millisecondsPer[match[2]!]!;
  return ms > durationMsMax || match[1]!.length > 12
    ? unreadable(`a duration of at most ${formatDuration(durationMsMax)}`, value)
    : read(ms);
}

/** Like {@link readDuration}, for what cannot be switched off. */
export function readPositiveDuration(value: Json): Reading<number> {
  const reading = readDuration(value);
  return reading.ok && reading.value === 0 ? unreadable('a duration longer than 0', value, 'this limit cannot be switched off') : reading;
}

/** The shortest exact way to write a whole number of milliseconds. */
export function formatDuration(ms: number): string {
  if (ms === 0) return '0s';
  const unit = ['d', 'h', 'm', 's'].find((candidate) => Number.isInteger(ms / millisecondsPer[candidate]!)) ?? 'ms';
  return `${ms / millisecondsPer[unit]!}${unit}`;
}

/** `512B`, `64KiB`, `16MiB`, `1GiB` → bytes. */
export function readSize(value: Json): Reading<number> {
  const expected = 'a size such as 64KiB';
  if (typeof value === 'number') {
    return unreadable(expected, value, Number.isInteger(value) && value >= 0 ? `write ${formatSize(value)} for ${value} bytes` : '');
  }
  if (typeof value !== 'string') return unreadable(expected, value);
  const match = /^([0-9]+)(B|KiB|MiB|GiB)$/.exec(value);
  if (match === null) return unreadable(expected, value, sizeHint(value));
  const bytes = Number(match[1]) * bytesPer[match[2]!]!;
  return bytes > sizeBytesMax || match[1]!.length > 15 ? unreadable(`a size of at most ${formatSize(sizeBytesMax)}`, value) : read(bytes);
}

/** Like {@link readSize}; also takes a bare `0`, which means no limit. */
export function readSizeLimit(value: Json): Reading<number> {
  if (value === 0) return read(0);
  const reading = readSize(value);
  return reading.ok
    ? reading
    : { ok: false, message: reading.message.replace('a size such as 64KiB', 'a size such as 64KiB, or 0 for no limit') };
}

/** The shortest exact way to write a number of bytes. */
export function formatSize(bytes: number): string {
  if (bytes === 0) return '0B';
  const unit = ['GiB', 'MiB', 'KiB'].find((candidate) => Number.isInteger(bytes / bytesPer[candidate]!)) ?? 'B';
  return `${bytes / bytesPer[unit]!}${unit}`;
}

const percent = new RegExp(percentPattern);

/** `10%`, `0.5%` → the share, 0 to 1. */
export function readPercent(value: Json): Reading<number> {
  const expected = 'a percentage such as 10% or 0.5%';
  if (typeof value === 'number') return unreadable(expected, value, percentOrShareHint(value));
  if (typeof value !== 'string') return unreadable(expected, value);
  if (percent.test(value)) return read(shareOf(Number(value.slice(0, -1))));
  const bare = /^\s*([0-9]{1,12}(?:[.,][0-9]{1,12})?)\s*%?\s*$/.exec(value)?.[1]?.replace(',', '.');
  if (bare !== undefined && Number(bare) > 100) return unreadable('a percentage from 0% to 100%', value);
  return unreadable(expected, value, bare === undefined ? '' : percentHint(Number(bare)));
}

/** Like {@link readPercent}; a bare number counts as percent too. */
export function readPercentOrNumber(value: Json): Reading<number> {
  const expected = 'a percentage such as 10 or "0.5%"';
  if (typeof value === 'number') return value >= 0 && value <= 100 ? read(shareOf(value)) : unreadable('a percentage from 0 to 100', value);
  const reading = readPercent(value);
  return reading.ok ? reading : { ok: false, message: reading.message.replace('a percentage such as 10% or 0.5%', expected) };
}

/** Rounded to what was typed: 0.7 / 100 alone is 0.006999999999999999. */
function shareOf(amount: number): number {
  return Number((amount / 100).toPrecision(12));
}

/** Whoever leaves the sign out may count from 0 to 1. */
function percentOrShareHint(amount: number): string {
  if (amount <= 0 || amount >= 1) return percentHint(amount);
  return `${percentHint(amount * 100)}, or ${Number(amount.toFixed(6))}% if so little is meant`;
}

function percentHint(amount: number): string {
  const text = `${Number(amount.toFixed(6))}%`;
  return percent.test(text) ? `write ${text}` : '';
}

const durationAliases: readonly (readonly [string, RegExp])[] = [
  ['ms', /^(ms|msecs?|millis|milliseconds?)$/i],
  ['s', /^(s|secs?|seconds?)$/i],
  ['m', /^(m|mins?|minutes?)$/i],
  ['h', /^(h|hrs?|hours?)$/i],
  ['d', /^(d|days?)$/i],
];

/** What to type instead of `1h30m`, `1.5s`, `30 sec`, `5S` or `30`. */
function durationHint(text: string): string {
  const usage = 'a whole number followed by ms, s, m, h or d';
  if (text.length === 0 || text.length > 40) return usage;
  if (/^[0-9]+$/.test(text)) return `write ${text}s for seconds or ${text}ms for milliseconds`;
  let total = 0;
  const rest = text.replace(/\s*([0-9]+(?:\.[0-9]+)?)\s*([a-z]+)\s*/giy, (part: string, amount: string, name: string) => {
    const unit = durationAliases.find(([, names]) => names.test(name))?.[0];
    if (unit === undefined) return part;
    total += Number(amount) * millisecondsPer[unit]!;
    return '';
  });
  const exact = rest === '' && Number.isInteger(total) && total <= durationMsMax;
  return exact ? `write ${formatDuration(total)}` : usage;
}

/** `64k` is 64,000 bytes to some and 65,536 to others, so both ways to write it are shown. */
function sizeHint(text: string): string {
  const usage = 'a whole number followed by B, KiB, MiB or GiB';
  const match = /^([0-9]{1,12})(?:\s*([kmg]?)(i?)(b?))?$/i.exec(text.trim());
  if (match === null) return usage;
  const amount = Number(match[1]);
  const letter = (match[2] ?? '').toUpperCase();
  if (letter === '') return `write ${formatSize(amount)} for ${amount} bytes`;
  const unit = `${letter}iB`;
  if (match[3] !== '') return `write ${amount}${unit}`;
  const decimal = amount * 1000 ** ('KMG'.indexOf(letter) + 1);
  const binary = amount * bytesPer[unit]!;
  return `write ${amount}${unit} for ${binary} bytes or ${decimal}B for ${decimal} bytes`;
}
