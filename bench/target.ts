import { ratio, type Round, type Summary } from './round.ts';

/** What a case has to show about Sluice, so that the page can say whether it does. */
export interface Target {
  readonly figure: 'cpuUs' | 'requestsPerSecond' | 'p50Ms' | 'p99Ms' | 'bytesPerConnection';
  /** The peer that Sluice's figure is divided by. Undefined: the figure itself counts. */
  readonly against?: string;
  /** The limit is a lower one. */
  readonly atLeast?: true;
  readonly limit: number;
  /** It cannot be shown where the proxy has one core. */
  readonly needsCores?: true;
}

export interface Verdict {
  readonly target: Target;
  /** A ratio where the target is against a peer. Undefined: one of the two was not measured, or not under these conditions. */
  readonly value: number | undefined;
  readonly isMet: boolean;
}

type Measured = Summary & { readonly peer: string };

/** `spareCores`: the proxy could have a second core. */
export function judge(target: Target, peers: readonly Measured[], spareCores: boolean): Verdict {
  const value = target.needsCores === true && !spareCores ? undefined : valueOf(target, peers);
  const isMet = value !== undefined && (target.atLeast === true ? value >= target.limit : value <= target.limit);
  return { target, value, isMet };
}

function valueOf({ figure, against }: Target, peers: readonly Measured[]): number | undefined {
  const own = peers.find(({ peer }) => peer === 'sluice');
  if (own === undefined) return undefined;
  const read = (round: Round): number => round[figure] ?? Number.NaN;
  if (against === undefined) return own.median === undefined ? undefined : own.median[figure];
  return ratio(own.rounds, peers.find(({ peer }) => peer === against)?.rounds ?? [], read);
}

const figureNames: Readonly<Record<Target['figure'], string>> = {
  cpuUs: 'CPU time per request',
  requestsPerSecond: 'requests per second',
  p50Ms: 'p50',
  p99Ms: 'p99',
  bytesPerConnection: 'memory per idle connection',
};

/** For instance "CPU time per request ≤ 1.25 × nginx", "1.17" and "met". */
export interface VerdictTexts {
  readonly claim: string;
  readonly found: string;
  readonly judgement: string;
}

export function describeVerdict({ target, value, isMet }: Verdict): VerdictTexts {
  const { figure, against, atLeast, limit, needsCores } = target;
  const write = (number: number): string => (against === undefined ? `${(number / 1024).toFixed(1)} KiB` : number.toFixed(2));
  const claim = `${figureNames[figure]} ${atLeast === true ? '≥' : '≤'} ${write(limit)}${against === undefined ? '' : ` × ${against}`}`;
  if (value === undefined) return { claim, found: '–', judgement: `not shown here${needsCores === true ? ', it needs four cores' : ''}` };
  const judgement = isMet ? 'met' : `missed by ${(Math.abs(value / limit - 1) * 100).toFixed(0)}%`;
  return { claim, found: write(value), judgement };
}
