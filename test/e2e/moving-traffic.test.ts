import { expect, test, type TestContext } from 'vitest';
import { ClosedLoop, type Answer } from '../support/closed-loop.ts';
import { eventually, type SluiceProcess, startSluice } from '../support/process.ts';
import { startApp } from './app.ts';

const pools = ['blue', 'green', 'canary'];
const connections = 64;
const workers = 2;
type Weights = Readonly<Record<string, number>>;

/** Mulberry32, so that a run can be repeated: the seed is in the test's name. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

/** Books every request: which revision was acknowledged when it was sent, which one answered it, and from which pool. */
class Books {
  readonly weightsOf = new Map<number, Weights>();
  readonly counts = new Map<number, Record<string, number>>();
  readonly complaints: string[] = [];
  acknowledged = 1;
  answers = 0;
  #waiting: { until: number; resolve: () => void } | undefined;

  readonly ledger = {
    onSend: () => this.acknowledged,
    onAnswer: (answer: Answer, sentAfter: number) => this.#book(answer, sentAfter),
    onError: (what: string) => void this.complaints.push(what),
  };

  /** Resolves when so many more answers have come. */
  more(answers: number): Promise<void> {
    return new Promise((resolve) => (this.#waiting = { until: this.answers + answers, resolve }));
  }

  #book({ status, revision, pool, body }: Answer, sentAfter: number): void {
    this.answers++;
    if (status !== 200 || body !== pool) this.complaints.push(`${status} from ${pool}: ${body}`);
    if (revision < sentAfter) this.complaints.push(`sent after revision ${sentAfter} was acknowledged, handled by ${revision}`);
    const counts = this.counts.get(revision) ?? {};
    this.counts.set(revision, counts);
    counts[pool] = (counts[pool] ?? 0) + 1;
    if (this.#waiting !== undefined && this.answers >= this.#waiting.until) {
      const { resolve } = this.#waiting;
      this.#waiting = undefined;
      resolve();
    }
  }

  /** What does not fit the weights: by revision, every pool's count lies within two per worker of its share. */
  misfits(): string[] {
    return [...this.counts].flatMap(([revision, counts]) => {
      const weights = this.weightsOf.get(revision);
      if (weights === undefined) return [`no change made revision ${revision}`];
      const total = pools.reduce((sum, pool) => sum + (weights[pool] ?? 0), 0);
      const requests = Object.values(counts).reduce((sum, count) => sum + count, 0);
      return pools
        .filter((pool) => {
          const count = counts[pool] ?? 0;
          const weight = weights[pool] ?? 0;
          return weight === 0 ? count > 0 : Math.abs(count - (requests * weight) / total) > 2 * workers;
        })
        .map((pool) => `revision ${revision}: ${pool} had ${counts[pool] ?? 0} of ${requests} at ${JSON.stringify(weights)}`);
    });
  }
}

async function startShop(t: TestContext): Promise<SluiceProcess> {
  const targets = await Promise.all(pools.map(async (pool) => [pool, { targets: [(await startApp(t, pool)).url] }] as const));
  const document = { services: { shop: { pools: Object.fromEntries(targets), weights: { blue: 1 }, debugHeaders: true } } };
  return startSluice(t, { document, workers });
}

/** One random change through the API; returns when it was acknowledged. */
async function change(sluice: SluiceProcess, books: Books, random: (below: number) => number): Promise<void> {
  const before = books.weightsOf.get(books.acknowledged)!;
  const chosen = pools[random(pools.length)]!;
  const sum = Object.values(before).reduce((total, weight) => total + weight, 0);
  const drawn = Object.fromEntries(pools.map((pool) => [pool, random(3) === 0 ? 0 : random(100)]));
  drawn[chosen]! += 1;
  const switching = random(4) === 0;
  const after = switching ? { [chosen]: sum } : drawn;
  // Known before it can be seen: the next revision's number.
  books.weightsOf.set(books.acknowledged + 1, after);
  const { status, body } = switching
    ? await sluice.api('POST', '/v1/services/shop/switch', { to: chosen })
    : await sluice.api('PUT', '/v1/services/shop/weights', drawn);
  if (status !== 200) throw new Error(`${status}: ${JSON.stringify(body)}`);
  if (body.changed === true) expect(body.revision).toBe(books.acknowledged + 1);
  books.acknowledged = body.revision as number;
}

test('200 moves and switches under 64 busy connections: no error, no late pool, every count as its weights say', async (t) => {
  const sluice = await startShop(t);
  const books = new Books();
  books.weightsOf.set(1, { blue: 1 });
  const random = randomFrom(2026);
  const loop = new ClosedLoop(sluice.proxyUrl, connections, books.ledger);
  for (let move = 0; move < 200; move++) {
    await books.more(50);
    await change(sluice, books, random);
  }
  await books.more(500);
  await loop.stop();

  expect(books.complaints).toEqual([]);
  expect(books.misfits()).toEqual([]);
  expect(books.answers).toBeGreaterThan(10_000);
  const { state, workers: working } = await sluice.status();
  expect(state).toBe('ready');
  expect(working.map(({ revision }) => revision)).toEqual([books.acknowledged, books.acknowledged]);
});

test('the same with the control process killed in the middle: traffic does not notice, and moving goes on', async (t) => {
  const sluice = await startShop(t);
  const books = new Books();
  books.weightsOf.set(1, { blue: 1 });
  const random = randomFrom(7);
  const loop = new ClosedLoop(sluice.proxyUrl, connections, books.ledger);
  for (let move = 0; move < 40; move++) {
    await books.more(50);
    await change(sluice, books, random);
    if (move % 13 !== 6) continue;
    const { control } = await sluice.status();
    process.kill(control.pid, 'SIGKILL');
    await books.more(500);
    const ask = () => sluice.status().catch(() => undefined);
    const back = await eventually(ask, (status) => status?.state === 'ready' && status.control.pid !== control.pid);
    expect(back?.revision).toBe(books.acknowledged);
  }
  await loop.stop();

  expect(books.complaints).toEqual([]);
  expect(books.misfits()).toEqual([]);
});

test.for([
  { weights: { blue: 99, green: 1 }, expected: { blue: 9900, green: 100, canary: 0 } },
  { weights: { blue: 90, green: 9, canary: 1 }, expected: { blue: 9000, green: 900, canary: 100 } },
])('10,000 requests one after the other at $weights are split to within two', async ({ weights, expected }, t) => {
  const sluice = await startShop(t);
  await sluice.api('PUT', '/v1/services/shop/weights', weights);
  const books = new Books();
  const loop = new ClosedLoop(sluice.proxyUrl, 1, books.ledger);
  await books.more(9999);
  await loop.stop();

  expect(books.complaints).toEqual([]);
  expect(books.answers).toBe(10_000);
  const counts = books.counts.get(2)!;
  for (const [pool, count] of Object.entries(expected)) expect(Math.abs((counts[pool] ?? 0) - count)).toBeLessThanOrEqual(2);
});
