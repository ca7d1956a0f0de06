/** A sticky service as tests want it: workers that bind its snapshots, and a browser that visits them. */
import { StickyClients, type Place } from '../../proxy/sticky.ts';
import type { OperatorState, Sticky } from '../../src/core/model.ts';
import type { RouteSubject } from '../../src/core/routes.ts';
import { SplitSequence } from '../../src/core/split.ts';
import { bareSurroundings, compileSnapshot, type SigningKey } from '../../src/core/snapshot.ts';
import { moveSlots, type SlotTable } from '../../src/core/slots.ts';
import { aPool, aService, aTarget } from '../support/model.ts';

export const hour = 3_600_000;
export const day = 24 * hour;
/** When the tests begin. */
export const start = Date.UTC(2026, 0, 1);

export const key = (id: string): SigningKey => ({ id, secret: Buffer.alloc(32, id).toString('base64url') });

export const stickyDefaults: Sticky = {
  key: { from: 'own', cookie: 'sluice_id' },
  target: false,
  onShrink: 'move',
  maxAgeMs: day,
  cookiePath: '/',
  sameSite: 'lax',
  secure: 'auto',
};

/** Revisions of one service, each made of the one before. */
export class Site {
  readonly serviceId: string;
  revision = 1;
  sticky: Sticky;
  weights: Readonly<Record<string, number>>;
  keys: readonly SigningKey[] = [key('k1')];
  slots: SlotTable;
  /** By pool. */
  targets: Readonly<Record<string, readonly string[]>> = {};
  /** What operators want of pools that are not ready, and until when. */
  states: Readonly<Record<string, { readonly wanted: OperatorState; readonly untilMs?: number }>> = {};

  constructor(weights: Readonly<Record<string, number>>, sticky: Partial<Sticky> = {}, serviceId = 'web') {
    this.serviceId = serviceId;
    this.weights = weights;
    this.sticky = { ...stickyDefaults, ...sticky };
    this.slots = moveSlots(undefined, weightsOf(weights), 0);
  }

  change(changes: Partial<Pick<Site, 'weights' | 'sticky' | 'keys' | 'targets' | 'slots'>>): this {
    Object.assign(this, changes);
    this.revision += 1;
    if (changes.slots === undefined) this.slots = moveSlots(this.slots, weightsOf(this.weights), this.revision);
    return this;
  }

  poolIndex(id: string): number {
    return Object.keys(this.weights).indexOf(id);
  }

  /**
   * A worker that has the current revision.
   * @param before the same worker with the one before; undefined: it has just started
   * @param sharedKeys the list of keys that the snapshot has for several services
   */
  worker(before?: Worker, sharedKeys?: readonly SigningKey[]): Worker {
    const pools = Object.keys(this.weights).map((id) => aPool(id, { targets: this.#targetIds(id).map((target) => aTarget(target)) }));
    const service = aService(this.serviceId, { pools, weights: this.weights, sticky: this.sticky });
    const model = { listeners: [], services: [service], routes: [] };
    // As it arrives from another process: nothing in it is shared with other workers.
    const surroundings = { ...bareSurroundings, slots: { [this.serviceId]: this.slots }, signingKeys: this.keys };
    const { services, signingKeys } = structuredClone(compileSnapshot(model, this.revision, surroundings));
    const { sticky, pools: compiled } = services[0]!;
    const clients = new StickyClients(this.serviceId, sticky!, sharedKeys ?? signingKeys, compiled, before?.clients);
    const live = Object.keys(this.weights).map((id) => {
      const { wanted, untilMs } = this.states[id] ?? { wanted: 'ready' };
      return {
        targets: this.#targetIds(id).map((target) => ({ id: target, weight: 1, wanted, drainUntilMs: untilMs, openToBound: true })),
      };
    });
    return { clients, pools: live, split: new SplitSequence(compiled, undefined, Math.random), revision: this.revision };
  }

  #targetIds(pool: string): readonly string[] {
    return this.targets[pool] ?? ['t1'];
  }
}

export interface Worker {
  readonly clients: StickyClients;
  readonly pools: readonly {
    readonly targets: { id: string; weight: number; wanted: OperatorState; drainUntilMs: number | undefined; openToBound: boolean }[];
  }[];
  readonly split: SplitSequence;
  readonly revision: number;
}

interface Visit {
  readonly fresh?: string;
  readonly encrypted?: boolean;
  readonly random?: () => number;
  readonly address?: string;
}

/** Keeps cookies as browsers do, those that have run out included. */
export class Browser {
  readonly cookies = new Map<string, string>();
  readonly headers: Readonly<Record<string, string>>;

  constructor(headers: Readonly<Record<string, string>> = {}) {
    this.headers = headers;
  }

  get subject(): RouteSubject {
    return {
      host: 'shop.example',
      path: '/',
      method: 'GET',
      header: (name) => this.headers[name],
      queryValue: () => undefined,
      cookie: (name, place = 0) => (place === 0 ? this.cookies.get(name) : undefined),
    };
  }

  get id(): string {
    return this.cookies.get('sluice_id') ?? '';
  }

  set id(value: string) {
    this.cookies.set('sluice_id', value);
  }

  ask(
    { clients, pools, split, revision }: Worker,
    atMs: number,
    { fresh = '', encrypted = false, random = Math.random, address = '192.0.2.7' }: Visit = {},
  ) {
    const context = { routing: { revision }, wallMs: atMs, random };
    return clients.place(this.subject, { clientAddress: address, encrypted }, fresh, context, { pools, split });
  }

  /** Asks, and keeps what it is given. */
  visit(worker: Worker, atMs: number, options: Visit = {}): Place {
    const place = this.ask(worker, atMs, options);
    if (place === undefined) throw new Error('the request has no key');
    this.keep(place.setCookie);
    return place;
  }

  keep(lines: string): void {
    for (const { name, value } of readSetCookies(lines)) this.cookies.set(name, value);
  }
}

/** Field lines as they go to the client, taken apart. */
export function readSetCookies(lines: string): { name: string; value: string; attributes: string[] }[] {
  return lines
    .split('\r\n')
    .slice(0, -1)
    .map((line) => {
      const [pair, ...attributes] = line.replace(/^set-cookie: /, '').split('; ');
      const [name, value] = pair!.split('=') as [string, string];
      return { name, value, attributes };
    });
}

function weightsOf(weights: Readonly<Record<string, number>>): { id: string; weight: number }[] {
  return Object.entries(weights).map(([id, weight]) => ({ id, weight }));
}
