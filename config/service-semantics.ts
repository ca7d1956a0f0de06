/** What a schema cannot say of one service: pools that must exist, and words that only mean something together. */
import { childPointer } from '../src/core/json.ts';
import { bareTargetCookie } from './cookie-semantics.ts';
import { stickyDefaults } from './defaults.ts';
import type { Findings } from './findings.ts';
import { checkFieldNames, completeOverrideMatch, matchKey } from './match-semantics.ts';
import { checkPool } from './pool-semantics.ts';
import { quote } from './reading.ts';
import type { ServiceDocument, StickyDocument } from './schema.ts';
import type { Salvaged } from './shape.ts';
import { formatSize, readDuration, readSize } from './units.ts';

/** Of one request; a worker keeps 64 MiB in all, and nobody should need the share of a thousand others. */
const bodyBufferBytesMax = 1024 ** 2;

export function checkService(service: Salvaged<ServiceDocument>, pointer: string, findings: Findings): void {
  checkWeights(service, pointer, findings);
  checkFallback(service, pointer, findings);
  checkBodyBuffer(service.retry?.bodyBuffer, `${pointer}/retry/bodyBuffer`, findings);
  if (service.sticky !== undefined) checkSticky(service.sticky, `${pointer}/sticky`, findings);
  checkOverrides(service, `${pointer}/overrides`, findings);
  checkMirrors(service, `${pointer}/mirrors`, findings);
  for (const [poolId, pool] of Object.entries(service.pools ?? {})) {
    if (pool !== undefined) checkPool(pool, childPointer(`${pointer}/pools`, poolId), findings);
  }
}

function checkWeights(service: Salvaged<ServiceDocument>, pointer: string, findings: Findings): void {
  for (const poolId of Object.keys(service.weights ?? {})) {
    checkPoolName(service, poolId, childPointer(`${pointer}/weights`, poolId), findings, 'key');
  }
  const poolIds = Object.keys(service.pools ?? {});
  if ('weights' in service || poolIds.length <= 1) return;
  const example = poolIds
    .slice(0, 5)
    .map((poolId, index) => `${poolId}: ${index === 0 ? 100 : 0}`)
    .join(', ');
  findings.add(`${pointer}/weights`, `the key "weights" is missing, and with several pools only you can know; for example { ${example} }`);
}

/** Where the pools themselves could not be read, no name is held against them. */
function checkPoolName(
  { pools }: Salvaged<ServiceDocument>,
  poolId: string | undefined,
  pointer: string,
  findings: Findings,
  at: 'key' | 'value' = 'value',
): void {
  if (poolId === undefined || pools === undefined || Object.hasOwn(pools, poolId)) return;
  findings.add(pointer, `the service has no pool ${quote(poolId)}${findings.suggest(poolId, Object.keys(pools))}`, at);
}

function checkFallback(service: Salvaged<ServiceDocument>, pointer: string, findings: Findings): void {
  checkPoolName(service, service.fallback, `${pointer}/fallback`, findings);
  if (service.retry?.rescue !== true || 'fallback' in service) return;
  findings.add(
    `${pointer}/retry/rescue`,
    'it is the fallback that rescues, and the service has none; add fallback: POOL, or remove rescue',
  );
}

function checkBodyBuffer(text: string | undefined, pointer: string, findings: Findings): void {
  const reading = text === undefined ? undefined : readSize(text);
  if (!reading?.ok || reading.value <= bodyBufferBytesMax) return;
  findings.add(pointer, `expected a size up to ${formatSize(bodyBufferBytesMax)}, found ${quote(text!)}; longer bodies are sent once`);
}

