/**
 * Sticky by slots: a client's key hashes to one of 65,536 slots, and the revision says which pool owns each slot.
 *
 * A change of weights moves as few slots as it can, from shrinking to growing pools. Every slot remembers whom it belonged to before, so
 * that lowering a weight again gives slots back to their former owners, those moved last first: a ramp flips each client at most once, and
 * going back restores the table bit for bit.
 */
import { hashText } from './hash.ts';

export const slotCount = 65_536;

/** Who owned a slot, and from which revision on; 0 = from the beginning. */
export interface SlotOwner {
  readonly pool: string;
  readonly since: number;
}

/** Neighbouring slots with the same past. */
export interface SlotRun {
  readonly length: number;
  /** The first owner first, since 0; the last one owns them now. No pool appears twice. */
  readonly owners: readonly SlotOwner[];
}

/** The slots of one service, from slot 0 on; lengths add up to {@link slotCount}. Plain data: it is saved with the revision. */
export interface SlotTable {
  readonly runs: readonly SlotRun[];
  /** By pool: assignments made before this revision are not kept (see `Sticky.onShrink`), because the pool was rolled back then. */
  readonly keptSince: Readonly<Record<string, number>>;
}

/** By service. Services without sticky have none. */
export type SlotTables = Readonly<Record<string, SlotTable>>;

/** Every pool of a service, in its order; weights are non-negative integers. */
type Weights = readonly { readonly id: string; readonly weight: number }[];

/** How many slots each pool has. */
type Counts = ReadonlyMap<string, number>;

/** Slots that lie side by side and have the same past, while they are moved. */
interface Piece {
  start: number;
  length: number;
  /** Perhaps of a pool that no longer exists. */
  readonly owner: string;
  /** As in {@link SlotRun}, without pools that no longer exist. */
  readonly owners: readonly SlotOwner[];
}

/** The slot of a client by its key. */
export function slotOf(key: string, seed: number): number {
  return hashText(key, seed) >>> 16;
}

/** What the hash of a service's clients starts from: with one seed for all, the same people would be the canaries of every service. */
export function serviceSeed(serviceId: string): number {
  return hashText(serviceId, 0);
}

/** The index of the run that a slot lies in. @param slotEnds where each run ends (exclusive), in order; the last is {@link slotCount} */
export function ownerOfSlot(slotEnds: readonly number[], slot: number): number {
  let low = 0;
  let high = slotEnds.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (slotEnds[middle]! > slot) high = middle;
    else low = middle + 1;
  }
  return low;
}

/**
 * The table after a change of weights. Every pool has its share of the slots to within less than one, and `½ · Σ |Δ count|` slots move.
 *
 * - Where the table fits the weights, it stays: steps of less than two slots may move nobody. Where an earlier state of it fits and every
 *   slot can go there by the shortest way, that is what comes back, the earliest first.
 * - Otherwise slots go back to former owners that grow, those moved last first, and of those moved together the lowest first. What is
 *   still to be moved goes from shrinking to growing pools: what the shrinking pool got last first, and of that the highest first. So
 *   going to and fro gives the same slots each time.
 * - A pool that no longer exists gives all of its slots away and is forgotten.
 *
 * @param weights every pool of the service; where all are 0, nothing moves but what pools that no longer exist have left
 * @param revision the one that the moves belong to; higher than those of the moves before
 */
export function moveSlots(table: SlotTable | undefined, weights: Weights, revision: number): SlotTable {
  if (table === undefined) return { runs: mergeRuns(cutSlots(weights)), keptSince: {} };

  const known = new Set(weights.map(({ id }) => id));
  const pieces = piecesOf(table.runs, known);
  const keptSince = Object.fromEntries(Object.entries(table.keptSince).filter(([pool]) => known.has(pool)));
  return {
    runs: mergeRuns(weightTotal(weights) === 0 ? withoutOrphans(pieces, weights[0]!.id) : refit(pieces, weights, revision)),
    keptSince,
  };
}

/**
 * The table of a revision that is gone back to, as it was. Pools that shrink thereby are not kept: who was bound to them moves at once,
 * whatever `onShrink` says.
 * @param current the table in force until now @param revision the one that goes back
 */
export function rollBackSlots(current: SlotTable | undefined, saved: SlotTable, revision: number): SlotTable {
  if (current === undefined) return saved;
  // What was rolled back meanwhile stays so: the saved table cannot know of it.
  const keptSince: Record<string, number> = { ...saved.keptSince, ...current.keptSince };
  const after = countSlots(saved.runs);
  for (const [pool, count] of countSlots(current.runs)) if (count > (after.get(pool) ?? 0)) keptSince[pool] = revision;
  return { runs: saved.runs, keptSince };
}

