/** From pools as they are typed to pools as the core wants them. The document has been checked before. */
import type { Balance, EjectionPolicy, HealthCheck, Pool, PoolLimits, Target, TargetTls } from '../src/core/model.ts';
import { formatAddress, readServerName, readTargetUrl } from './addresses.ts';
import {
  ejectionDefaults,
  expectDefaults,
  healthDefaults,
  poolDefaults,
  poolLimitDefaults,
  targetDefaults,
  targetTlsDefaults,
} from './defaults.ts';
import { readInstant } from './instants.ts';
import { readStatusRanges } from './probe-values.ts';
import { readRequestKey } from './request-keys.ts';
import { must, readHeaders } from './routes.ts';
import type { HealthDocument, PoolDocument } from './schema.ts';
import { readDuration, readPercent } from './units.ts';

export function readPool(id: string, document: PoolDocument): Pool {
  return {
    id,
    targets: document.targets.map(readTarget),
    state: document.state ?? poolDefaults.state.value,
    drainUntilMs: readDrainUntil(document.drainUntil),
    balance: readBalance(document),
    health: document.health && readHealth(document.health),
    ejection: document.ejection === undefined ? bareEjection : readEjection(document.ejection),
    panicShare: document.panic === undefined ? barePanicShare : must(readPercent, document.panic),
    slowStartMs: must(readDuration, document.slowStart ?? poolDefaults.slowStart.value),
    limits: document.limits === undefined ? bareLimits : readLimits(document.limits),
    tls: document.tls === undefined ? bareTls : readTls(document.tls),
  };
}

export function readTarget(document: PoolDocument['targets'][number]): Target {
  const { url, id, weight, state, drainUntil } = typeof document === 'string' ? { url: document } : document;
  const { address, encrypted } = must(readTargetUrl, url);
  return {
    id: id ?? formatAddress(address),
    address,
    encrypted,
    weight: weight ?? targetDefaults.weight.value,
    state: state ?? targetDefaults.state.value,
    drainUntilMs: readDrainUntil(drainUntil),
  };
}

function readDrainUntil(instant: string | undefined): number | undefined {
  return instant === undefined ? undefined : must(readInstant, instant);
}

function readBalance({ balance: kind = poolDefaults.balance.value, hashKey }: PoolDocument): Balance {
  return kind === 'hash' ? { kind, key: readRequestKey(hashKey ?? poolDefaults.hashKey.value) } : { kind };
}

export function readHealth(document: HealthDocument): HealthCheck {
  const { expect = {} } = document;
  return {
    kind: document.type ?? healthDefaults.type.value,
    path: document.path ?? healthDefaults.path.value,
    method: document.method ?? healthDefaults.method.value,
    host: document.host,
    port: document.port,
    verify: document.verify ?? healthDefaults.verify.value,
    intervalMs: must(readDuration, document.interval ?? healthDefaults.interval.value),
    timeoutMs: must(readDuration, document.timeout ?? healthDefaults.timeout.value),
    rise: document.rise ?? healthDefaults.rise.value,
    fall: document.fall ?? healthDefaults.fall.value,
    status: must(readStatusRanges, expect.status ?? expectDefaults.status.value),
    headers: readHeaders(expect.headers),
    body: expect.body ?? expectDefaults.body.value,
    agent: document.agent ?? healthDefaults.agent.value,
  };
}

function readEjection({ failures, base, max, share }: NonNullable<PoolDocument['ejection']>): EjectionPolicy {
  return {
    failures: failures ?? ejectionDefaults.failures.value,
    baseMs: must(readDuration, base ?? ejectionDefaults.base.value),
    maxMs: must(readDuration, max ?? ejectionDefaults.max.value),
    maxShare: must(readPercent, share ?? ejectionDefaults.share.value),
  };
}

function readLimits(limits: NonNullable<PoolDocument['limits']>): PoolLimits {
  return {
    maxConnections: limits.maxConnections ?? poolLimitDefaults.maxConnections.value,
    maxInFlight: limits.maxInFlight ?? poolLimitDefaults.maxInFlight.value,
    maxQueued: limits.maxQueued ?? poolLimitDefaults.maxQueued.value,
    queueTimeoutMs: must(readDuration, limits.queueTimeout ?? poolLimitDefaults.queueTimeout.value),
  };
}

function readTls({ verify, serverName, ca, cert, key }: NonNullable<PoolDocument['tls']>): TargetTls {
  return {
    verify: verify ?? targetTlsDefaults.verify.value,
    serverName: serverName === undefined ? undefined : must(readServerName, serverName),
    caFile: ca,
    certificate: cert === undefined || key === undefined ? undefined : { certFile: cert, keyFile: key },
  };
}

// Most of a thousand pools say nothing of these: they share one object, which is read once and travels once in a snapshot.
const bareEjection = readEjection({});
const bareLimits = readLimits({});
const bareTls = readTls({});
const barePanicShare = must(readPercent, poolDefaults.panic.value);
