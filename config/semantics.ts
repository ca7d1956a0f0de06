/**
 * What a schema cannot say: names that must exist, names and addresses that must differ, routes that can never match. Works on what
 * could be salvaged of a document with wrong shapes, so that one run of `sluice check` reports everything.
 */
import { childPointer } from '../src/core/json.ts';
import type { RouteMatch, SocketAddress } from '../src/core/model.ts';
import { clash, formatAddress, isLoopback, readListenAddress, readTargetUrl } from './addresses.ts';
import { adminDefaults, listenersDefault } from './defaults.ts';
import { suggestName } from './nearest.ts';
import { quote } from './reading.ts';
import { readRouteMatch } from './routes.ts';
import type { ConfigDocument, ListenerDocument, PoolDocument, RouteDocument, ServiceDocument } from './schema.ts';
import type { Finding, Salvaged } from './shape.ts';
import { formatSize, readSize } from './units.ts';

const headBytesMin = 1024;
const headBytesMax = 1024 * 1024;

export function checkSemantics(document: Salvaged<ConfigDocument>, findings: Finding[]): void {
  const listeners = document.listeners ?? listenersDefault.value;
  checkListeners(listeners, findings);
  checkAdmin(document.admin, listeners, findings);
  for (const [id, service] of Object.entries(document.services ?? {})) {
    if (service !== undefined) checkService(service, childPointer('/services', id), findings);
  }
  checkRoutes(document, findings);
}

function checkListeners(listeners: Salvaged<readonly ListenerDocument[]>, findings: Finding[]): void {
  for (const [index, listener] of listeners.entries()) {
    const pointer = childPointer('/listeners', index);
    const earlier = listeners.slice(0, index);
    if (listener?.name !== undefined && earlier.some((other) => other?.name === listener.name)) {
      report(findings, `${pointer}/name`, `another listener is named ${quote(listener.name)} already; names must differ`);
    }
    const address = addressOf(listener?.address);
    const rival = address && earlier.find((other) => clashes(other?.address, address));
    if (rival !== undefined) {
      report(findings, `${pointer}/address`, `listener ${nameOf(rival)} (${rival.address}) has this port already; choose another`);
    }
    const head = listener?.limits?.headBytes;
    const reading = head === undefined ? undefined : readSize(head);
    if (reading?.ok && (reading.value < headBytesMin || reading.value > headBytesMax)) {
      const range = `from ${formatSize(headBytesMin)} to ${formatSize(headBytesMax)}`;
      report(findings, `${pointer}/limits/headBytes`, `expected a size ${range}, found ${quote(head!)}`);
    }
  }
}

function checkAdmin(admin: Salvaged<ConfigDocument>['admin'], listeners: Salvaged<readonly ListenerDocument[]>, findings: Finding[]): void {
  const address = addressOf(
    admin === undefined ? adminDefaults.address.value : 'address' in admin ? admin.address : adminDefaults.address.value,
  );
  // Where the list of tokens or the address could not be read, that has been reported, and what it should say is unknown.
  const tokensUnknown = admin !== undefined && 'tokens' in admin && admin.tokens === undefined;
  const tokens = admin?.tokens ?? [];
  if (address !== undefined) {
    if (!isLoopback(address.host) && tokens.length === 0 && !tokensUnknown) {
      const wayOut = `add admin.tokens, or listen on "127.0.0.1:${address.port}"`;
      report(findings, '/admin/address', `without tokens anybody who reaches ${formatAddress(address)} could move traffic; ${wayOut}`);
    }
    const rival = listeners.find((listener) => clashes(listener?.address, address));
    if (rival !== undefined) {
      const pointer =
        admin?.address === undefined ? childPointer(childPointer('/listeners', listeners.indexOf(rival)), 'address') : '/admin/address';
      report(
        findings,
        pointer,
        `the admin API (${formatAddress(address)}) and listener ${nameOf(rival)} (${rival.address}) need the same port; choose another`,
      );
    }
  }
  for (const [index, token] of tokens.entries()) {
    if (token?.name === undefined || !tokens.slice(0, index).some((other) => other?.name === token.name)) continue;
    report(
      findings,
      `/admin/tokens/${index}/name`,
      `another token is named ${quote(token.name)} already; the journal could not tell them apart`,
    );
  }
}

function checkService(service: Salvaged<ServiceDocument>, pointer: string, findings: Finding[]): void {
  if (service.pools === undefined) return;
  const poolIds = Object.keys(service.pools);
  for (const poolId of Object.keys(service.weights ?? {})) {
    if (Object.hasOwn(service.pools, poolId)) continue;
    report(
      findings,
      childPointer(`${pointer}/weights`, poolId),
      `the service has no pool ${quote(poolId)}${suggestName(poolId, poolIds)}`,
      'key',
    );
  }
  if (!('weights' in service) && poolIds.length > 1) {
    const example = poolIds.map((poolId, index) => `${poolId}: ${index === 0 ? 100 : 0}`).join(', ');
    report(
      findings,
      `${pointer}/weights`,
      `the key "weights" is missing, and with several pools only you can know; for example { ${example} }`,
    );
  }
  for (const [poolId, pool] of Object.entries(service.pools)) {
    checkTargets(pool?.targets ?? [], childPointer(`${pointer}/pools`, poolId), findings);
  }
}

