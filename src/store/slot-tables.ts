import { isJsonObject, type Json, type JsonObject } from '../core/json.ts';
import { slotCount, type SlotTables } from '../core/slots.ts';

/** Whether what was read back can be what was saved: workers rely on every slot having an owner. */
export function isSlotTables(value: unknown): value is SlotTables {
  return isObject(value) && Object.values(value).every(isSlotTable);
}

function isSlotTable(value: Json): boolean {
  if (!isObject(value) || !isObject(value['keptSince']) || !Array.isArray(value['runs'])) return false;
  const runs: readonly Json[] = value['runs'];
  return (
    Object.values(value['keptSince']).every(isWhole) &&
    runs.every((run) => isObject(run) && isWhole(run['length']) && areOwners(run['owners'])) &&
    runs.reduce<number>((sum, run) => sum + (isObject(run) ? Number(run['length']) : 0), 0) === slotCount
  );
}

function areOwners(value: unknown): boolean {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((owner) => isObject(owner) && typeof owner['pool'] === 'string' && isWhole(owner['since']))
  );
}

function isWhole(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function isObject(value: unknown): value is JsonObject {
  return isJsonObject(value as Json | undefined);
}
