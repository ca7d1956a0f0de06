/**
 * What a schema cannot say: names that must exist, names and addresses that must differ, routes that can never match. Works on what
 * could be salvaged of a document with wrong shapes, so that one run of `sluice check` reports everything.
 */
import { childPointer } from '../src/core/json.ts';
import type { SocketAddress } from '../src/core/model.ts';
import { clash, readListenAddress } from './addresses.ts';
import { checkCookies, type ReadRoute } from './cookie-semantics.ts';
import { listenersDefault } from './defaults.ts';
import type { Findings } from './findings.ts';
import { checkFieldNames, completeRouteMatch, matchKey } from './match-semantics.ts';
import { quote } from './reading.ts';
import type { ConfigDocument, ListenerDocument, TokenDocument } from './schema.ts';
import { checkService } from './service-semantics.ts';
import type { Salvaged } from './shape.ts';
import { checkTls } from './tls-semantics.ts';
import { formatSize, readSize } from './units.ts';

const headBytesMin = 1024;
const headBytesMax = 1024 * 1024;

export function checkSemantics(document: Salvaged<ConfigDocument>, findings: Findings): void {
  const listeners = document.listeners ?? listenersDefault.value;
  checkListeners(listeners, findings);
  checkTokens(document.admin?.tokens ?? [], findings);
  for (const [id, service] of Object.entries(document.services ?? {})) {
    if (service !== undefined) checkService(service, childPointer('/services', id), findings);
  }
  checkRoutes(document, findings);
}

interface Place {
  readonly listener: Salvaged<ListenerDocument>;
  readonly address: SocketAddress;
}

function checkListeners(listeners: Salvaged<readonly ListenerDocument[]>, findings: Findings): void {
  const names = new Set<string>();
  const places = new Map<number, Map<string, Place>>();
  for (const [index, listener] of listeners.entries()) {
    if (listener === undefined) continue;
    const pointer = childPointer('/listeners', index);
    if (listener.name !== undefined && names.has(listener.name)) {
      findings.add(`${pointer}/name`, `another listener is named ${quote(listener.name)} already; names must differ`);
    }
    if (listener.name !== undefined) names.add(listener.name);

    const address = addressOf(listener.address);
    if (address !== undefined) {
      const others = places.get(address.port) ?? new Map<string, Place>();
      const rival = rivalOf(address, others)?.listener;
      if (rival !== undefined) {
        findings.add(`${pointer}/address`, `listener ${nameOf(rival)} (${rival.address}) has this port already; choose another`);
      }
      if (!others.has(address.host)) others.set(address.host, { listener, address });
      places.set(address.port, others);
    }
    checkTls(listener, pointer, findings);
    checkHeadBytes(listener.limits?.headBytes, `${pointer}/limits/headBytes`, findings);
  }
}

/** A listener that is in the way, of those on the same port by host. Only the addresses that mean "everywhere" are held against all of them. */
function rivalOf(address: SocketAddress, others: ReadonlyMap<string, Place>): Place | undefined {
  const everywhere = ['::', '0.0.0.0'];
  const candidates = everywhere.includes(address.host)
    ? [...others.values()]
    : [address.host, ...everywhere].flatMap((host) => others.get(host) ?? []);
  return candidates.find((other) => clash(other.address, address));
}

function checkHeadBytes(text: string | undefined, pointer: string, findings: Findings): void {
  const reading = text === undefined ? undefined : readSize(text);
  if (!reading?.ok || (reading.value >= headBytesMin && reading.value <= headBytesMax)) return;
  findings.add(pointer, `expected a size from ${formatSize(headBytesMin)} to ${formatSize(headBytesMax)}, found ${quote(text!)}`);
}

/** Names that the journal gives to changes that nobody with a token has made. */
const reservedTokenNames: Readonly<Record<string, string>> = {
  file: 'what the config file changes',
  anonymous: 'what is changed without a token',
};

function checkTokens(tokens: Salvaged<readonly TokenDocument[]>, findings: Findings): void {
  const names = new Set<string>();
  for (const [index, token] of tokens.entries()) {
    if (token?.name === undefined) continue;
    const { name } = token;
    const pointer = `/admin/tokens/${index}/name`;
    if (names.has(name)) findings.add(pointer, `another token is named ${quote(name)} already; the journal could not tell them apart`);
    names.add(name);
    if (Object.hasOwn(reservedTokenNames, name)) {
      findings.add(pointer, `${quote(name)} is how the journal names ${reservedTokenNames[name]!}; choose another name`);
    }
  }
}

function checkRoutes(document: Salvaged<ConfigDocument>, findings: Findings): void {
  const serviceIds = Object.keys(document.services ?? {});
  if (!('routes' in document)) {
    if (serviceIds.length > 1) {
      const example = `[{ match: { host: "${serviceIds[1]}.example" }, service: ${serviceIds[1]} }, { service: ${serviceIds[0]} }]`;
      findings.add('/routes', `the key "routes" is missing, and with several services only you can know; for example ${example}`);
    }
    return;
  }
  const firstWith = new Map<string, number>();
  const readable: ReadRoute[] = [];
  for (const [index, route] of (document.routes ?? []).entries()) {
    if (route === undefined) continue;
    const pointer = `/routes/${index}`;
    if (route.service !== undefined && document.services !== undefined && !Object.hasOwn(document.services, route.service)) {
      findings.add(`${pointer}/service`, `there is no service ${quote(route.service)}${findings.suggest(route.service, serviceIds)}`);
    }
    checkFieldNames(route.match?.headers, `${pointer}/match/headers`, findings);
    const match = completeRouteMatch(route);
    if (match === undefined) continue;
    if (route.service !== undefined) readable.push({ match, service: route.service });
    const key = matchKey(match);
    const earlier = firstWith.get(key);
    if (earlier === undefined) firstWith.set(key, index);
    else
      findings.add(
        pointer,
        `this route can never match: route ${earlier + 1} (/routes/${earlier}) has the same conditions and stands earlier; remove one`,
      );
  }
  checkCookies(document.services ?? {}, readable, findings);
}

function addressOf(text: string | undefined): SocketAddress | undefined {
  const reading = text === undefined ? undefined : readListenAddress(text);
  return reading?.ok ? reading.value : undefined;
}

function nameOf(listener: Salvaged<ListenerDocument>): string {
  return listener.name === undefined ? 'without a name' : quote(listener.name);
}