/** How many slots each pool owns. Pools without any are not in it. */
export function countSlots(runs: readonly SlotRun[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { length, owners } of runs) add(counts, owners.at(-1)!.pool, length);
  return counts;
}

/** The first table: each pool has its share in one piece, in their order. */
function cutSlots(weights: Weights): SlotRun[] {
  const counts: Counts = weightTotal(weights) === 0 ? new Map([[weights[0]!.id, slotCount]]) : apportion(weights, new Map());
  return [...counts].map(([pool, length]) => ({ length, owners: [{ pool, since: 0 }] }));
}

function piecesOf(runs: readonly SlotRun[], known: ReadonlySet<string>): Piece[] {
  let end = 0;
  return runs.map(({ length, owners }) => {
    const start = end;
    end += length;
    return { start, length, owner: owners.at(-1)!.pool, owners: rooted(owners.filter(({ pool }) => known.has(pool))) };
  });
}

/** Nobody is left who had the slots before their first owner, so it does not matter since when that one has them. */
function rooted(owners: readonly SlotOwner[]): readonly SlotOwner[] {
  const [first, ...later] = owners;
  return first === undefined || first.since === 0 ? owners : [{ pool: first.pool, since: 0 }, ...later];
}

/** Slots whose owner no longer exists go back to the one before, or to `heir`. */
function withoutOrphans(pieces: readonly Piece[], heir: string): Piece[] {
  return pieces.map((piece) => (piece.owners.length > 0 ? piece : { ...piece, owners: [{ pool: heir, since: 0 }] }));
}

function refit(pieces: readonly Piece[], weights: Weights, revision: number): readonly Piece[] {
  const counts = countPieces(pieces);
  if (fits(counts, weights)) return pieces;
  return earlierState(pieces, counts, weights) ?? shift(pieces, differences(counts, apportion(weights, counts)), weights, revision);
}

function countPieces(pieces: readonly Piece[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { owner, length } of pieces) add(counts, owner, length);
  return counts;
}

/** Whether every pool's count is less than one slot from its exact share, and no other pool has any. In whole numbers, so exactly. */
function fits(counts: Counts, weights: Weights): boolean {
  const total = weightTotal(weights);
  let sum = 0;
  for (const { id, weight } of weights) {
    const count = counts.get(id) ?? 0;
    if (Math.abs(count * total - slotCount * weight) >= total) return false;
    sum += count;
  }
  return sum === slotCount;
}

/**
 * How many slots each pool shall have: its exact share rounded up or down. A pool whose count is one of the two keeps it, so that two
 * that trade leave a third alone; else the largest remainders are rounded up, whatever was before, so that the way back leads to the same.
 * As every count is off by less than 1, of `n` pools less than `2 · ⌊n / 2⌋` slots more or fewer are moved than the exact shares say.
 */
function apportion(weights: Weights, counts: Counts): Counts {
  const total = weightTotal(weights);
  const parts = weights.map(({ id, weight }) => {
    const remainder = (slotCount * weight) % total;
    const floor = (slotCount * weight - remainder) / total;
    const above = counts.size === 0 ? undefined : (counts.get(id) ?? 0) - floor;
    return { id, floor, remainder, wish: above === 1 ? 1 : above === 0 ? -1 : 0 };
  });
  const missing = parts.reduce((rest, { floor }) => rest - floor, slotCount);
  const ups = parts
    .filter(({ remainder }) => remainder > 0)
    .toSorted((a, b) => b.wish - a.wish || b.remainder - a.remainder)
    .slice(0, missing)
    .map(({ id }) => id);
  return new Map(parts.map(({ id, floor }) => [id, ups.includes(id) ? floor + 1 : floor]));
}

/**
 * The earliest state that fits and that can be had by giving back alone, each slot from a pool that shrinks to one that grows. Without
 * this a share that is rounded the other way on the way back would leave a slot where it was not.
 */
function earlierState(pieces: readonly Piece[], counts: Counts, weights: Weights): Piece[] | undefined {
  const moves = pieces.flatMap(({ length, owners }) =>
    owners.slice(1).map(({ pool, since }, index) => ({ since, length, from: owners[index]!.pool, to: pool })),
  );
  const state = new Map<string, number>();
  for (const { owners, length } of pieces) if (owners.length > 0) add(state, owners[0]!.pool, length);
  let last = 0;
  for (const { since, length, from, to } of moves.toSorted((a, b) => a.since - b.since)) {
    if (since > last && fits(state, weights)) {
      const returned = returnTo(pieces, last);
      if (countMoved(pieces, returned) === countMoves(differences(counts, state))) return returned;
    }
    last = since;
    add(state, from, -length);
    add(state, to, length);
  }
  return undefined;
}

