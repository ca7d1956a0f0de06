import { describe, expect, test } from 'vitest';
import { failedRound, summarise, type Round } from '../../bench/round.ts';
import { describeVerdict, judge, type Target } from '../../bench/target.ts';

function roundsOf(peer: string, figures: readonly Partial<Round>[]) {
  return { peer, ...summarise(figures.map((figure) => ({ ...failedRound, errors: 0, requests: 1000, ...figure }))) };
}

function textOf(target: Target, ...peers: readonly ReturnType<typeof roundsOf>[]): string {
  const { claim, found, judgement } = describeVerdict(judge(target, peers, false));
  return `${claim}: ${judgement} (${found})`;
}

const cpu: Target = { figure: 'cpuUs', against: 'nginx', limit: 1.25 };

describe('a target', () => {
  test('is judged by the median of the ratios within each round, not by the ratio of the medians', () => {
    const sluice = roundsOf('sluice', [{ cpuUs: 12 }, { cpuUs: 120 }, { cpuUs: 24 }]);
    const nginx = roundsOf('nginx', [{ cpuUs: 10 }, { cpuUs: 100 }, { cpuUs: 10 }]);
    expect(textOf(cpu, nginx, sluice)).toBe('CPU time per request ≤ 1.25 × nginx: met (1.20)');
  });

  test('that is missed says by how much', () => {
    const peers = [roundsOf('sluice', [{ cpuUs: 15, requestsPerSecond: 90 }]), roundsOf('nginx', [{ cpuUs: 10, requestsPerSecond: 100 }])];
    expect(textOf(cpu, ...peers)).toBe('CPU time per request ≤ 1.25 × nginx: missed by 20% (1.50)');
    const rate: Target = { figure: 'requestsPerSecond', against: 'nginx', limit: 1.8, atLeast: true };
    expect(textOf(rate, ...peers)).toBe('requests per second ≥ 1.80 × nginx: missed by 50% (0.90)');
  });

  test('of a figure by itself needs no yardstick', () => {
    const target: Target = { figure: 'bytesPerConnection', limit: 12 * 1024 };
    const sluice = roundsOf('sluice', [
      { bytesPerConnection: 6 * 1024 },
      { bytesPerConnection: 5 * 1024 },
      { bytesPerConnection: 13 * 1024 },
    ]);
    expect(textOf(target, sluice)).toBe('memory per idle connection ≤ 12.0 KiB: met (6.0 KiB)');
  });

  test('is not judged where one of the two is missing, every round failed, or cores are', () => {
    const sluice = roundsOf('sluice', [{ cpuUs: 12 }]);
    expect(textOf(cpu, sluice)).toMatch('not shown here');
    expect(textOf(cpu, sluice, roundsOf('nginx', [{ cpuUs: 10, errors: 3 }]))).toMatch('not shown here');
    expect(textOf({ ...cpu, needsCores: true }, sluice, roundsOf('nginx', [{ cpuUs: 10 }]))).toMatch('it needs four cores');
  });
});
