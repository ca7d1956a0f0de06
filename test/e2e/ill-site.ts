import { join } from 'node:path';
import type { TestContext } from 'vitest';
import type { TargetStatus } from '../../admin-api/service-status.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { type LogEvent, type SluiceProcess, startSluice, temporaryDirectory } from '../support/process.ts';
import { type AccessLine, Account } from './ill-account.ts';
import { IllLoad } from './ill-load.ts';
import { IllTarget } from './ill-target.ts';

/** Whose end ends the processes: a test, or a run of the bench. */
export interface Scope {
  onTestFinished(end: () => unknown): void;
}

/** How a site is set up: everything has a default. */
export interface SiteOptions {
  /** Targets of each pool. */
  readonly pools?: Readonly<Record<string, number>>;
  /** Beside the pools and time-outs. */
  readonly service?: JsonObject;
  readonly ejection?: JsonObject;
}

/** A target that answers later is given up. Long enough for a healthy one on a machine that is busy with other things. */
export const responseTimeoutMs = 1000;

const health = { path: '/healthz', interval: '100ms', timeout: '500ms', rise: 1, fall: 2 };
const quickEjection = { failures: 3, base: '500ms', max: '500ms', share: '50%' };

/** A real Sluice with two workers, targets that can be made ill, and clients that never stop asking. */
export class IllSite {
  readonly targets: readonly IllTarget[];
  readonly load: IllLoad;
  /** Targets that were made ill at any time, by name: only what was asked of them may fail, and little of that. */
  readonly ill = new Set<string>();
  readonly #complaints: string[] = [];
  readonly #sluice: SluiceProcess;

  private constructor(targets: readonly IllTarget[], sluice: SluiceProcess, load: IllLoad) {
    this.targets = targets;
    this.#sluice = sluice;
    this.load = load;
  }

  static async start(scope: Scope, { pools = { blue: 4 }, service = {}, ejection = quickEjection }: SiteOptions, connections: number) {
    const directory = temporaryDirectory(scope as TestContext);
    const startTarget = async (name: string) => {
      const target = await IllTarget.start(name, join(directory, name));
      scope.onTestFinished(() => target.kill());
      return target;
    };
    const started = await Promise.all(
      Object.entries(pools).map(async ([pool, count]) => {
        const names = Array.from({ length: count }, (_, index) => `${pool}${index + 1}`);
        return [pool, await Promise.all(names.map(startTarget))] as const;
      }),
    );
    const documents = started.map(([pool, targets]) => {
      return [pool, { targets: targets.map(({ name, url }) => ({ id: name, url })), health, ejection }];
    });
    const weights = { [started[0]![0]]: 1 };
    // Of two targets that are ill at a time, neither may cost a request: that takes two more attempts, and as many of them at a time as there
    // are requests that hang on one of the two.
    const retry = { attempts: 2, budget: '100%' };
    const timeouts = { response: `${responseTimeoutMs}ms` };
    const shop = { pools: Object.fromEntries(documents), weights, retry, timeouts, ...service };
    const document = { services: { shop }, log: { access: true } };
    const sluice = await startSluice(scope as TestContext, { document, workers: 2 });
    return new IllSite(
      started.flatMap(([, targets]) => targets),
      sluice,
      new IllLoad(sluice.proxyUrl, connections),
    );
  }

  /** Two targets, other ones each time. */
  pair(round: number): readonly [IllTarget, IllTarget] {
    const { targets } = this;
    const pair = [targets[round % targets.length]!, targets[(round + 1) % targets.length]!] as const;
    for (const { name } of pair) this.ill.add(name);
    return pair;
  }

  /** For what only a scenario can know to be wrong. */
  complain(what: string): void {
    this.#complaints.push(what);
  }

  /** Resolves when no worker would pick any of them. */
  readonly untilUnavailable = (...targets: readonly IllTarget[]): Promise<void> => {
    return this.#until(targets, ({ available }) => !available);
  };

  /** Resolves when all workers would pick each of them. */
  readonly untilBack = (...targets: readonly IllTarget[]): Promise<void> => {
    return this.#until(targets, ({ available, ejected, health: verdict }) => available && !ejected && verdict === 'healthy');
  };

  /** Resolves when a worker has ejected it, after what makes it do so. */
  readonly untilEjected = async (target: IllTarget, provoke: () => Promise<void>): Promise<void> => {
    const before = (await this.#statusOf([target]))[0]!.ejections;
    await provoke();
    await this.#until([target], ({ ejections }) => ejections > before);
  };

  /** Takes a target out, or in again. */
  async setState(target: IllTarget, state: 'ready' | 'drain' | 'maint'): Promise<void> {
    const path = `/v1/services/shop/pools/blue/targets/${target.name}/state`;
    const { status, body } = await this.#sluice.api('POST', path, { state });
    if (status !== 200) throw new Error(`${status}: ${JSON.stringify(body)}`);
  }

  /** Ends the load, then Sluice, and says what came of it all. */
  async finish(): Promise<Account> {
    await this.load.stop();
    const { body: metrics } = await this.#sluice.api('GET', '/metrics');
    this.#sluice.signal('SIGTERM');
    const { code } = await this.#sluice.exited;
    const lines = this.#sluice.events().filter(isAccessLine);
    const ledgers = new Map(this.targets.map((target) => [target.name, target.ledger()]));
    return new Account({ code, outcomes: this.load.outcomes, lines, metrics, ill: this.ill, ledgers, complaints: this.#complaints });
  }

  /** Asks Sluice, again and again after some answers, until what it says of each fits. */
  async #until(targets: readonly IllTarget[], fits: (status: TargetStatus) => boolean): Promise<void> {
    while (!(await this.#statusOf(targets)).every(fits)) await this.load.more(20);
  }

  async #statusOf(targets: readonly IllTarget[]): Promise<readonly TargetStatus[]> {
    const { services } = await this.#sluice.status();
    const byName = new Map(Object.values(services['shop']!.pools).flatMap((pool) => Object.entries(pool.targets)));
    return targets.map(({ name }) => byName.get(name)!);
  }
}

function isAccessLine(event: LogEvent): event is LogEvent & AccessLine {
  return 'path' in event && 'cause' in event;
}