/** The pieces as they were after a revision, as far as they remember. */
function returnTo(pieces: readonly Piece[], revision: number): Piece[] {
  return pieces.map((piece) => ({ ...piece, owners: piece.owners.filter(({ since }) => since <= revision) }));
}

function countMoved(before: readonly Piece[], after: readonly Piece[]): number {
  return before.reduce((sum, { owner, length }, index) => (after[index]!.owners.at(-1)?.pool === owner ? sum : sum + length), 0);
}

/** By how much every pool, whether it still exists or not, grows; below 0 it shrinks. */
function differences(before: Counts, after: Counts): Map<string, number> {
  const growth = new Map(after);
  for (const [pool, count] of before) add(growth, pool, -count);
  return growth;
}

function countMoves(growth: Counts): number {
  return [...growth.values()].reduce((sum, slots) => sum + Math.max(0, slots), 0);
}

/** @param growth what has yet to move; used up */
function shift(pieces: readonly Piece[], growth: Map<string, number>, weights: Weights, revision: number): Piece[] {
  const moved: Piece[] = [];
  const rest = giveBack(pieces, growth, moved);
  giveOn(rest, growth, weights, revision, moved);
  return [...moved, ...rest].filter(({ length }) => length > 0).toSorted((a, b) => a.start - b.start);
}

/** Returns what stays, for the time being; what goes back is added to `moved`. */
function giveBack(pieces: readonly Piece[], growth: Map<string, number>, moved: Piece[]): Piece[] {
  const rest = pieces.map((piece) => ({ ...piece }));
  for (const piece of rest.toSorted((a, b) => lastMoved(b) - lastMoved(a) || a.start - b.start)) {
    for (const [index, { pool }] of [...piece.owners.entries()].toReversed()) {
      if (pool === piece.owner) continue;
      const length = transfer(piece, pool, growth);
      if (length === 0) continue;
      moved.push({ start: piece.start, length, owner: pool, owners: piece.owners.slice(0, index + 1) });
      piece.start += length;
      piece.length -= length;
    }
  }
  return rest;
}

/** No pool comes to own a slot twice: {@link giveBack} goes on until no shrinking pool has a slot that a growing one had before. */
function giveOn(rest: readonly Piece[], growth: Map<string, number>, weights: Weights, revision: number, moved: Piece[]): void {
  for (const piece of rest.toSorted((a, b) => lastMoved(b) - lastMoved(a) || b.start - a.start)) {
    for (const { id } of weights) {
      const length = transfer(piece, id, growth);
      if (length === 0) continue;
      piece.length -= length;
      const owners = rooted([...piece.owners, { pool: id, since: revision }]);
      moved.push({ start: piece.start + piece.length, length, owner: id, owners });
    }
  }
}

/** How many slots of a piece go to a pool that may grow. Notes them as moved. */
function transfer({ owner, length }: Piece, to: string, growth: Map<string, number>): number {
  const slots = Math.min(length, -growth.get(owner)!, growth.get(to)!);
  if (slots <= 0) return 0;
  add(growth, owner, slots);
  add(growth, to, -slots);
  return slots;
}

/** When the present owner got the slots; those of a pool that no longer exists are the last. */
function lastMoved({ owner, owners }: Piece): number {
  const last = owners.at(-1);
  return last?.pool === owner ? last.since : Infinity;
}

function mergeRuns(runs: readonly SlotRun[]): SlotRun[] {
  const merged: { length: number; owners: readonly SlotOwner[] }[] = [];
  for (const { length, owners } of runs) {
    const last = merged.at(-1);
    if (length === 0) continue;
    if (last !== undefined && isSamePast(last.owners, owners)) last.length += length;
    else merged.push({ length, owners });
  }
  return merged;
}

function isSamePast(a: readonly SlotOwner[], b: readonly SlotOwner[]): boolean {
  return a.length === b.length && a.every(({ pool, since }, index) => b[index]!.pool === pool && b[index]!.since === since);
}

function weightTotal(weights: Weights): number {
  return weights.reduce((total, { weight }) => total + weight, 0);
}

function add(counts: Map<string, number>, pool: string, slots: number): void {
  counts.set(pool, (counts.get(pool) ?? 0) + slots);
}