function checkTargets(targets: Salvaged<PoolDocument['targets']>, pointer: string, findings: Finding[]): void {
  const seen = new Set<string>();
  for (const [index, target] of targets.entries()) {
    const url = typeof target === 'string' ? target : target?.url;
    const given = typeof target === 'string' ? undefined : target?.id;
    const reading = url === undefined ? undefined : readTargetUrl(url);
    const id = given ?? (reading?.ok ? formatAddress(reading.value) : undefined);
    if (id === undefined) continue;
    if (seen.has(id)) {
      const at = `${pointer}/targets/${index}${given === undefined ? '' : '/id'}`;
      const wayOut = given === undefined ? 'remove it, or give it a weight instead of repeating it' : 'ids must differ within a pool';
      report(findings, at, `the pool has a target ${quote(id)} already; ${wayOut}`);
    }
    seen.add(id);
  }
}

function checkRoutes(document: Salvaged<ConfigDocument>, findings: Finding[]): void {
  const serviceIds = Object.keys(document.services ?? {});
  if (!('routes' in document)) {
    if (serviceIds.length > 1) {
      const example = `[{ match: { host: "${serviceIds[1]}.example" }, service: ${serviceIds[1]} }, { service: ${serviceIds[0]} }]`;
      report(findings, '/routes', `the key "routes" is missing, and with several services only you can know; for example ${example}`);
    }
    return;
  }
  const firstWith = new Map<string, number>();
  for (const [index, route] of (document.routes ?? []).entries()) {
    if (route === undefined) continue;
    const pointer = `/routes/${index}`;
    if (route.service !== undefined && document.services !== undefined && !Object.hasOwn(document.services, route.service)) {
      report(findings, `${pointer}/service`, `there is no service ${quote(route.service)}${suggestName(route.service, serviceIds)}`);
    }
    checkFieldNames(route, pointer, findings);
    const match = completeMatch(route);
    if (match === undefined) continue;
    const key = matchKey(match);
    const earlier = firstWith.get(key);
    if (earlier === undefined) firstWith.set(key, index);
    else
      report(
        findings,
        pointer,
        `this route can never match: route ${earlier + 1} (/routes/${earlier}) has the same conditions and stands earlier; remove one`,
      );
  }
}

/** Field names are compared without case, so two spellings in one match are one condition with two values. */
function checkFieldNames(route: Salvaged<RouteDocument>, pointer: string, findings: Finding[]): void {
  const seen = new Set<string>();
  for (const name of Object.keys(route.match?.headers ?? {})) {
    const lower = name.toLowerCase();
    if (seen.has(lower)) {
      report(
        findings,
        childPointer(`${pointer}/match/headers`, name),
        `the field ${quote(lower)} stands here twice; case does not count`,
        'key',
      );
    }
    seen.add(lower);
  }
}

/** The match, or undefined where a part of it could not be read: then it is unknown what the route would match. */
function completeMatch(route: Salvaged<RouteDocument>): RouteMatch | undefined {
  if (!('match' in route)) return readRouteMatch({});
  return isCompleteMatch(route.match) ? readRouteMatch(route.match) : undefined;
}

/** Whether nothing had to be dropped. What is left has passed the schema. */
function isCompleteMatch(match: unknown): match is NonNullable<RouteDocument['match']> {
  return isComplete(match);
}

function isComplete(value: unknown): boolean {
  if (value === undefined) return false;
  return typeof value !== 'object' || value === null || Object.values(value).every(isComplete);
}

/** Equal for matches that take the same requests however they are written. */
function matchKey(match: RouteMatch): string {
  return JSON.stringify([
    match.host ?? null,
    match.path ?? null,
    match.methods.toSorted(),
    sorted(match.headers),
    sorted(match.query),
    sorted(match.cookies),
  ]);
}

function sorted(pairs: RouteMatch['headers']): string[] {
  return pairs.map(({ name, value }) => JSON.stringify([name, value])).toSorted();
}

function addressOf(text: string | undefined): SocketAddress | undefined {
  const reading = text === undefined ? undefined : readListenAddress(text);
  return reading?.ok ? reading.value : undefined;
}

function clashes(text: string | undefined, address: SocketAddress): boolean {
  const other = addressOf(text);
  return other !== undefined && clash(other, address);
}

function nameOf(listener: Salvaged<ListenerDocument>): string {
  return listener.name === undefined ? 'without a name' : quote(listener.name);
}

function report(findings: Finding[], pointer: string, message: string, at: Finding['at'] = 'value'): void {
  findings.push({ pointer, message, at });
}
