import type { Balancer, Candidate } from '../../src/core/balancing/balancer.ts';

/** A candidate all of whose answers are plain fields. */
export class PlainCandidate implements Candidate {
  readonly id: string;
  weight = 1;
  open = true;
  inFlight = 0;
  inFlightMax = Infinity;
  /** A number, or what it is at a time. */
  share: number | ((nowMs: number) => number) = 1;
  latency: number | ((nowMs: number) => number) = 0;

  constructor(id: string, fields: Partial<PlainCandidate> = {}) {
    this.id = id;
    Object.assign(this, fields);
  }

  get hasRoom(): boolean {
    return this.inFlight < this.inFlightMax;
  }

  shareNow(nowMs: number): number {
    return typeof this.share === 'number' ? this.share : this.share(nowMs);
  }

  latencyMs(nowMs: number): number {
    return typeof this.latency === 'number' ? this.latency : this.latency(nowMs);
  }
}

/** One candidate for each set of fields. */
export function candidatesWith(...each: readonly Partial<PlainCandidate>[]): PlainCandidate[] {
  return each.map((fields, index) => new PlainCandidate(`target-${index}`, fields));
}

export function equalCandidates(count: number): PlainCandidate[] {
  return candidatesWith(...Array.from({ length: count }, () => ({})));
}

/** Deterministic pseudo-random numbers, so that a failure can be replayed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Of `picks` requests that are over before the next comes, how many each candidate had. */
export function countsOf(
  balancer: Balancer<PlainCandidate>,
  candidates: readonly PlainCandidate[],
  picks: number,
  { random = randomFrom(1), nowMs = 0 }: { random?: () => number; nowMs?: number } = {},
): number[] {
  const counts = candidates.map(() => 0);
  for (let pick = 0; pick < picks; pick++) counts[candidates.indexOf(balancer.pick(-1, nowMs, random)!)]! += 1;
  return counts;
}

/** So many clients, each of which sends its next request when its last is over; requests end in any order. */
export function runClients(
  balancer: Balancer<PlainCandidate>,
  clients: number,
  requests: number,
  afterEach: () => void = () => {},
  random: () => number = randomFrom(1),
): void {
  const running: PlainCandidate[] = [];
  for (let request = 0; request < requests; request++) {
    if (running.length === clients) running.splice(Math.floor(random() * clients), 1)[0]!.inFlight -= 1;
    const picked = balancer.pick(-1, 0, random)!;
    picked.inFlight += 1;
    running.push(picked);
    afterEach();
  }
}

export function weightSum(candidates: readonly PlainCandidate[]): number {
  return candidates.reduce((sum, { weight }) => sum + weight, 0);
}
