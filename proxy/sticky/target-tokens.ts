import type { CookieKeys } from './cookie-keys.ts';

interface Pool {
  readonly id: string;
  readonly targets: readonly { readonly id: string }[];
}

/**
 * Names for the targets of one service's pools that say nothing to others and that nobody can make up: a MAC for each target and key. A
 * pool's are worked out when one of them is first met, and kept from revision to revision, so that a request costs a look-up.
 */
export class TargetTokens {
  readonly #serviceId: string;
  readonly #keys: CookieKeys;
  readonly #pools: readonly Pool[];
  /** By index of pool. */
  readonly #tables: (TokenTable | undefined)[] = [];
  /** By pool and target: the token of each key. Only of targets that there are. */
  readonly #tokens: Map<string, ReadonlyMap<string, readonly string[]>>;

  constructor(serviceId: string, pools: readonly Pool[], keys: CookieKeys, previous: TargetTokens | undefined) {
    this.#serviceId = serviceId;
    this.#keys = keys;
    this.#pools = pools;
    const before = previous !== undefined && previous.#keys === keys ? previous.#tokens : new Map<string, never>();
    const named = new Set(pools.map(({ id }) => id));
    this.#tokens = new Map([...before].filter(([id]) => named.has(id)));
  }

  /** What the token says of a pool's targets; undefined where it names none of them. */
  find(token: string, pool: number): FoundTarget | undefined {
    return this.#tableOf(pool).found.get(token);
  }

  /** The token of a target, made with the key that signs now. */
  tokenOf(pool: number, targetId: string): string {
    return this.#tableOf(pool).tokens.get(targetId)?.[0] ?? '';
  }

  #tableOf(pool: number): TokenTable {
    return (this.#tables[pool] ??= this.#makeTable(this.#pools[pool]!));
  }

  #makeTable({ id, targets }: Pool): TokenTable {
    const before = this.#tokens.get(id);
    const tokens = new Map(targets.map((target) => [target.id, before?.get(target.id) ?? this.#sign(id, target.id)]));
    const found = new Map<string, FoundTarget>();
    for (const [index, target] of targets.entries()) {
      for (const [place, token] of tokens.get(target.id)!.entries()) found.set(token, { id: target.id, index, isCurrent: place === 0 });
    }
    this.#tokens.set(id, tokens);
    return { tokens, found };
  }

  #sign(poolId: string, targetId: string): string[] {
    return this.#keys.all.map((key) => key.mac('target', this.#serviceId, poolId, targetId));
  }
}

interface TokenTable {
  readonly tokens: ReadonlyMap<string, readonly string[]>;
  readonly found: ReadonlyMap<string, FoundTarget>;
}

export interface FoundTarget {
  readonly id: string;
  /** Among the targets of its pool. */
  readonly index: number;
  /** Whether the token was made with the key that signs now. */
  readonly isCurrent: boolean;
}