function checkSticky(sticky: Salvaged<StickyDocument>, pointer: string, findings: Findings): void {
  const maxAge = sticky.maxAge === undefined ? undefined : readDuration(sticky.maxAge);
  if (maxAge?.ok && maxAge.value < 1000) {
    findings.add(`${pointer}/maxAge`, `expected a duration of at least 1s, found ${quote(sticky.maxAge!)}; cookies count in seconds`);
  }
  if (sticky.sameSite === 'none' && sticky.secure !== 'always') {
    findings.add(`${pointer}/sameSite`, 'browsers refuse cookies with sameSite: none that are not secure; add secure: always');
  }
  const key = 'key' in sticky ? sticky.key : stickyDefaults.key.value;
  if (key === undefined) return;
  if ('cookie' in key) checkOwnCookie(key.cookie, sticky, pointer, findings);
  else checkOtherKey(key, sticky, pointer, findings);
}

/** What browsers demand of cookies with these names (RFC 6265bis section 4.1.3); others they drop without a word. */
function checkOwnCookie(name: string | undefined, sticky: Salvaged<StickyDocument>, pointer: string, findings: Findings): void {
  const prefix = /^__(host|secure)-/i.exec(name ?? '')?.[1]?.toLowerCase();
  if (prefix === undefined) return;
  const at = `${pointer}/key/cookie`;
  if (sticky.secure !== 'always') findings.add(at, `browsers refuse a cookie named ${quote(name!)} that is not secure; add secure: always`);
  if (prefix === 'host' && (sticky.path ?? '/') !== '/') {
    findings.add(at, `browsers refuse a cookie named ${quote(name!)} that is for a part of the site; remove path, or choose another name`);
  }
}

/** Only of use to cookies of ours. */
const cookieKeys = ['maxAge', 'path', 'sameSite', 'secure'] as const;
function checkOtherKey(
  key: NonNullable<Salvaged<StickyDocument>['key']>,
  sticky: Salvaged<StickyDocument>,
  pointer: string,
  findings: Findings,
): void {
  if (sticky.onShrink === 'keep') {
    const why = 'only a cookie of Sluice’s own says since when a client has been where it is';
    findings.add(`${pointer}/onShrink`, `${why}; write key: { cookie: ${stickyDefaults.key.value.cookie} }, or onShrink: move`);
  }
  if (sticky.target === true && key.appCookie === bareTargetCookie) {
    findings.add(`${pointer}/key/appCookie`, `with target: true Sluice sets a cookie ${quote(bareTargetCookie)} itself; use another name`);
  }
  // A target that could not be read may have been meant to be true.
  if (sticky.target === undefined ? 'target' in sticky : sticky.target) return;
  for (const name of cookieKeys.filter((candidate) => candidate in sticky)) {
    findings.add(`${pointer}/${name}`, `${quote(name)} is about cookies of Sluice’s own, and with this key it sets none; remove it`, 'key');
  }
}

function checkOverrides(service: Salvaged<ServiceDocument>, pointer: string, findings: Findings): void {
  const firstWith = new Map<string, number>();
  for (const [index, override] of (service.overrides ?? []).entries()) {
    if (override === undefined) continue;
    const at = `${pointer}/${index}`;
    checkPoolName(service, override.pool, `${at}/pool`, findings);
    checkFieldNames(override.match?.headers, `${at}/match/headers`, findings);
    const match = completeOverrideMatch(override);
    if (match === undefined) continue;
    const key = matchKey(match);
    const earlier = firstWith.get(key);
    if (earlier === undefined) firstWith.set(key, index);
    else findings.add(at, `this override can never match: override ${earlier + 1} has the same conditions and stands earlier; remove one`);
  }
}

function checkMirrors(service: Salvaged<ServiceDocument>, pointer: string, findings: Findings): void {
  const seen = new Set<string>();
  for (const [index, mirror] of (service.mirrors ?? []).entries()) {
    if (mirror?.pool === undefined) continue;
    const at = `${pointer}/${index}/pool`;
    checkPoolName(service, mirror.pool, at, findings);
    if (seen.has(mirror.pool)) findings.add(at, `another mirror copies to ${quote(mirror.pool)} already; remove one, or raise its percent`);
    seen.add(mirror.pool);
  }
}
