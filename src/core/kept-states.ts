/** States that stay where a pool or a target is replaced by somebody who says nothing of them: nobody is brought back without a word. */
import { equalJson, ownValue, type Json, type JsonObject } from './json.ts';
import { withKey } from './proposal.ts';
import { asObject, idOfItem, itemsById } from './target-items.ts';

/** What somebody sends for a pool or a target, with the state and the deadline that it has now where the body does not name them. */
export function keptState(before: JsonObject, sent: JsonObject): JsonObject {
  const state = ownValue(sent, 'state') ?? ownValue(before, 'state');
  if (state === undefined) return sent;
  const drainUntil = ownValue(sent, 'drainUntil') ?? (state === 'ready' ? undefined : ownValue(before, 'drainUntil'));
  const kept = withKey(sent, 'state', state);
  return drainUntil === undefined ? kept : withKey(kept, 'drainUntil', drainUntil);
}

/** The same for a pool and, by their ids, for its targets. One that needs nothing stays as it was written. */
export function keptStates(before: JsonObject, sent: JsonObject): JsonObject {
  const pool = keptState(before, sent);
  const known = itemsById(ownValue(before, 'targets'));
  const targets = ownValue(sent, 'targets');
  if (known === undefined || !Array.isArray(targets)) return pool;
  const kept = targets.map((item: Json): Json => {
    const id = idOfItem(item);
    const was = id === undefined ? undefined : known.get(id);
    if (was === undefined) return item;
    const object = keptState(asObject(was), asObject(item));
    return equalJson(object, asObject(item)) ? item : object;
  });
  return withKey(pool, 'targets', kept);
}
