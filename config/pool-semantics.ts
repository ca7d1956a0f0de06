/** What a schema cannot say of one pool: ids that must differ, lengths of time that must fit, and words that only mean something together. */
import { formatAddress, readTargetUrl } from './addresses.ts';
import { ejectionDefaults, healthDefaults } from './defaults.ts';
import type { Findings } from './findings.ts';
import { checkFieldNames } from './match-semantics.ts';
import { quote } from './reading.ts';
import type { HealthDocument, PoolDocument } from './schema.ts';
import type { Salvaged } from './shape.ts';
import { formatDuration, readDuration } from './units.ts';

const probeIntervalMsMin = 100;
const probeIntervalMsMax = 3_600_000;
/** How many probes of one target would be due while the first still waits. */
const probeTimeoutIntervals = 10;

export function checkPool(pool: Salvaged<PoolDocument>, pointer: string, findings: Findings): void {
  checkTargets(pool.targets ?? [], pointer, findings);
  checkDrainUntil(pool, pointer, findings);
  if ('hashKey' in pool && isOther(pool, 'balance', 'hash')) {
    findings.add(`${pointer}/hashKey`, 'it is only of use with balance: hash; write that too, or remove hashKey', 'key');
  }
  if (pool.tls !== undefined) checkTls(pool.tls, `${pointer}/tls`, findings);
  if (pool.health !== undefined) checkHealth(pool.health, `${pointer}/health`, findings);
  if (pool.ejection !== undefined) checkEjection(pool.ejection, `${pointer}/ejection`, findings);
}

function checkTls(tls: Salvaged<NonNullable<PoolDocument['tls']>>, pointer: string, findings: Findings): void {
  if ('cert' in tls !== 'key' in tls) {
    const [given, missing] = 'cert' in tls ? ['cert', 'key'] : ['key', 'cert'];
    findings.add(
      `${pointer}/${given}`,
      `a certificate is of no use without its key, nor the key alone; write ${missing} too, or remove ${given}`,
      'key',
    );
  }
}

function checkTargets(targets: Salvaged<PoolDocument['targets']>, pointer: string, findings: Findings): void {
  const seen = new Set<string>();
  for (const [index, target] of targets.entries()) {
    const url = typeof target === 'string' ? target : target?.url;
    const given = typeof target === 'string' ? undefined : target?.id;
    if (typeof target === 'object') checkDrainUntil(target, `${pointer}/targets/${index}`, findings);
    const reading = url === undefined ? undefined : readTargetUrl(url);
    const id = given ?? (reading?.ok ? formatAddress(reading.value.address) : undefined);
    if (id === undefined) continue;
    if (seen.has(id)) {
      const at = `${pointer}/targets/${index}${given === undefined ? '' : '/id'}`;
      const wayOut = given === undefined ? 'remove it, or give it a weight instead of repeating it' : 'ids must differ within a pool';
      findings.add(at, `the pool has a target ${quote(id)} already; ${wayOut}`);
    }
    seen.add(id);
  }
}

interface Stateful {
  readonly state?: string | undefined;
  readonly drainUntil?: string | undefined;
}

function checkDrainUntil(home: Stateful, pointer: string, findings: Findings): void {
  const isReady = 'state' in home ? home.state === 'ready' : true;
  if (!('drainUntil' in home) || !isReady) return;
  findings.add(
    `${pointer}/drainUntil`,
    'nothing ends where the state is ready; write state: drain or state: maint too, or remove drainUntil',
    'key',
  );
}

/** Whether a word is another one or left out; one that could not be read may have been meant. */
function isOther<K extends string>(home: { readonly [key in K]?: unknown }, key: K, word: string): boolean {
  return key in home ? home[key] !== undefined && home[key] !== word : true;
}

function checkHealth(health: Salvaged<HealthDocument>, pointer: string, findings: Findings): void {
  const { interval = healthDefaults.interval.value, timeout = healthDefaults.timeout.value } = health;
  const [intervalMs, timeoutMs] = [milliseconds(interval), milliseconds(timeout)];
  if (intervalMs < probeIntervalMsMin || intervalMs > probeIntervalMsMax) {
    const range = `${formatDuration(probeIntervalMsMin)} to ${formatDuration(probeIntervalMsMax)}`;
    findings.add(`${pointer}/interval`, `expected a duration from ${range}, found ${quote(interval)}`);
  } else if (timeoutMs > probeTimeoutIntervals * intervalMs) {
    const longest = formatDuration(probeTimeoutIntervals * intervalMs);
    const wayOut = `expected at most ${longest}, which is ten times the interval, found ${quote(timeout)}`;
    findings.add(`${pointer}/timeout`, wayOut);
  }
  if (health.type === 'tcp') checkTcp(health, pointer, findings);
  if (health.method === 'HEAD' && (health.expect?.body ?? '') !== '') {
    findings.add(`${pointer}/expect/body`, 'an answer to HEAD has no body; write method: GET, or remove body');
  }
  checkFieldNames(health.expect?.headers, `${pointer}/expect/headers`, findings);
}

/** A probe that only opens a connection asks nothing and gets no answer; who writes such a key believes otherwise. */
function checkTcp(health: Salvaged<HealthDocument>, pointer: string, findings: Findings): void {
  for (const name of (['path', 'method', 'host', 'expect'] as const).filter((candidate) => candidate in health)) {
    findings.add(`${pointer}/${name}`, `type: tcp only opens a connection; write type: http, or remove ${quote(name)}`, 'key');
  }
}

function checkEjection(ejection: Salvaged<NonNullable<PoolDocument['ejection']>>, pointer: string, findings: Findings): void {
  const { base = ejectionDefaults.base.value, max = ejectionDefaults.max.value } = ejection;
  if (milliseconds(max) >= milliseconds(base)) return;
  findings.add(`${pointer}/${'max' in ejection ? 'max' : 'base'}`, `max (${max}) is shorter than base (${base}); raise max, or lower base`);
}

/** Of a text that has passed the schema. */
function milliseconds(duration: string): number {
  const reading = readDuration(duration);
  return reading.ok ? reading.value : Number.NaN;
}
