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

/** The current listeners at their addresses, each with the time-outs and limits that one of its name had earlier. */
function keepSockets(current: Json | undefined, earlier: Json | undefined): Json | undefined {
  if (!Array.isArray(current) || !Array.isArray(earlier)) return current;
  const merged = current.map((listener: Json) => {
    const before = earlier.find((candidate: Json) => nameOf(candidate) !== undefined && nameOf(candidate) === nameOf(listener));
    return before === undefined ? listener : atAddressOf(before, listener);
  });
  // The order of listeners means nothing: where both name the same ones, the earlier document comes back as it was written.
  const isSameSet =
    current.length === earlier.length && new Set(merged).size === earlier.length && merged.every((it) => earlier.includes(it));
  return isSameSet ? earlier : merged;
}

/** The very same listener where the addresses are written alike. */
function atAddressOf(listener: Json, current: Json): Json {
  if (!isJsonObject(listener) || !isJsonObject(current)) return current;
  const address = ownValue(current, 'address');
  if (equalJson(ownValue(listener, 'address'), address)) return listener;
  const moved: Record<string, Json> = { ...listener };
  setOrDelete(moved, 'address', address);
  return moved;
}

function nameOf(listener: Json): Json | undefined {
  return isJsonObject(listener) ? ownValue(listener, 'name') : undefined;
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
