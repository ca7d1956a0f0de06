/**
 * Resolves the names of targets, so that each address of a name is a target of its own, and goes on asking as the answers grow old.
 *
 * Whatever DNS does, no target is lost by it: only an answer with addresses replaces the addresses before. That holds over a restart of
 * control, too: what the process before it had published is known from the start.
 */
import { isIP } from 'node:net';
import type { Model } from '../core/model.ts';
import type { ResolvedNames, Snapshot } from '../core/snapshot.ts';
import { type Answer, ask, type Known, type NameResolver, type Source } from './names/ask.ts';
import { askAgainMs, retryMs } from './names/pace.ts';
import type { Events, Follower, Log } from './ports.ts';

export interface NamesParts {
  readonly resolver: NameResolver;
  /** What names meant to the control process before this one. */
  readonly before: ResolvedNames;
  readonly events: Events;
  readonly log: Log;
  /** In [0, 1). */
  readonly random: () => number;
  /** Some name has other addresses than before: a new snapshot is due. */
  readonly onChange: () => void;
}

export class Names implements Follower {
  readonly #parts: NamesParts;
  readonly #names = new Map<string, Name>();
  #resolved: ResolvedNames;
  /** Undefined when the first model has been followed, and has claimed what it needs. */
  #before: ResolvedNames | undefined;
  #isClosed = false;

  constructor(parts: NamesParts) {
    this.#parts = parts;
    this.#before = parts.before;
    this.#resolved = parts.before;
  }

  /** By name: its addresses, IPv4 first, at most 64. Names that never had any are missing. */
  addresses(): ResolvedNames {
    return this.#resolved;
  }

  follow(model: Model, _snapshot?: Snapshot): void {
    if (this.#isClosed) return;
    const users = usersByName(model);
    for (const [name, entry] of this.#names) if (!users.has(name)) this.#forget(name, entry);
    for (const [name, targets] of users) {
      const entry = this.#names.get(name);
      if (entry === undefined) this.#begin(name, targets);
      else entry.users = targets;
    }
    if (this.#before === undefined) return;
    this.#before = undefined;
    this.#publish();
  }

  /** Resolves when each name that is followed now has addresses or has been looked up once, or when the time is over. */
  async settle(timeoutMs: number): Promise<void> {
    const over = Promise.withResolvers<void>();
    const timer = setTimeout(over.resolve, timeoutMs);
    await Promise.race([Promise.all([...this.#names.values()].map(({ first }) => first.promise)), over.promise]);
    clearTimeout(timer);
  }

  close(): void {
    this.#isClosed = true;
    for (const [name, entry] of this.#names) this.#forget(name, entry);
    this.#parts.resolver.close();
  }

  #begin(name: string, users: readonly User[]): void {
    const addresses = this.#before?.get(name);
    const known: Known | undefined = addresses && { source: 'before', addresses };
    const entry: Name = { users, known, failures: 0, parts: 0, timer: undefined, first: Promise.withResolvers<void>() };
    if (known !== undefined) entry.first.resolve();
    this.#names.set(name, entry);
    void this.#look(name, entry);
  }

  #forget(name: string, entry: Name): void {
    clearTimeout(entry.timer);
    entry.first.resolve();
    this.#names.delete(name);
    this.#publish();
  }

  async #look(name: string, entry: Name): Promise<void> {
    const found = await ask(this.#parts.resolver, name, entry.known);
    // Whoever has been forgotten meanwhile, and perhaps begun anew, is another one.
    if (this.#names.get(name) !== entry) return;
    const waitMs = found.kind === 'answer' ? this.#accept(name, entry, found) : this.#keep(name, entry, found.cause);
    // A tenth more or less: names that were looked up together do not stay so.
    entry.timer = setTimeout(() => void this.#look(name, entry), waitMs * (0.9 + 0.2 * this.#parts.random()));
    entry.first.resolve();
  }

  /** @returns after how many milliseconds to look again */
  #accept(name: string, entry: Name, answer: Answer): number {
    const before = entry.known?.addresses ?? [];
    if (entry.failures > 0) {
      entry.failures = 0;
      this.#parts.log.info({ name }, 'name is resolved again');
      this.#note(entry, 'unresolved', 'resolved', `${name} has been found again`);
    }
    entry.known = answer;
    entry.parts = answer.isPartial ? entry.parts + 1 : 0;
    if (before.join() !== answer.addresses.join()) {
      this.#publish();
      // The first answer is no change of anything.
      if (before.length > 0) this.#note(entry, listed(before), listed(answer.addresses), sources[answer.source](name));
      this.#parts.onChange();
    }
    return answer.isPartial ? Math.min(retryMs(entry.parts), askAgainMs(answer)) : askAgainMs(answer);
  }

  /** Nothing better is known, so what was known stays. */
  #keep(name: string, entry: Name, cause: string): number {
    if (entry.failures === 0) {
      const { known } = entry;
      if (known === undefined) this.#parts.log.warn({ name, cause }, 'name cannot be resolved; workers look it up for themselves');
      else this.#parts.log.warn({ name, cause, addresses: known.addresses.length }, 'name cannot be resolved; what was known of it stays');
      this.#note(entry, known === undefined ? 'unknown' : 'resolved', 'unresolved', `${name}: ${cause}`);
    }
    return retryMs(++entry.failures);
  }

  #note({ users }: Name, from: string, to: string, cause: string): void {
    for (const user of users) this.#parts.events.note({ kind: 'addresses', ...user, from, to, cause });
  }

  #publish(): void {
    this.#resolved = new Map([...this.#names].flatMap(([name, { known }]) => (known === undefined ? [] : [[name, known.addresses]])));
  }
}

interface Name {
  /** The targets that it stands in. */
  users: readonly User[];
  /** From the last answer that had addresses. */
  known: Known | undefined;
  /** In a row. */
  failures: number;
  /** Answers with a part missing, in a row. */
  parts: number;
  timer: NodeJS.Timeout | undefined;
  /** Resolved when it has been looked up for the first time, or need not be waited for. */
  readonly first: PromiseWithResolvers<void>;
}

interface User {
  readonly service: string;
  readonly pool: string;
  readonly target: string;
}

const sources: Readonly<Record<Source, (name: string) => string>> = {
  hosts: (name) => `the hosts file of this machine has other addresses for ${name}`,
  dns: (name) => `DNS has other addresses for ${name}`,
  lookup: (name) => `this machine has other addresses for ${name}`,
};

function usersByName({ services }: Model): ReadonlyMap<string, User[]> {
  const users = new Map<string, User[]>();
  for (const service of services) {
    for (const pool of service.pools) {
      for (const { id, address } of pool.targets) {
        if (isIP(address.host) !== 0) continue;
        const list = users.get(address.host) ?? [];
        users.set(address.host, list);
        list.push({ service: service.id, pool: pool.id, target: id });
      }
    }
  }
  return users;
}

/** Short, however many there are. */
function listed(addresses: readonly string[]): string {
  return addresses.length <= 4 ? addresses.join(', ') : `${addresses.slice(0, 3).join(', ')} and ${addresses.length - 3} more`;
}
