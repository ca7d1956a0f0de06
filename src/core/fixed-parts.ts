/**
 * The parts of a document that are fixed while the process runs: which listeners there are and where they listen, the admin API's
 * own settings, the data directory, the number of workers and the log. They change with the file and a restart.
 */
import type { Standing } from './change.ts';
import type { Problem } from './errors.ts';
import { equalJson, isJsonObject, ownValue, type Json, type JsonObject } from './json.ts';
import type { Listener } from './model.ts';

/** Keys of the document that are fixed as a whole. Of `listeners`, only names and addresses are: time-outs and limits change live. */
const fixedKeys = ['admin', 'dataDir', 'workers', 'log'] as const;

/** One problem per fixed part that differs between two documents. */
export function changedFixedParts(current: Standing, next: Standing): Problem[] {
  const changed: string[] = fixedKeys.filter((key) => !equalJson(ownValue(current.document, key), ownValue(next.document, key)));
  if (!sameSockets(current.model.listeners, next.model.listeners)) changed.unshift('listeners');
  return changed.map((key) => ({
    pointer: `/${key}`,
    message:
      key === 'listeners'
        ? 'names and addresses of listeners are fixed while Sluice runs; change them in the config file and restart'
        : `${key} is fixed while Sluice runs; change it in the config file and restart`,
  }));
}

/**
 * An earlier document with the fixed parts that are in force now, so that going back moves the traffic and never fails because of an
 * address that has changed since. Where nothing fixed differs, it is the very same document.
 */
export function keepFixedParts(current: JsonObject, earlier: JsonObject): JsonObject {
  const kept: Record<string, Json> = { ...earlier };
  for (const key of fixedKeys) setOrDelete(kept, key, ownValue(current, key));
  setOrDelete(kept, 'listeners', keepSockets(ownValue(current, 'listeners'), ownValue(earlier, 'listeners')));
  return equalJson(kept, earlier) ? earlier : kept;
}

/** The current listeners; one that the earlier document also names, at the same address, gets its earlier time-outs and limits back. */
function keepSockets(current: Json | undefined, earlier: Json | undefined): Json | undefined {
  if (!Array.isArray(current) || !Array.isArray(earlier)) return current;
  const merged = current.map((listener: Json) => earlier.find((candidate: Json) => sameSocket(candidate, listener)) ?? listener);
  // The order of listeners means nothing: where both name the same ones, the earlier document comes back as it was written.
  const isSameSet =
    current.length === earlier.length && new Set(merged).size === earlier.length && merged.every((it) => earlier.includes(it));
  return isSameSet ? earlier : merged;
}

function sameSocket(a: Json, b: Json): boolean {
  if (!isJsonObject(a) || !isJsonObject(b)) return equalJson(a, b);
  return equalJson(ownValue(a, 'name'), ownValue(b, 'name')) && equalJson(ownValue(a, 'address'), ownValue(b, 'address'));
}

function sameSockets(a: readonly Listener[], b: readonly Listener[]): boolean {
  if (a.length !== b.length) return false;
  return a.every(({ name, address }) =>
    b.some((other) => other.name === name && other.address.host === address.host && other.address.port === address.port),
  );
}

function setOrDelete(object: Record<string, Json>, key: string, value: Json | undefined): void {
  if (value === undefined) delete object[key];
  else object[key] = value;
}
