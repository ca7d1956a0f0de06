import { expect, test } from 'vitest';
import { delayRestart } from '../../src/core/restart-delay.ts';

test.each([
  { before: 0, livedMs: 60_000, earlyDeaths: 0, delayMs: 0 }, // an accident: replaced at once
  { before: 9, livedMs: 5000, earlyDeaths: 0, delayMs: 0 }, // it has recovered: the series is forgotten
  { before: 0, livedMs: 4999, earlyDeaths: 1, delayMs: 0 },
  { before: 1, livedMs: 100, earlyDeaths: 2, delayMs: 250 },
  { before: 2, livedMs: 100, earlyDeaths: 3, delayMs: 500 },
  { before: 3, livedMs: 100, earlyDeaths: 4, delayMs: 1000 },
  { before: 7, livedMs: 100, earlyDeaths: 8, delayMs: 16_000 },
  { before: 8, livedMs: 100, earlyDeaths: 9, delayMs: 30_000 },
  { before: 5000, livedMs: 0, earlyDeaths: 5001, delayMs: 30_000 }, // it stays finite
])('after $before early deaths, one that lived $livedMs ms is replaced in $delayMs ms', ({ before, livedMs, ...expected }) => {
  expect(delayRestart(before, livedMs)).toEqual(expected);
});
