import { expect, type TestContext, vi } from 'vitest';
import type { DataPlane, OtherWorkers } from '../../proxy/data-plane.ts';
import type { CopySocket } from '../../proxy/entrance/admission.ts';
import { createDataPlane } from '../../proxy/engine.ts';
import type {
  Listener,
  ListenerLimits,
  ListenerTimeouts,
  Model,
  Pool,
  Route,
  RouteMatch,
  Service,
  ServiceTimeouts,
  SocketAddress,
  Target,
} from '../../src/core/model.ts';
import type { WorkerReport } from '../../src/core/reports.ts';
import type { Cause } from '../../src/core/terminations.ts';
import { bareSurroundings, compileSnapshot, type Surroundings } from '../../src/core/snapshot.ts';
import { aListener, anything, aPool, aRetryPolicy, aService, aTarget } from './model.ts';
import { connectRaw, type Peer } from './raw-client.ts';

/** A target as tests give it: a running one, or an address. */
export type Place = SocketAddress | { readonly address: SocketAddress };

/** What a test wants of the proxy; the rest is as forgiving as possible. */
export interface ProxyOptions {
  /** Of the one service, `shop`. Targets are called `t1`, `t2` … Without weights the first pool gets everything. */
  readonly pools?: Readonly<Record<string, readonly Place[]>>;
  readonly weights?: Readonly<Record<string, number>>;
  readonly retryAttempts?: number;
  /** What else the service does. */
  readonly service?: Partial<Service>;
  /** What else its pools do: `all`, then each by its name. */
  readonly policies?: Readonly<Record<string, Partial<Pool>>>;
  /** What else its targets are, by `pool/target`. */
  readonly targets?: Readonly<Record<string, Partial<Target>>>;
  readonly surroundings?: Partial<Surroundings>;
  /** How many workers share the limits; this is the first. */
  readonly workers?: number;
  /** Bytes that its connections may hold in all. */
  readonly heldBytesMax?: number;
  /** File descriptors that it may have open. */
  readonly descriptors?: number;
  /** Without it accepting cannot be paused. */
  readonly copySocket?: CopySocket;
  /** Default: it is alone. */
  readonly otherWorkers?: OtherWorkers;
  readonly timeouts?: Partial<ServiceTimeouts>;
  readonly listenerTimeouts?: Partial<ListenerTimeouts>;
  readonly limits?: Partial<ListenerLimits>;
  /** What else the listener does. */
  readonly listener?: Partial<Listener>;
  readonly debugHeaders?: boolean;
  /** Default: one that takes everything. */
  readonly matches?: readonly Partial<RouteMatch>[];
}

/** A line of the access log. */
export interface LoggedRequest {
  readonly time: string;
  readonly client: string;
  readonly method: string;
  readonly host: string;
  readonly path: string;
  readonly status: number;
  readonly bytes: number;
  readonly ms: number;
  readonly service: string;
  readonly pool: string;
  readonly target: string;
  readonly revision: number;
  readonly decision: string;
  readonly cause: string;
  readonly rescued?: string;
  readonly rescuedBy?: string;
  readonly requestId?: string;
  readonly traceId?: string;
}

export function modelOf(options: ProxyOptions): Model {
  const pools = Object.entries(options.pools ?? {}).map(([id, places]) => {
    const targets = places.map((place, index): Target => {
      const target = `t${index + 1}`;
      const address = 'address' in place ? place.address : place;
      return aTarget(target, { address, ...options.targets?.[`${id}/${target}`] });
    });
    return aPool(id, { ...options.policies?.['all'], ...options.policies?.[id], targets });
  });
  const timeouts = {
    connectMs: 2000,
    responseMs: 20_000,
    idleMs: 20_000,
    upgradedMs: 0,
    requestMs: 0,
    drainMs: 30_000,
    ...options.timeouts,
  };
  const given = options.weights ?? (pools.length > 0 ? { [pools[0]!.id]: 1 } : {});
  const weights = Object.fromEntries(pools.map(({ id }) => [id, given[id] ?? 0]));
  const routes: Route[] = (options.matches ?? [{}]).map((match) => ({ match: { ...anything, ...match }, serviceId: 'shop' }));
  return {
    listeners: [
      aListener('web', {
        timeouts: { headMs: 20_000, keepAliveMs: 75_000, writeMs: 20_000, ...options.listenerTimeouts },
        limits: { headBytes: 32_768, fields: 128, connections: 0, connectionsPerClient: 0, bodyBytes: 0, ...options.limits },
        ...options.listener,
      }),
    ],
    services: [
      aService('shop', {
        pools,
        weights,
        retry: aRetryPolicy({ attempts: options.retryAttempts ?? 1 }),
        timeouts,
        debugHeaders: options.debugHeaders ?? false,
        ...options.service,
      }),
    ],
    routes,
  };
}

