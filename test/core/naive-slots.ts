/** Slots as one would write them without thinking of cost: one entry per slot. To compare with. */
import { countSlots, slotCount, type SlotOwner, type SlotTable } from '../../src/core/slots.ts';

export type Weights = readonly { readonly id: string; readonly weight: number }[];
/** The owners of every slot, the first one first. */
export type NaiveTable = readonly (readonly SlotOwner[])[];

export function naiveTable(): NaiveTable {
  return [];
}

/** A table, slot by slot. */
export function slotsOf({ runs }: SlotTable): NaiveTable {
  return runs.flatMap(({ length, owners }) => Array.from({ length }, () => owners));
}

/** The first slot whose past is not the same in both, or -1. */
export function firstDifference(a: NaiveTable, b: NaiveTable): number {
  if (a.length !== b.length) return Math.min(a.length, b.length);
  return a.findIndex((past, slot) => {
    const other = b[slot]!;
    return (
      past.length !== other.length || past.some(({ pool, since }, index) => other[index]!.pool !== pool || other[index]!.since !== since)
    );
  });
}

/** The move to the counts of `result`, one slot after the other. Which counts are right is for others to say. */
export function naiveMove(before: NaiveTable, weights: Weights, result: SlotTable, revision: number): NaiveTable {
  const exists = (pool: string): boolean => weights.some(({ id }) => id === pool);
  const now = before.map((owners) => owners.at(-1)!.pool);
  const pasts = before.map((owners) => {
    const left = owners.filter(({ pool }) => exists(pool));
    return left.map((owner, index) => (index === 0 ? { ...owner, since: 0 } : owner));
  });
  if (weights.every(({ weight }) => weight === 0)) {
    return pasts.map((past) => (past.length === 0 ? [{ pool: weights[0]!.id, since: 0 }] : past));
  }

  const wanted = countSlots(result.runs);
  const surplus = new Map<string, number>();
  for (const [pool, slots] of wanted) surplus.set(pool, -slots);
  for (const pool of now) surplus.set(pool, (surplus.get(pool) ?? 0) + 1);
  const earlier = revisionsIn(pasts).find((since) => isDirect(now, pasts, since, surplus));
  if ([...surplus.values()].some((slots) => slots !== 0) && earlier !== undefined) return pasts.map((past) => upTo(past, earlier));

  const after: (readonly SlotOwner[])[] = [...pasts];
  const move = (slot: number, to: string, past: readonly SlotOwner[]): void => {
    surplus.set(now[slot]!, surplus.get(now[slot]!)! - 1);
    surplus.set(to, surplus.get(to)! + 1);
    after[slot] = past;
  };
  const lastMoved = (slot: number): number => (pasts[slot]!.at(-1)?.pool === now[slot] ? pasts[slot]!.at(-1)!.since : Infinity);
  const isMoved = new Set<number>();
  const slots = Array.from({ length: slotCount }, (_, slot) => slot).filter((slot) => surplus.get(now[slot]!)! > 0);

  for (const slot of slots.toSorted((a, b) => lastMoved(b) - lastMoved(a) || a - b)) {
    if (surplus.get(now[slot]!)! <= 0) continue;
    const back = pasts[slot]!.findLastIndex(({ pool }) => pool !== now[slot] && surplus.get(pool)! < 0);
    if (back < 0) continue;
    move(slot, pasts[slot]![back]!.pool, pasts[slot]!.slice(0, back + 1));
    isMoved.add(slot);
  }
  for (const slot of slots.toSorted((a, b) => lastMoved(b) - lastMoved(a) || b - a)) {
    if (isMoved.has(slot) || surplus.get(now[slot]!)! <= 0) continue;
    const to = weights.find(({ id }) => (surplus.get(id) ?? 0) < 0)!.id;
    move(slot, to, pasts[slot]!.length === 0 ? [{ pool: to, since: 0 }] : [...pasts[slot]!, { pool: to, since: revision }]);
  }
  return after;
}

/** When slots were moved, the earliest first. */
function revisionsIn(pasts: NaiveTable): number[] {
  const revisions = new Set<number>();
  for (const past of pasts) for (const { since } of past) revisions.add(since);
  return [...revisions].toSorted((a, b) => a - b);
}

function upTo(past: readonly SlotOwner[], revision: number): readonly SlotOwner[] {
  return past.filter(({ since }) => since <= revision);
}

/** Whether every slot that was elsewhere goes back there from a shrinking pool to a growing one, and all counts come out right. */
function isDirect(now: readonly string[], pasts: NaiveTable, revision: number, surplus: ReadonlyMap<string, number>): boolean {
  const left = new Map(surplus);
  for (const [slot, past] of pasts.entries()) {
    const [from, to] = [now[slot]!, past.findLast(({ since }) => since <= revision)?.pool];
    if (to === undefined) return false;
    if (from === to) continue;
    if (left.get(from)! <= 0 || (left.get(to) ?? 0) >= 0) return false;
    left.set(from, left.get(from)! - 1);
    left.set(to, left.get(to)! + 1);
  }
  return [...left.values()].every((slots) => slots === 0);
}
