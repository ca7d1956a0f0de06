import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { clientRegisters, countClients, noteClient } from '../../src/core/clients.ts';
import { emptyWindow, noteCounts, observedShares, observedStepMs, observedWindowMs, type ObservedWindow } from '../../src/core/observed.ts';
import type { WorkerReport } from '../../src/core/reports.ts';

/** What the fleet has counted: requests by pool of one service, and perhaps who came. */
function totals(picked: Readonly<Record<string, number>>, clients: Readonly<Record<string, Uint8Array>> = {}): WorkerReport {
  const pools = Object.entries(picked).map(([id, count]) => ({
    id,
    targets: [],
    durations: { counts: [], sumMs: 0 },
    picked: count,
    queued: 0,
    clients: clients[id],
  }));
  const service = { id: 'demo', pools, retries: 0, retriesRefused: 0, rescued: 0, decisions: {}, mirrors: [] };
  return { revision: 1, connections: 0, acceptPauses: 0, inFlight: 0, services: [service], terminations: {} };
}

function requests(window: ObservedWindow, now: WorkerReport, nowMs: number): unknown {
  return Object.fromEntries([...observedShares(window, now, nowMs).get('demo')!].map(([id, share]) => [id, share.requests]));
}

/** The window after these counts, one every second from 0 on. */
function afterSeconds(counts: readonly Readonly<Record<string, number>>[]): ObservedWindow {
  return counts.reduce((window, picked, second) => noteCounts(window, totals(picked), second * 1000), emptyWindow);
}

test('what was counted since the start of the window is shared out, up to this moment', () => {
  const window = afterSeconds([{ blue: 1000, green: 0 }]);
  expect(requests(window, totals({ blue: 1090, green: 10 }), 500)).toEqual({ blue: 0.9, green: 0.1 });
});

test('right after a start nothing is known, however much has been counted before', () => {
  expect(requests(emptyWindow, totals({ blue: 1000, green: 500 }), 0)).toEqual({ blue: undefined, green: undefined });
});

test('without a request there is no share', () => {
  const window = afterSeconds([{ blue: 1000, green: 500 }]);
  expect(requests(window, totals({ blue: 1000, green: 500 }), 30_000)).toEqual({ blue: undefined, green: undefined });
});

test('what is older than the window does not count', () => {
  // All to blue for two minutes, then all to green for one.
  const counts = Array.from({ length: 181 }, (_, second) => ({ blue: Math.min(second, 120) * 10, green: Math.max(0, second - 120) * 10 }));
  const window = afterSeconds(counts);
  expect(requests(window, totals(counts[180]!), 180_000)).toEqual({ blue: 0, green: 1 });
  const halfway = afterSeconds(counts.slice(0, 151));
  expect(requests(halfway, totals(counts[150]!), 150_000)).toEqual({ blue: 0.5, green: 0.5 });
});

test('a pool that is new has all of its requests in the window, and one that came back does not count backwards', () => {
  const window = afterSeconds([{ blue: 100, old: 50 }]);
  expect(requests(window, totals({ blue: 110, old: 5, red: 10 }), 1000)).toEqual({ blue: 0.5, old: 0, red: 0.5 });
});

test('a clock that is set back begins anew and does not keep moments of the future', () => {
  const window = afterSeconds([{ blue: 100 }, { blue: 200 }]);
  const moved = noteCounts(window, totals({ blue: 300, green: 0 }), -100_000);
  expect(requests(moved, totals({ blue: 301, green: 1 }), -99_000)).toEqual({ blue: 0.5, green: 0.5 });
  expect(moved.counts).toHaveLength(1);
});

test('shares are as exact as plain counting over at least 55 s of the last 60, in bounded memory', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(9), fc.nat(9)), { minLength: 1, maxLength: 200, size: 'max' }), (perSecond) => {
      const counts = perSecond.map(() => ({ blue: 0, green: 0 }));
      for (const [second, [blue, green]] of perSecond.entries()) {
        const before = counts[second - 1] ?? { blue: 0, green: 0 };
        counts[second] = { blue: before.blue + blue, green: before.green + green };
      }
      const window = afterSeconds(counts);
      const last = counts.length - 1;
      const found = requests(window, totals(counts[last]!), last * 1000);
      // The oldest moment kept is some multiple of the step within the window, or the very first.
      const base = counts.findIndex(
        (_, second) => (second * 1000) % observedStepMs === 0 && second * 1000 >= last * 1000 - observedWindowMs,
      );
      expect(last - base <= 60 && (base === 0 || last - base > 55)).toBe(true);
      const [blue, green] = [counts[last]!.blue - counts[base]!.blue, counts[last]!.green - counts[base]!.green];
      expect(found).toEqual(
        blue + green === 0 ? { blue: undefined, green: undefined } : { blue: blue / (blue + green), green: green / (blue + green) },
      );
      expect(window.counts.length).toBeLessThanOrEqual(observedWindowMs / observedStepMs + 1);
    }),
    { numRuns: 50 },
  );
});

describe('clients', () => {
  const sketchOf = (from: number, to: number): Uint8Array => {
    const registers = new Uint8Array(clientRegisters);
    for (let id = from; id < to; id++) noteClient(registers, Math.imul(id, 0x9e3779b1) >>> 0);
    return registers;
  };

  test('are shared out by how many different ones were seen', () => {
    const clients = { blue: sketchOf(0, 900), green: sketchOf(900, 1000) };
    const shares = observedShares(emptyWindow, totals({ blue: 0, green: 0 }, clients), 0).get('demo')!;
    const total = countClients(clients.blue) + countClients(clients.green);
    expect(shares.get('green')!.clients).toBe(countClients(clients.green) / total);
    expect(Math.abs(shares.get('green')!.clients! - 0.1)).toBeLessThan(0.02);
  });

  test('that are not told apart have no share', () => {
    const shares = observedShares(afterSeconds([{ blue: 0 }]), totals({ blue: 10 }), 1000).get('demo')!;
    expect(shares.get('blue')).toEqual({ requests: 1, clients: undefined });
  });
});
