/** From a document to what it means. */
import { Compile } from 'typebox/compile';
import type { Problem } from '../src/core/errors.ts';
import type { JsonObject } from '../src/core/json.ts';
import type { Listener, Model } from '../src/core/model.ts';
import { readListenAddress } from './addresses.ts';
import {
  adminDefaults,
  clientDefaults,
  listenerLimitDefaults,
  listenersDefault,
  listenerTimeoutDefaults,
  logDefaults,
  processDefaults,
} from './defaults.ts';
import { Findings } from './findings.ts';
import { readNetwork } from './networks.ts';
import { must, readRoutes } from './routes.ts';
import { ConfigSchema, type ConfigDocument, type ListenerDocument } from './schema.ts';
import { checkSemantics } from './semantics.ts';
import { readService } from './services.ts';
import type { Settings } from './settings.ts';
import { plainSchema } from './schema-node.ts';
import { checkShape } from './shape.ts';
import { readEncryption } from './tls.ts';
import { readDuration, readSize, readSizeLimit } from './units.ts';

const rootSchema = plainSchema(ConfigSchema);
/** Compiled, because every change of a weight comes through here: 3 ms instead of 45 for a thousand services. */
const validator = Compile(ConfigSchema);

export type Interpretation =
  | { readonly kind: 'valid'; readonly model: Model; readonly settings: Settings }
  | { readonly kind: 'invalid'; readonly problems: readonly Problem[] };

export type Examination = Extract<Interpretation, { kind: 'valid' }> | { readonly kind: 'invalid'; readonly findings: Findings };

/** Reads a document as a person wrote it: fills in defaults, fixes units, resolves names; or reports every problem in it. Never throws. */
export function interpret(document: JsonObject): Interpretation {
  const meaning = examine(document);
  if (meaning.kind === 'valid') return meaning;
  const problems: Problem[] = meaning.findings.listed().map(({ pointer, message }) => ({ pointer, message }));
  const more = meaning.findings.more();
  return { kind: 'invalid', problems: more === undefined ? problems : [...problems, { pointer: '', message: more }] };
}

/** The same, with what is wrong as it was found: first wrong shapes, then what contradicts itself. */
export function examine(document: JsonObject): Examination {
  const findings = new Findings();
  const salvaged = checkShape<ConfigDocument>(rootSchema, document, findings);
  if (salvaged !== undefined) checkSemantics(salvaged, findings);
  if (findings.isEmpty) {
    if (validator.Check(document)) return { kind: 'valid', model: readModel(document), settings: readSettings(document) };
    // TypeBox has the last word; that it disagrees with the sentences of shape.ts is our bug, but no reason to run a bad document.
    for (const error of validator.Errors(document)) findings.add(error.instancePath, error.message);
  }
  return { kind: 'invalid', findings };
}

function readModel(document: ConfigDocument): Model {
  return {
    listeners: (document.listeners ?? listenersDefault.value).map(readListener),
    services: Object.entries(document.services).map(([id, service]) => readService(id, service)),
    routes: readRoutes(document),
  };
}

function readListener(document: ListenerDocument): Listener {
  const { timeouts = {}, limits = {} } = document;
  const milliseconds = (key: keyof typeof listenerTimeoutDefaults): number =>
    must(readDuration, timeouts[key] ?? listenerTimeoutDefaults[key].value);
  return {
    name: document.name,
    address: must(readListenAddress, document.address),
    timeouts: { headMs: milliseconds('head'), keepAliveMs: milliseconds('keepAlive'), writeMs: milliseconds('write') },
    limits: {
      headBytes: must(readSize, limits.headBytes ?? listenerLimitDefaults.headBytes.value),
      fields: limits.fields ?? listenerLimitDefaults.fields.value,
      connections: limits.connections ?? listenerLimitDefaults.connections.value,
      connectionsPerClient: limits.connectionsPerClient ?? listenerLimitDefaults.connectionsPerClient.value,
      bodyBytes: must(readSizeLimit, limits.bodyBytes ?? listenerLimitDefaults.bodyBytes.value),
    },
    ...readEncryption(document),
    proxyProtocol: readNetworks(document.proxyProtocol?.from ?? []),
    trustedProxies: readNetworks(document.trustedProxies ?? clientDefaults.trustedProxies.value),
    requestIds: document.requestIds ?? clientDefaults.requestIds.value,
    traceContext: document.traceContext ?? clientDefaults.traceContext.value,
  };
}

/** Each once. */
function readNetworks(networks: readonly string[]): string[] {
  return [...new Set(networks.map((network) => must(readNetwork, network)))];
}

function readSettings(document: ConfigDocument): Settings {
  return {
    admin: {
      address: must(readListenAddress, document.admin?.address ?? adminDefaults.address.value),
      tokens: (document.admin?.tokens ?? []).map(({ name, role, tokenFile }) => ({ name, role, tokenFile })),
    },
    dataDir: document.dataDir ?? processDefaults.dataDir.value,
    workers: document.workers ?? processDefaults.workers.value,
    log: { level: document.log?.level ?? logDefaults.level.value, access: document.log?.access ?? logDefaults.access.value },
  };
}