/** A data plane in the test's own process. When the test ends, its books must balance. */
export class TestProxy {
  readonly plane: DataPlane;
  /** The access log so far. */
  readonly lines: LoggedRequest[] = [];
  /** What an operator would be warned of. A bug, unless the test says otherwise. */
  readonly warnings: unknown[] = [];
  /** What an operator would read of, and need not do anything about. */
  readonly notes: unknown[] = [];
  port = 0;
  #options: ProxyOptions;
  #revision = 0;
  /** Connections that were turned away, by cause: counted as a termination, but there is no request to log. */
  readonly #turnedAway = new Map<Cause, number>();
  #targetsForgotten = false;
  readonly #t: TestContext;
  readonly #watchers = new Set<() => void>();

  constructor(t: TestContext, options: ProxyOptions) {
    this.#t = t;
    this.#options = options;
    this.plane = createDataPlane({
      workers: { count: options.workers ?? 1, index: 0 },
      room: { descriptors: options.descriptors ?? Infinity, heldBytesMax: options.heldBytesMax ?? Infinity },
      copySocket: options.copySocket,
      otherWorkers: options.otherWorkers,
      warn: (fields, message) => this.warnings.push({ ...fields, message }),
      info: (fields, message) => this.notes.push({ ...fields, message }),
      access: (line) => {
        this.lines.push(JSON.parse(line) as LoggedRequest);
        for (const look of this.#watchers) look();
      },
    });
    this.apply(options);
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Makes a new revision current, with these options changed, and returns its number. */
  apply(changes: ProxyOptions): number {
    if (changes.pools !== undefined && this.#revision > 0) this.#targetsForgotten = true;
    this.#options = { ...this.#options, ...changes };
    const surroundings = { ...bareSurroundings, ...this.#options.surroundings };
    this.plane.apply(compileSnapshot(modelOf(this.#options), ++this.#revision, surroundings));
    return this.#revision;
  }

  /** A client's connection. */
  connect(): Promise<Peer> {
    return connectRaw(this.#t, this.port);
  }

  /** The first line of the access log that fits, in the past or to come. */
  logged(fits: (line: LoggedRequest) => boolean): Promise<LoggedRequest> {
    return new Promise((resolve) => {
      const look = () => {
        const line = this.lines.find(fits);
        if (line === undefined) return;
        this.#watchers.delete(look);
        resolve(line);
      };
      this.#watchers.add(look);
      look();
    });
  }

  report(): WorkerReport {
    return this.plane.report();
  }

  /** Says that connections were turned away: those over the limit, or for another cause. */
  countTurnedAway(count = 1, cause: Cause = 'connection_limit'): void {
    this.#turnedAway.set(cause, (this.#turnedAway.get(cause) ?? 0) + count);
  }

  /** No request or connection is left, and every number adds up: answered + failed, by target and by cause, is what was logged. */
  async checkBooks(): Promise<void> {
    await vi.waitFor(() => expect(left(this.report())).toEqual({ connections: 0, inFlight: 0 }), { timeout: 8000, interval: 5 });
    const report = this.report();
    const targets = report.services.flatMap((service) => service.pools.flatMap((pool) => pool.targets));
    expect(targets.map(({ inFlight }) => inFlight)).toEqual(targets.map(() => 0));

    const causes = tally(this.lines.map(({ cause }) => cause).filter((cause) => cause !== ''));
    for (const [cause, count] of this.#turnedAway) causes[cause] = (causes[cause] ?? 0) + count;
    expect(report.terminations).toEqual(causes);
    if (!this.#targetsForgotten) {
      const counted = targets.flatMap(({ codes }) => Object.values(codes)).reduce((sum, count) => sum + count, 0);
      expect(counted).toBe(this.lines.filter(({ target }) => target !== '').length);
    }
    expect(this.warnings).toEqual([]);
  }
}

/** Starts a proxy. In the end nothing may be left: no request counted, no connection to a client or a target open. */
export async function startProxy(t: TestContext, options: ProxyOptions): Promise<TestProxy> {
  const proxy = new TestProxy(t, options);
  const [address] = await proxy.plane.listen();
  proxy.port = address!.port;
  // Runs after what the test set up later has been torn down: clients first, then this, then the targets.
  t.onTestFinished(async () => {
    await proxy.checkBooks();
    await proxy.plane.drain(1000);
    for (const place of Object.values(options.pools ?? {}).flat()) {
      if ('closedDownTo' in place) await (place as { closedDownTo(count: number): Promise<void> }).closedDownTo(0);
    }
  });
  return proxy;
}

function left({ connections, inFlight }: WorkerReport): { connections: number; inFlight: number } {
  return { connections, inFlight };
}

function tally(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}
