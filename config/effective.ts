/**
 * What a process runs on: a document, and the settings in which the command line has the last word. What the settings contradict is
 * asked of them here, once, and not of the document: `--admin-listen` is there to resolve such a clash, and what is saved is the
 * document without it.
 */
import { childPointer, isJsonObject, type JsonObject } from '../src/core/json.ts';
import type { Model } from '../src/core/model.ts';
import { clash, formatAddress, isLoopback, readListenAddress } from './addresses.ts';
import { Findings } from './findings.ts';
import { examine } from './interpret.ts';
import { quote } from './reading.ts';
import { must } from './routes.ts';
import type { Settings } from './settings.ts';

/** What the command line says over the document. Each has been read once, so that a wrong one is named as a flag. */
export interface Overrides {
  readonly adminListen?: string | undefined;
  readonly workers?: number | 'auto' | undefined;
  readonly dataDir?: string | undefined;
}

/** A configuration that can be run. */
export interface Configuration {
  /** As authored, without defaults and overrides: what the store keeps and what people get to see again. */
  readonly document: JsonObject;
  readonly model: Model;
  readonly settings: Settings;
}

export type Effective = ({ readonly kind: 'valid' } & Configuration) | { readonly kind: 'invalid'; readonly findings: Findings };

/** Interprets a document as a process would run it; or finds every problem in it. */
export function configure(document: JsonObject, overrides: Overrides = {}): Effective {
  const meaning = examine(document);
  if (meaning.kind === 'invalid') return meaning;
  const { model } = meaning;
  const settings = override(meaning.settings, overrides);
  const findings = new Findings();
  checkAdminAddress(document, model, settings, findings);
  return findings.isEmpty ? { kind: 'valid', document, model, settings } : { kind: 'invalid', findings };
}

function override(settings: Settings, { adminListen, workers, dataDir }: Overrides): Settings {
  return {
    ...settings,
    ...(adminListen === undefined ? {} : { admin: { ...settings.admin, address: must(readListenAddress, adminListen) } }),
    ...(workers === undefined ? {} : { workers }),
    ...(dataDir === undefined ? {} : { dataDir }),
  };
}

function checkAdminAddress(document: JsonObject, { listeners }: Model, { admin }: Settings, findings: Findings): void {
  const { address, tokens } = admin;
  if (!isLoopback(address.host) && tokens.length === 0) {
    const wayOut = `add admin.tokens, or listen on "127.0.0.1:${address.port}"`;
    findings.add('/admin/address', `without tokens anybody who reaches ${formatAddress(address)} could move traffic; ${wayOut}`);
  }
  const rival = listeners.find((listener) => clash(listener.address, address));
  if (rival === undefined) return;
  const names = `the admin API (${formatAddress(address)}) and listener ${quote(rival.name)} (${formatAddress(rival.address)})`;
  const isAdminWritten = isJsonObject(document['admin']) && document['admin']['address'] !== undefined;
  const pointer = isAdminWritten ? '/admin/address' : childPointer(childPointer('/listeners', listeners.indexOf(rival)), 'address');
  findings.add(pointer, `${names} need the same port; choose another, for the admin API also with --admin-listen`);
}
