/** How a pool of the config file and the changes made of it live come together. */
import { equalJson, isJsonObject, mergeThreeWay, ownValue, type Json, type JsonObject } from './json.ts';
import { withKey, withoutKeys } from './proposal.ts';
import { asObject, itemsById, shortestItem } from './target-items.ts';

/**
 * A three-way merge of a pool that is in force and in the file. Its targets are merged one by one, by their ids: the file's in its order, then
 * those that were added live. A state and its deadline are one value: half of one and half of the other would mean what nobody said.
 * @param base the pool in the file that was applied last; undefined where it had none
 */
export function mergePool(base: JsonObject | undefined, ours: JsonObject, theirs: JsonObject): JsonObject {
  const merged = mergeStateful(base, ours, theirs);
  const targets = mergeTargets(base && ownValue(base, 'targets'), ownValue(ours, 'targets'), ownValue(theirs, 'targets'));
  return isJsonObject(merged) && targets !== undefined ? withKey(merged, 'targets', targets) : theirs;
}

/** Undefined where they cannot be told apart: then the list is one value. */
function mergeTargets(base: Json | undefined, ours: Json | undefined, theirs: Json | undefined): Json | undefined {
  const [before, live, wanted] = [base === undefined ? new Map<string, Json>() : itemsById(base), itemsById(ours), itemsById(theirs)];
  if (before === undefined || live === undefined || wanted === undefined) return mergeThreeWay(base, ours, theirs);
  return [...new Set([...wanted.keys(), ...live.keys()])].flatMap((id) => {
    const item = live.get(id);
    const merged = mergeStateful(bodyOf(before.get(id)), bodyOf(item), bodyOf(wanted.get(id)));
    if (merged === undefined) return [];
    // As it is written in force, where nothing has changed but the way of writing.
    return [item !== undefined && equalJson(bodyOf(item), merged) ? item : shortestItem(id, asObject(merged))];
  });
}

/** What is said of a target beside its id. */
function bodyOf(item: Json | undefined): JsonObject | undefined {
  return item === undefined ? undefined : withoutKeys(asObject(item), 'id');
}

function mergeStateful(base: JsonObject | undefined, ours: JsonObject | undefined, theirs: JsonObject | undefined): Json | undefined {
  const merged = mergeThreeWay(base && packed(base), ours && packed(ours), theirs && packed(theirs));
  return isJsonObject(merged) ? unpacked(merged) : merged;
}

/** With state and deadline in one list, which a merge takes whole; `null` = not there. */
function packed(object: JsonObject): JsonObject {
  const [state = null, drainUntil = null] = [ownValue(object, 'state'), ownValue(object, 'drainUntil')];
  if (state === null && drainUntil === null) return object;
  return withKey(withoutKeys(object, 'drainUntil'), 'state', [state, drainUntil]);
}

function unpacked(object: JsonObject): JsonObject {
  const pair = ownValue(object, 'state');
  if (!Array.isArray(pair)) return object;
  const [state = null, drainUntil = null] = pair as readonly Json[];
  const bare = withoutKeys(object, 'state');
  return { ...bare, ...(state === null ? {} : { state }), ...(drainUntil === null ? {} : { drainUntil }) };
}
