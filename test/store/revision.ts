import type { Revision } from '../../src/control/ports.ts';
import type { Difference } from '../../src/core/json.ts';

/** A revision whose content is told by its number. */
export function aRevision(number: number, more: Partial<Revision> = {}): Revision {
  return {
    number,
    document: { services: { demo: { weights: { blue: number, green: 0 } } } },
    createdAtMs: 1_700_000_000_000 + number,
    actor: 'test',
    action: 'weights',
    reason: `because of ${number}`,
    undoTo: number === 1 ? undefined : number - 1,
    fileDocument: undefined,
    slots: {
      demo: {
        runs: [
          { length: 65_536 - number, owners: [{ pool: 'blue', since: 0 }] },
          { length: number, owners: ['blue', 'green'].map((pool, since) => ({ pool, since })) },
        ],
        keptSince: { green: number },
      },
    },
    ...more,
  };
}

export const changesOf = (number: number): readonly Difference[] => [
  { pointer: '/services/demo/weights/blue', before: number - 1, after: number },
];
