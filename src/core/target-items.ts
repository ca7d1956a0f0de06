/** Targets as somebody wrote them, in a pool's list: a URL, or an object that says more. Both are the same target. */
import { isJsonObject, ownValue, type Json, type JsonObject } from './json.ts';
import { withoutKeys } from './proposal.ts';

/** A target as an object, whether it was written as one or as a URL. */
export function asObject(item: Json): JsonObject {
  return isJsonObject(item) ? item : { url: item };
}

/** As a person would write it: without the id where it is that of the URL, and as a bare URL where nothing else is left. */
export function shortestItem(id: string, object: JsonObject): Json {
  const rest = withoutKeys(object, 'id');
  const url = ownValue(rest, 'url');
  if (typeof url !== 'string' || idOfUrl(url) !== id) return { id, ...rest };
  return Object.keys(rest).length === 1 ? url : rest;
}

/** The id that the target is given, or that of its URL; undefined where it has neither, which no valid document allows. */
export function idOfItem(item: Json): string | undefined {
  const object = asObject(item);
  const id = ownValue(object, 'id');
  if (id !== undefined) return typeof id === 'string' ? id : undefined;
  const url = ownValue(object, 'url');
  return typeof url === 'string' ? idOfUrl(url) : undefined;
}

/** By id, in their order; undefined for what is no list of targets that can be told apart. */
export function itemsById(list: Json | undefined): ReadonlyMap<string, Json> | undefined {
  if (!Array.isArray(list)) return undefined;
  const items = new Map<string, Json>();
  for (const item of list as readonly Json[]) {
    const id = idOfItem(item);
    if (id === undefined || items.has(id)) return undefined;
    items.set(id, item);
  }
  return items;
}

/** `host:port`, as `config/` names a target that is given no id; undefined where the URL is none. */
function idOfUrl(url: string): string | undefined {
  if (!URL.canParse(url)) return undefined;
  const { protocol, hostname, port } = new URL(url);
  return `${hostname}:${port || (protocol === 'https:' ? '443' : '80')}`;
}
