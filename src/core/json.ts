/** Documents as plain JSON: compared, patched and merged without knowing what they mean. */

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json;
}

export function isJsonObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether two values are the same JSON value; the order of keys does not matter, that of items does. */
export function equalJson(a: Json | undefined, b: Json | undefined): boolean {
  if (a === b) return true;
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((item: Json, index) => equalJson(item, (b as readonly Json[])[index]));
  }
  if (!isJsonObject(a) || !isJsonObject(b)) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && equalJson(a[key], b[key]));
}

/** One place where two documents differ. `undefined` = not there. */
export interface Difference {
  /** RFC 6901 JSON pointer. */
  readonly pointer: string;
  readonly before?: Json;
  readonly after?: Json;
}

/** Where `after` differs from `before`, in the order of their keys. Arrays are compared whole. */
export function diffJson(before: Json, after: Json, pointer = ''): Difference[] {
  if (equalJson(before, after)) return [];
  if (!isJsonObject(before) || !isJsonObject(after)) return [{ pointer, before, after }];
  const differences: Difference[] = [];
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const at = childPointer(pointer, key);
    const was = ownValue(before, key);
    const is = ownValue(after, key);
    if (was === undefined) differences.push({ pointer: at, after: is as Json });
    else if (is === undefined) differences.push({ pointer: at, before: was });
    else differences.push(...diffJson(was, is, at));
  }
  return differences;
}

/** RFC 7396: `null` removes, objects merge, everything else replaces. */
export function mergePatch(target: Json | undefined, patch: Json): Json {
  if (!isJsonObject(patch)) return patch;
  const base = isJsonObject(target) ? target : {};
  const merged: Record<string, Json> = Object.create(null);
  for (const key of Object.keys(base)) merged[key] = base[key]!;
  for (const key of Object.keys(patch)) {
    const change = patch[key]!;
    if (change === null) delete merged[key];
    else merged[key] = mergePatch(merged[key], change);
  }
  return { ...merged };
}

/**
 * Merges what changed from `base` to `theirs` into `ours`, as `kubectl apply` does with a file: what `theirs` changed wins, what only
 * `ours` changed stays. `undefined` = not there. Arrays and scalars are taken whole.
 */
export function mergeThreeWay(base: Json | undefined, ours: Json | undefined, theirs: Json | undefined): Json | undefined {
  if (equalJson(base, theirs)) return ours;
  if (!isJsonObject(ours) || !isJsonObject(theirs)) return theirs;
  const baseObject = isJsonObject(base) ? base : {};
  const merged: Record<string, Json> = Object.create(null);
  for (const key of new Set([...Object.keys(ours), ...Object.keys(theirs)])) {
    const value = mergeThreeWay(ownValue(baseObject, key), ownValue(ours, key), ownValue(theirs, key));
    if (value !== undefined) merged[key] = value;
  }
  return { ...merged };
}

/** The pointer of a member, escaped as RFC 6901 section 3 asks. */
export function childPointer(pointer: string, key: string | number): string {
  return `${pointer}/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

/** A key such as `toString` or `__proto__` must not find what every object inherits. */
export function ownValue(object: JsonObject, key: string): Json | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}
