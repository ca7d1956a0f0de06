/** From services as they are typed to services as the core wants them. The document has been checked before. */
import type { Mirror, Override, OverrideMatch, RetryPolicy, Service, ServiceTimeouts, Sticky } from '../src/core/model.ts';
import { mirrorDefaults, onlyPoolWeight, retryDefaults, serviceDefaults, serviceTimeoutDefaults, stickyDefaults } from './defaults.ts';
import { readNetwork } from './networks.ts';
import { readPool } from './pools.ts';
import { readRequestKey } from './request-keys.ts';
import { must, readRouteMatch } from './routes.ts';
import type { OverrideMatchDocument, ServiceDocument, StickyDocument } from './schema.ts';
import { readDuration, readPercent, readPercentOrNumber, readSize } from './units.ts';

export function readService(id: string, document: ServiceDocument): Service {
  return {
    id,
    pools: Object.entries(document.pools).map(([poolId, pool]) => readPool(poolId, pool)),
    weights: readWeights(document),
    fallback: document.fallback,
    sticky: document.sticky && readSticky(document.sticky),
    overrides: (document.overrides ?? []).map(readOverride),
    mirrors: (document.mirrors ?? []).map(readMirror),
    retry: readRetry(document.retry),
    timeouts: readTimeouts(document.timeouts),
    debugHeaders: document.debugHeaders ?? serviceDefaults.debugHeaders.value,
  };
}

/** One entry per pool. A document that gives no weights has one pool only: `semantics.ts` saw to that. */
function readWeights({ pools, weights }: ServiceDocument): Record<string, number> {
  const share = (poolId: string): number => {
    if (weights === undefined) return onlyPoolWeight;
    // A pool may be called "constructor"; what every object inherits is no weight.
    return Object.hasOwn(weights, poolId) ? weights[poolId]! : 0;
  };
  return Object.fromEntries(Object.keys(pools).map((poolId) => [poolId, share(poolId)]));
}

export function readSticky(document: StickyDocument): Sticky {
  const { key = stickyDefaults.key.value } = document;
  return {
    key: readStickyKey(key),
    target: document.target ?? stickyDefaults.target.value,
    onShrink: document.onShrink ?? stickyDefaults.onShrink.value,
    maxAgeMs: must(readDuration, document.maxAge ?? stickyDefaults.maxAge.value),
    cookiePath: document.path ?? stickyDefaults.path.value,
    sameSite: document.sameSite ?? stickyDefaults.sameSite.value,
    secure: document.secure ?? stickyDefaults.secure.value,
  };
}

/** Here `cookie` is one of ours; that of an application is called by another name, so that nobody has it signed by accident. */
function readStickyKey({ cookie, appCookie, ...found }: NonNullable<StickyDocument['key']>): Sticky['key'] {
  if (cookie !== undefined) return { from: 'own', cookie };
  return readRequestKey(appCookie === undefined ? found : { cookie: appCookie });
}

function readOverride({ match, pool }: NonNullable<ServiceDocument['overrides']>[number]): Override {
  return { match: readOverrideMatch(match ?? {}), poolId: pool };
}

export function readOverrideMatch(match: OverrideMatchDocument): OverrideMatch {
  const { clients = [], percent } = match;
  return {
    ...readRouteMatch(match),
    clients: [...new Set(clients.map((client) => must(readNetwork, client)))],
    percent: percent && { of: readRequestKey(percent.of), share: must(readPercent, percent.share) },
  };
}

function readMirror({ pool, percent, unsafe }: NonNullable<ServiceDocument['mirrors']>[number]): Mirror {
  return {
    poolId: pool,
    share: must(readPercentOrNumber, percent ?? mirrorDefaults.percent.value),
    unsafe: unsafe ?? mirrorDefaults.unsafe.value,
  };
}

function readRetry({ attempts, rescue, budget, bodyBuffer, putDelete }: NonNullable<ServiceDocument['retry']> = {}): RetryPolicy {
  return {
    attempts: attempts ?? retryDefaults.attempts.value,
    rescue: rescue ?? retryDefaults.rescue.value,
    budgetShare: must(readPercent, budget ?? retryDefaults.budget.value),
    bodyBufferBytes: must(readSize, bodyBuffer ?? retryDefaults.bodyBuffer.value),
    putDelete: putDelete ?? retryDefaults.putDelete.value,
  };
}

function readTimeouts(timeouts: NonNullable<ServiceDocument['timeouts']> = {}): ServiceTimeouts {
  const milliseconds = (key: keyof typeof serviceTimeoutDefaults): number =>
    must(readDuration, timeouts[key] ?? serviceTimeoutDefaults[key].value);
  return {
    connectMs: milliseconds('connect'),
    responseMs: milliseconds('response'),
    idleMs: milliseconds('idle'),
    upgradedMs: milliseconds('upgraded'),
    requestMs: milliseconds('request'),
    drainMs: milliseconds('drain'),
  };
}
