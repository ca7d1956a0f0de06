/** Parts of a model that do nothing by themselves, for tests that want one thing of them. */
import type { HealthCheck, Listener, Pool, RetryPolicy, RouteMatch, Service, Target } from '../../src/core/model.ts';

export const anything: RouteMatch = { methods: [], headers: [], query: [], cookies: [] };

export function aTarget(id: string, changes: Partial<Target> = {}): Target {
  return {
    id,
    address: { host: `${id}.test`, port: 80 },
    encrypted: false,
    weight: 1,
    state: 'ready',
    drainUntilMs: undefined,
    ...changes,
  };
}

export function aPool(id: string, changes: Partial<Pool> = {}): Pool {
  return {
    id,
    targets: [],
    state: 'ready',
    drainUntilMs: undefined,
    balance: { kind: 'round-robin' },
    health: undefined,
    ejection: { failures: 0, baseMs: 30_000, maxMs: 300_000, maxShare: 0.5 },
    panicShare: 0,
    slowStartMs: 0,
    limits: { maxConnections: 0, maxInFlight: 0, maxQueued: 0, queueTimeoutMs: 5000 },
    tls: { verify: true, serverName: undefined, caFile: undefined, certificate: undefined },
    ...changes,
  };
}

export function aHealthCheck(changes: Partial<HealthCheck> = {}): HealthCheck {
  return {
    kind: 'http',
    path: '/healthz',
    method: 'GET',
    host: undefined,
    port: undefined,
    verify: true,
    intervalMs: 2000,
    timeoutMs: 1000,
    rise: 2,
    fall: 3,
    status: [{ from: 200, to: 299 }],
    headers: [],
    body: '',
    agent: false,
    ...changes,
  };
}

export function aRetryPolicy(changes: Partial<RetryPolicy> = {}): RetryPolicy {
  return { attempts: 1, rescue: false, budgetShare: 0.2, bodyBufferBytes: 65_536, putDelete: false, ...changes };
}

export function aListener(name: string, changes: Partial<Listener> = {}): Listener {
  return {
    name,
    address: { host: '127.0.0.1', port: 0 },
    timeouts: { headMs: 20_000, keepAliveMs: 75_000, writeMs: 20_000 },
    limits: { headBytes: 32_768, fields: 128, connections: 0, connectionsPerClient: 0, bodyBytes: 0 },
    tls: undefined,
    redirectToHttps: undefined,
    proxyProtocol: [],
    trustedProxies: [],
    requestIds: false,
    traceContext: 'make',
    ...changes,
  };
}

/** All weight on its first pool. */
export function aService(id: string, changes: Partial<Service> = {}): Service {
  const { pools = [aPool('blue')] } = changes;
  return {
    id,
    pools,
    weights: Object.fromEntries(pools.map((pool, index) => [pool.id, index === 0 ? 1 : 0])),
    fallback: undefined,
    sticky: undefined,
    overrides: [],
    mirrors: [],
    retry: aRetryPolicy(),
    timeouts: { connectMs: 2000, responseMs: 20_000, idleMs: 20_000, upgradedMs: 0, requestMs: 0, drainMs: 30_000 },
    debugHeaders: false,
    ...changes,
  };
}
