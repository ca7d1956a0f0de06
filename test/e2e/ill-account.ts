import type { Outcome } from './ill-load.ts';
import type { LedgerLine } from './ill-target.ts';

/** One line of the access log, as far as it is read here. */
export interface AccessLine {
  readonly path: string;
  readonly target: string;
  readonly cause: string;
}

interface Facts {
  readonly code: number | null;
  readonly outcomes: readonly Outcome[];
  readonly lines: readonly AccessLine[];
  /** In the text format of Prometheus. */
  readonly metrics: string;
  readonly ill: ReadonlySet<string>;
  /** What was posted to each target. */
  readonly ledgers: ReadonlyMap<string, readonly LedgerLine[]>;
  /** What only the scenario could know. */
  readonly complaints: readonly string[];
}

/** The target had the request, and nobody knows what it has done with it. */
const afterSending = new Set(['connection_terminated', 'response_timeout']);

/** What clients saw, what Sluice wrote and what targets did, held against each other. */
export class Account {
  readonly #facts: Facts;
  readonly #lineOf: ReadonlyMap<string, AccessLine>;

  constructor(facts: Facts) {
    this.#facts = facts;
    this.#lineOf = new Map(facts.lines.map((line) => [line.path, line]));
  }

  get outcomes(): readonly Outcome[] {
    return this.#facts.outcomes;
  }

  /** Attempts beyond the first. */
  get retries(): number {
    return this.#metric('sluice_retries_total');
  }

  /** Requests that the fallback answered in place of their pool. */
  get rescued(): number {
    return this.#metric('sluice_rescued_total');
  }

  get longestMs(): number {
    return this.outcomes.reduce((longest, { ms }) => Math.max(longest, ms), 0);
  }

  of(kind: Outcome['kind'], method?: Outcome['method']): readonly Outcome[] {
    return this.outcomes.filter((outcome) => outcome.kind === kind && (method === undefined || outcome.method === method));
  }

  /** How many failed, by method and cause. */
  failures(): Readonly<Record<string, number>> {
    const failed = this.outcomes.filter(({ kind }) => kind !== 'answered');
    const byWhat = Map.groupBy(failed, ({ method, kind, by }) => `${method} ${kind === 'failed' ? by : kind}`);
    return Object.fromEntries([...byWhat].map(([what, all]) => [what, all.length]));
  }

  /** Whatever is not as Sluice promises. A scenario may allow a POST more causes; how many answers may be cut, is for it to say, too. */
  complaints(postCauses: readonly string[] = []): readonly string[] {
    const { code, complaints } = this.#facts;
    const allowed = new Set([...afterSending, ...postCauses]);
    return [
      ...(code === 0 ? [] : [`Sluice ended with ${code}`]),
      ...complaints,
      ...this.outcomes.flatMap((outcome) => this.#aboutOutcome(outcome, allowed)),
      ...this.#aboutLines(),
      ...this.#aboutLedgers(),
    ];
  }

  /** Neither lost nor wrong; a failure only where nobody knows what the target has done, and then of a target that was ill. */
  #aboutOutcome({ id, method, kind, by }: Outcome, postCauses: ReadonlySet<string>): string[] {
    const what = `${method} ${id} ${kind}: ${by}`;
    if (kind === 'answered') return [];
    if (kind === 'lost' || kind === 'wrong') return [what];
    const line = this.#lineOf.get(pathOf(method, id));
    if (line === undefined) return [`${what}, and has no access line`];
    const isNamed = line.cause === (kind === 'cut' ? 'response_incomplete' : by) ? [] : [`${what}, and its access line says ${line.cause}`];
    const mayBe = this.#facts.ill.has(line.target) && (kind === 'cut' || (method === 'POST' && postCauses.has(by)));
    return mayBe ? isNamed : [...isNamed, `${what}, of ${line.target}`];
  }

  /** One for each request, with a cause for those that failed and for no others. */
  #aboutLines(): string[] {
    const { lines } = this.#facts;
    const failed = new Set(this.outcomes.filter(({ kind }) => kind !== 'answered').map(({ method, id }) => pathOf(method, id)));
    const unfounded = lines.filter(({ path, cause }) => cause !== '' && !failed.has(path));
    return [
      ...unfounded.map(({ path, cause }) => `${path} has not failed, and its access line says ${cause}`),
      ...(lines.length === this.outcomes.length ? [] : [`${lines.length} access lines for ${this.outcomes.length} requests`]),
    ];
  }

  /** What was posted was done at most once, whole, and by whom the client was told. */
  #aboutLedgers(): string[] {
    const doneBy = new Map<string, string>();
    const complaints: string[] = [];
    for (const [target, ledger] of this.#facts.ledgers) {
      for (const { id, whole } of ledger) {
        if (!whole) complaints.push(`POST ${id} came broken to ${target}`);
        if (doneBy.has(id)) complaints.push(`POST ${id} was done twice, by ${doneBy.get(id)} and ${target}`);
        doneBy.set(id, target);
      }
    }
    for (const { id, by } of this.of('answered', 'POST')) {
      if (doneBy.get(id) !== by) complaints.push(`POST ${id} was answered by ${by} and done by ${doneBy.get(id)}`);
    }
    for (const { id, by } of this.of('failed', 'POST')) {
      if (!afterSending.has(by) && doneBy.has(id)) complaints.push(`POST ${id} failed, ${by}, and was done by ${doneBy.get(id)}`);
    }
    return complaints;
  }

  #metric(name: string): number {
    const lines = this.#facts.metrics.split('\n').filter((line) => line.startsWith(`${name}{`));
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  }
}

function pathOf(method: string, id: string): string {
  return `/${method.toLowerCase()}/${id}`;
}
