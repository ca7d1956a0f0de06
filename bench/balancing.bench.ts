// Question: what does a pick cost by the number of targets, what when one has just closed, and what does the first pick after that cost?
// Method:   1e6 picks after warm-up (fewer where all targets are looked at), each counted at its target and one of the last 64 ended;
//           median of 9 runs. "closed" is a pick after one target has closed; "first" the one that closes or opens a target, in µs.
import { createBalancer } from '../src/core/balancing.ts';
import type { Candidate } from '../src/core/balancing/balancer.ts';
import { mixBits } from '../src/core/hash.ts';
import type { Balance } from '../src/core/model.ts';
import { PeakEwma } from '../src/core/peak-ewma.ts';
import { medianNanoseconds } from './micro.ts';

class BenchTarget implements Candidate {
  readonly id: string;
  readonly weight: number;
  open = true;
  inFlight = 0;
  inFlightMax = Infinity;
  readonly latency = new PeakEwma();

  constructor(id: string, weight: number) {
    this.id = id;
    this.weight = weight;
    this.latency.observe(10, 0);
  }

  get hasRoom(): boolean {
    return this.inFlight < this.inFlightMax;
  }

  shareNow(): number {
    return 1;
  }

  latencyMs(nowMs: number): number {
    return this.latency.at(nowMs);
  }
}

const balances: readonly Balance[] = [
  { kind: 'round-robin' },
  { kind: 'least-requests' },
  { kind: 'p2c-ewma' },
  { kind: 'random' },
  { kind: 'hash', key: { from: 'address' } },
];

function measure(balance: Balance, count: number, weightOf: (index: number) => number): string {
  const targets = Array.from({ length: count }, (_, index) => new BenchTarget(`10.0.${index >> 8}.${index & 255}:8080`, weightOf(index)));
  const balancer = createBalancer(balance, targets, 0);
  const running: (BenchTarget | undefined)[] = Array.from({ length: 64 }, () => undefined);
  let request = 0;
  const run = (times: number) => {
    for (let round = 0; round < times; round++) {
      request++;
      const place = request & 63;
      const ended = running[place];
      if (ended !== undefined) ended.inFlight--;
      const picked = balancer.pick(mixBits(request), 100 * Math.floor(request / 10_000), Math.random);
      if (picked !== undefined) picked.inFlight++;
      running[place] = picked;
    }
  };
  const built = medianOnce(1, () => run(1));
  const times = balance.kind === 'least-requests' ? Math.min(1_000_000, 20_000_000 / count) : 1_000_000;
  const open = medianNanoseconds(times, run);
  const first = medianOnce(20, () => {
    targets[count >> 1]!.open = !targets[count >> 1]!.open;
    balancer.refresh();
    run(1);
  });
  targets[count >> 1]!.open = false;
  balancer.refresh();
  const closed = count > 1 ? medianNanoseconds(times, run).toFixed(1) : '–';
  const columns = [open.toFixed(1), closed, first.toFixed(1), built.toFixed(0)].map((column) => column.padStart(9));
  return `${balance.kind.padEnd(15)} ${String(count).padStart(6)} ${columns.join(' ')}`;
}

/** The median of single runs, in µs. */
function medianOnce(runs: number, run: () => void): number {
  const took = Array.from({ length: runs }, () => {
    const start = process.hrtime.bigint();
    run();
    return Number(process.hrtime.bigint() - start) / 1000;
  });
  return took.toSorted((a, b) => a - b)[runs >> 1]!;
}

for (const [name, weightOf] of [
  ['equal weights', () => 1],
  ['weights of 1 to 1000', (index: number) => 1 + ((index * 7919) % 1000)],
] as const) {
  console.log(`${name.padEnd(22)}  open ns closed ns  first µs  built µs`);
  for (const balance of balances) for (const count of [1, 10, 100, 10_000]) console.log(measure(balance, count, weightOf));
}
